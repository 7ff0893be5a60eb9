"""Storage in MySQL or MariaDB: transactions over all tables, and the check that they are what they must be."""

from collections.abc import Iterator
from contextlib import contextmanager

from my_monit.errors import ConfigurationError
from my_monit.storage import ports
from my_monit.storage.audit import AuditTable
from my_monit.storage.connector import Session, StorageConnector
from my_monit.storage.experiments import Associations, Experiments
from my_monit.storage.ingestion import Messages
from my_monit.storage.keys import Keys
from my_monit.storage.measures import MeasureIds, Measures
from my_monit.storage.people import Users
from my_monit.storage.quarantine import Quarantine
from my_monit.storage.rights import NEVER_CHANGED, can_delete, has_its_rights
from my_monit.storage.series import MeasureTypes, SeriesTable

#: The schema that this code is written for: the number of the newest file in containers/mysql/dbschema.
SCHEMA_VERSION = 11

#: What the largest message that the broker accepts needs on its way into the quarantine, escaped.
PACKET_BYTES = 64 * 1024 * 1024


class MySqlUnit:
    def __init__(self, session: Session, ids: MeasureIds) -> None:
        self.users: ports.Users = Users(session)
        self.keys: ports.Keys = Keys(session)
        self.experiments: ports.Experiments = Experiments(session)
        self.associations: ports.Associations = Associations(session)
        self.measure_types: ports.MeasureTypes = MeasureTypes(session)
        self.series: ports.SeriesTable = SeriesTable(session)
        self.measures: ports.Measures = Measures(session, ids)
        self.messages: ports.Messages = Messages(session)
        self.quarantine: ports.Quarantine = Quarantine(session)
        self.audit: ports.AuditTable = AuditTable(session)


class Storage:
    def __init__(self, connector: StorageConnector) -> None:
        self._connector = connector
        self._ids = MeasureIds(connector)

    @contextmanager
    def unit(self) -> Iterator[ports.Unit]:
        with self._connector.transaction() as session:
            yield MySqlUnit(session, self._ids)

    def check(self) -> None:
        with self._connector.transaction() as session:
            session.rows("SELECT 1")

    def check_storing(self) -> None:
        with self._connector.transaction() as session:
            session.insert("INSERT INTO MEASURE_BLOCKS () VALUES ()")  # of which 2^43 may be wasted

    def verify(self) -> None:
        """Raises ConfigurationError unless session, schema and rights are what this code was written for."""
        with self._connector.transaction() as session:
            _verify_session(session)
            _verify_schema(session)
            _verify_rights(session)

    def close(self) -> None:
        self._connector.close()


def _verify_session(session: Session) -> None:
    mode, zone, autocommit, packet = session.rows(
        "SELECT @@SESSION.sql_mode, @@SESSION.time_zone, @@SESSION.autocommit, @@SESSION.max_allowed_packet"
    )[0]
    if "STRICT_ALL_TABLES" not in mode or zone != "+00:00" or autocommit:
        raise ConfigurationError("the database does not keep strict SQL mode, UTC and transactions for this session")
    if packet < PACKET_BYTES:
        raise ConfigurationError("the database must take packets of 64 MiB: max_allowed_packet")


def _verify_schema(session: Session) -> None:
    applied = session.row("SELECT MAX(version) FROM SCHEMA_MIGRATIONS WHERE finished IS NOT NULL")
    version = (applied and applied[0]) or 0
    if version < SCHEMA_VERSION:
        raise ConfigurationError(f"the schema is at {version}, this version needs {SCHEMA_VERSION}: mymonit migrate")


def _verify_rights(session: Session) -> None:
    if not has_its_rights(session):
        raise ConfigurationError("the database account DB_USER has other rights than it needs: mymonit migrate")
    for table in NEVER_CHANGED:
        if can_delete(session, table):
            raise ConfigurationError(
                f"DB_USER can delete from {table} by a right that was not granted to it: look for roles, for PUBLIC, "
                "and for accounts without a name, which often may do anything in databases named test..."
            )
