"""Applies the numbered SQL of containers/mysql/dbschema: once each, in order, resumable, one process at a time.

MySQL commits at every DDL statement, so a file that fails half-way stays half-applied. Therefore each statement is
counted before and after it runs, and the next run goes on with the one that was under way.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import mysql.connector

from my_monit.errors import ConfigurationError, MyMonitError
from my_monit.logs.logger import get_logger
from my_monit.settings import StorageAdministration, StorageConfiguration
from my_monit.storage.connector import Session, open_connection
from my_monit.storage.rights import RIGHTS, goes_beyond_tables, rights_on

#: Seconds to wait for another migration to finish, and for a reader to let go of a table.
LOCK_SECS = 60

#: "exists already" in its forms: what a statement answers that ran, but was not counted before a crash.
_ALREADY_DONE = frozenset({1050, 1060, 1061, 1091, 1826})

_TABLE = """
CREATE TABLE IF NOT EXISTS SCHEMA_MIGRATIONS (
    version INT UNSIGNED NOT NULL PRIMARY KEY,
    name VARCHAR(128) NOT NULL,
    checksum CHAR(64) NOT NULL,
    statements INT UNSIGNED NOT NULL COMMENT 'done so far',
    running BOOLEAN NOT NULL COMMENT 'the next one was begun',
    finished DATETIME(6) NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
"""

_log = get_logger("migrations")


class Migration(NamedTuple):
    version: int
    name: str
    checksum: str
    statements: list[str]


def read_migrations(folder: Path) -> list[Migration]:
    """The files NNNN_name.sql, in order. Raises ConfigurationError when there are none or one is out of line."""
    migrations = [_read(path) for path in sorted(folder.glob("*.sql"))]
    if not migrations:
        raise ConfigurationError(f"DB_SCHEMA: there is no numbered SQL in {folder}")
    if [migration.version for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise ConfigurationError(f"the SQL files in {folder} are not numbered 0001, 0002, ... without a gap")
    return migrations


def _read(path: Path) -> Migration:
    number = re.match(r"([0-9]{4})_", path.name)
    if not number:
        raise ConfigurationError(f"{path.name} does not begin with a number of four digits and _")
    text = path.read_text(encoding="utf-8")
    code = re.sub(r"^--.*$", "", text, flags=re.MULTILINE)
    statements = [part.strip() for part in re.split(r";[ \t]*$", code, flags=re.MULTILINE) if part.strip()]
    return Migration(int(number[1]), path.name, hashlib.sha256(text.encode()).hexdigest(), statements)


def migrate(configuration: StorageConfiguration, administration: StorageAdministration) -> list[str]:
    """Bring database, schema and the application's account up to date; return the names of the files applied."""
    migrations = read_migrations(administration.schema_folder)
    with _administrator(configuration, administration) as session:
        _enter_database(session, configuration.database)
        with _alone(session, configuration.database):
            session.execute(_TABLE)
            applied = [migration.name for migration in migrations if _apply(session, migration)]
            _grant(session, configuration)
            session.commit()
    return applied


@contextmanager
def _administrator(
    configuration: StorageConfiguration, administration: StorageAdministration
) -> Iterator[Session]:
    password = administration.admin_password.get_secret_value()
    connection = open_connection(
        configuration, user=administration.admin_user, password=password, database=None, ddl=True
    )
    try:
        yield Session(connection)
    finally:
        connection.close()


def _enter_database(session: Session, database: str) -> None:
    session.execute(f"SET SESSION lock_wait_timeout = {LOCK_SECS}")
    session.execute(f"CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    session.execute(f"USE `{database}`")


@contextmanager
def _alone(session: Session, database: str) -> Iterator[None]:
    name = f"mymonit.{database}"[:64]
    if session.rows("SELECT GET_LOCK(%s, %s)", (name, LOCK_SECS))[0][0] != 1:
        raise ConfigurationError("another migration has been running for a minute: wait for it, then try again")
    yield
    session.rows("SELECT RELEASE_LOCK(%s)", (name,))  # after an error the connection is closed, and the lock is free


def _apply(session: Session, migration: Migration) -> bool:
    """Run what is left of one file; False when nothing was."""
    sql = "SELECT checksum, statements, running, finished FROM SCHEMA_MIGRATIONS WHERE version = %s"
    row = session.row(sql, (migration.version,)) or (migration.checksum, 0, False, None)
    checksum, done, running, finished = row
    if finished and checksum != migration.checksum:
        raise ConfigurationError(f"{migration.name} was changed after it was applied: write a new file instead")
    for index in range(done, len(migration.statements)):
        _note(session, migration, statements=index, running=True)
        session.commit()
        _run(session, migration, index, begun=bool(running) and index == done)
        _note(session, migration, statements=index + 1, running=False)
        session.commit()
        _log.debug("statement_applied", file=migration.name, statement=index + 1, of=len(migration.statements))
    if not finished:
        session.execute(
            "UPDATE SCHEMA_MIGRATIONS SET finished = UTC_TIMESTAMP(6) WHERE version = %s", (migration.version,)
        )
        session.commit()
    return not finished


def _note(session: Session, migration: Migration, *, statements: int, running: bool) -> None:
    session.execute(
        "INSERT INTO SCHEMA_MIGRATIONS (version, name, checksum, statements, running) VALUES (%s, %s, %s, %s, %s) "
        "ON DUPLICATE KEY UPDATE "
        "checksum = VALUES(checksum), statements = VALUES(statements), running = VALUES(running)",
        (migration.version, migration.name, migration.checksum, statements, running),
    )


def _run(session: Session, migration: Migration, index: int, *, begun: bool) -> None:
    try:
        session.execute(migration.statements[index])
    except MyMonitError as error:
        cause = error.__cause__
        if begun and isinstance(cause, mysql.connector.Error) and cause.errno in _ALREADY_DONE:
            return
        place = f"{migration.name}, statement {index + 1} of {len(migration.statements)}"
        raise type(error)(f"{place}: {error}; mymonit migrate will go on there") from cause


def _grant(session: Session, configuration: StorageConfiguration) -> None:
    """Make the application's account, set its password, and give it RIGHTS and nothing else."""
    user, database = configuration.user, configuration.database
    password = configuration.password.get_secret_value()
    session.execute("CREATE USER IF NOT EXISTS %s@'%' IDENTIFIED BY %s", (user, password))
    session.execute("ALTER USER %s@'%' IDENTIFIED BY %s", (user, password))
    grantee = f"'{user}'@'%'"
    if goes_beyond_tables(session, grantee):
        session.execute("REVOKE ALL PRIVILEGES, GRANT OPTION FROM %s@'%'", (user,))
    granted = rights_on(session, database=database, grantee=grantee)
    for table, rights in RIGHTS.items():
        if missing := rights - granted.get(table, frozenset()):
            session.execute(f"GRANT {', '.join(sorted(missing))} ON `{database}`.`{table}` TO %s@'%'", (user,))
    for table, rights in granted.items():
        if excess := rights - RIGHTS.get(table, frozenset()):
            session.execute(f"REVOKE {', '.join(sorted(excess))} ON `{database}`.`{table}` FROM %s@'%'", (user,))
