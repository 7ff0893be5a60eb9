"""Connections to the database: opened, verified, pooled, and given out for one transaction at a time."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import mysql.connector
from mysql.connector import errors
from mysql.connector.abstracts import MySQLConnectionAbstract
from mysql.connector.constants import ClientFlag

from my_monit.errors import (
    ConfigurationError, MyMonitError, StorageContention, StorageRejected, StorageUnavailable,
)
from my_monit.settings import StorageConfiguration
from my_monit.storage.faults import translated

#: Seconds to wait for a connection to open; a host that drops packets must not hold a start or a request.
CONNECT_SECS = 5
#: Seconds to wait for the server's next byte. Above the lock wait time-out below, so that the server answers first.
READ_SECS = 30
WRITE_SECS = 30
#: Seconds by which the server gives a statement up before nobody waits for it any more: it would go on with it, and
#: with each that was asked for in its place.
MARGIN_SECS = 1
#: READ_SECS for a statement that changes the schema: it may copy the largest table.
DDL_SECS = 24 * 60 * 60
#: Seconds to wait for a row lock before the transaction is run again.
LOCK_WAIT_SECS = 10
#: Seconds to wait for a free connection of the pool.
BUSY_SECS = 5.0
#: Seconds after its last transaction for which a connection is taken to live: to ask is a round trip of its own.
FRESH_SECS = 0.5

#: The longest text or bytes that a query may join of many rows: above what any of ours does.
JOINED_BYTES = 16 * 1024 * 1024
#: Ranges of a key that a query may have, in MySQL's words and in MariaDB's, each a comment to the other: as many as it
#: asks for. With a thousand series MariaDB would look through the whole of MEASURES, and both with tens of thousands.
_RANGES_WITHOUT_END = (
    "/*!80000 , SESSION range_optimizer_max_mem_size = 0 */ "
    "/*M!101100 , SESSION in_predicate_conversion_threshold = 0, SESSION optimizer_max_sel_arg_weight = 0 */"
)

SQL_MODE = "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO"

Row = tuple[Any, ...]


def open_connection(
    configuration: StorageConfiguration, *, user: str, password: str, database: str | None, ddl: bool = False
) -> MySQLConnectionAbstract:
    """One connection with strict SQL mode, UTC, READ COMMITTED, time-outs, and one statement per call.

    `ddl`: it will change the schema, and may take its time.
    """
    if not mysql.connector.HAVE_CEXT:
        raise ConfigurationError("mysql-connector-python has no C extension here: install the version of the lock file")
    with translated():
        connection: MySQLConnectionAbstract = mysql.connector.connect(  # type: ignore[assignment]
            host=configuration.host, port=configuration.port, user=user, password=password, database=database,
            use_pure=False, charset="utf8mb4", collation="utf8mb4_bin", autocommit=False, sql_mode=SQL_MODE,
            time_zone="+00:00", connection_timeout=CONNECT_SECS, write_timeout=WRITE_SECS,
            read_timeout=DDL_SECS if ddl else READ_SECS, allow_local_infile=False,
            client_flags=[ClientFlag.FOUND_ROWS, -ClientFlag.MULTI_STATEMENTS],
        )
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_SECS}")
            cursor.execute(_given_up_after((DDL_SECS if ddl else READ_SECS) - MARGIN_SECS))
            cursor.execute(f"SET SESSION group_concat_max_len = {JOINED_BYTES} {_RANGES_WITHOUT_END}")
    return connection


def _given_up_after(seconds: int) -> str:
    """Either server knows a setting of its own, and takes the other's for a comment."""
    return (
        f"SET SESSION lock_wait_timeout = {seconds} /*!80000 , SESSION max_execution_time = {1000 * seconds} */ "
        f"/*M!101100 , SESSION max_statement_time = {seconds} */"
    )


class Session:
    """A connection and its statements, one transaction after another. Every driver error leaves as one of ours."""

    def __init__(self, connection: MySQLConnectionAbstract) -> None:
        self._connection = connection
        try:
            # One for all statements: the driver asks the server whether it is alive each time it makes one.
            self._cursor = connection.cursor()
        except errors.Error as error:  # without a number
            raise StorageUnavailable("the connection to the database was lost") from error

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run one statement; return how many rows it changed."""
        with translated():
            self._cursor.execute(sql, tuple(parameters))  # type: ignore[arg-type]
            return self._cursor.rowcount

    def insert(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run one INSERT; return the AUTO_INCREMENT value that it took."""
        self.execute(sql, parameters)
        return int(self._cursor.lastrowid or 0)

    def insert_values(self, into: str, values: Sequence[str]) -> None:
        """Run one INSERT of rows that are SQL already: numbers and hexadecimal digits, never text of anybody's.

        Several times faster than insert_many, which does in Python what every row's parameters need; and without the
        cursor, which looks for a second statement in every byte of the first.
        """
        with translated():
            status = self._connection.cmd_query(f"INSERT INTO {into} VALUES {','.join(values)}")
        inserted = status["affected_rows"] if status else 0
        if inserted != len(values):
            raise StorageUnavailable(f"the database inserted {inserted} rows of {len(values)}")

    def insert_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run one INSERT ... VALUES (...) for all rows; the driver sends them as one statement."""
        with translated():
            self._cursor.executemany(sql, [tuple(row) for row in rows])  # type: ignore[arg-type]

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        with translated():
            self._cursor.execute(sql, tuple(parameters))  # type: ignore[arg-type]
            return self._cursor.fetchall()  # type: ignore[return-value]

    def row(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    # As statements, since the driver's own methods let the C extension's exceptions out.

    def commit(self) -> None:
        with translated():
            self._connection.cmd_query("COMMIT")

    def rollback(self) -> None:
        """Needed after any error: a lock wait that took too long (1205) undoes its own statement alone."""
        with translated():
            self._connection.cmd_query("ROLLBACK")

    def lives(self) -> bool:
        """Whether the server still answers; costs a round trip."""
        try:
            return bool(self._connection.is_connected())
        except errors.Error:
            return False

    def close(self) -> None:
        """For good; the server rolls back what was not committed."""
        with suppress(errors.Error):  # it was broken already
            self._connection.close()


class StorageConnector:
    """A pool: at most `connections` are open, each serves one transaction at a time, none survives an error."""

    def __init__(self, configuration: StorageConfiguration) -> None:
        self._configuration = configuration
        self._free = threading.BoundedSemaphore(configuration.connections)
        self._idle: list[tuple[Session, float]] = []  # with the time of their last use

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Commit at the end; after any error roll back, and drop the connection unless it surely is as before.

        Raises StorageUnavailable when no connection can be had. When a commit's reply is lost its outcome is
        unknown: the whole transaction must be safe to run again.
        """
        if not self._free.acquire(timeout=BUSY_SECS):
            raise StorageUnavailable("all connections to the database are in use")
        try:
            session = self._take()
            kept = False
            try:
                yield session
                session.commit()
                kept = True
            except MyMonitError as error:
                kept = _leaves_connection(error) and _rolled_back(session)
                raise
            finally:
                self._give_back(session, kept=kept)
        finally:
            self._free.release()

    def close(self) -> None:
        while idle := self._take_idle():
            idle[0].close()

    def _take(self) -> Session:
        """An idle one that still lives, otherwise a new one."""
        while idle := self._take_idle():
            session, used = idle
            if time.monotonic() - used < FRESH_SECS or session.lives():
                return session
            session.close()
        configuration = self._configuration
        return Session(open_connection(
            configuration,
            user=configuration.user,
            password=configuration.password.get_secret_value(),
            database=configuration.database,
        ))

    def _give_back(self, session: Session, *, kept: bool) -> None:
        if kept:
            self._idle.append((session, time.monotonic()))
        else:
            session.close()

    def _take_idle(self) -> tuple[Session, float] | None:
        try:
            return self._idle.pop()
        except IndexError:  # nobody may look first: another thread could take the last one in between
            return None


def _leaves_connection(error: MyMonitError) -> bool:
    """Whether the connection works on: the error was none of the driver's, or the database's word on one statement."""
    return not isinstance(error.__cause__, errors.Error) or isinstance(
        error, StorageContention | StorageRejected
    )


def _rolled_back(session: Session) -> bool:
    try:
        session.rollback()
    except MyMonitError:
        return False
    return True
