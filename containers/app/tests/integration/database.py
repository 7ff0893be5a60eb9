"""The test's database as its administrator sees it."""

from collections.abc import Iterator
from contextlib import contextmanager

from my_monit.settings import StorageAdministration, StorageConfiguration
from my_monit.storage.connector import Session, open_connection


@contextmanager
def administrating(
    configuration: StorageConfiguration, administration: StorageAdministration
) -> Iterator[Session]:
    """A session that may do everything in the test's database; it commits each statement."""
    connection = open_connection(
        configuration,
        user=administration.admin_user,
        password=administration.admin_password.get_secret_value(),
        database=configuration.database,
    )
    connection.autocommit = True
    yield Session(connection)
    connection.close()


def empty_tables(administrator: Session) -> None:
    administrator.execute("SET FOREIGN_KEY_CHECKS = 0")
    administrator.execute("START TRANSACTION")  # one wait for the disk instead of twelve
    for table in (
        "USERS", "API_KEYS", "EXPERIMENTS", "EXPERIMENT_NAMES", "USER_EXPERIMENTS", "SERIES", "SERIES_COUNTS",
        "PUBLISHERS", "MEASURES", "ARRIVAL_COUNTS", "ARRIVALS", "MESSAGE_IDS", "QUARANTINE", "QUARANTINE_USAGE",
        "AUDIT",
    ):
        administrator.execute(f"DELETE FROM {table}")
    administrator.execute("DELETE FROM MEASURE_TYPES WHERE measure_type_id > 30")
    administrator.execute("COMMIT")
    administrator.execute("SET FOREIGN_KEY_CHECKS = 1")


def rows_read(administrator: Session) -> int:
    """How many rows all sessions have read one after the other, in ranges of keys, since the server started."""
    found = administrator.rows("SHOW GLOBAL STATUS WHERE Variable_name IN ('Handler_read_next', 'Handler_read_prev')")
    assert len(found) == 2
    return sum(int(value) for _, value in found)
