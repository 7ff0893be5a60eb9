"""Messages on disk, from the transaction that deals with their input until some days after the broker's confirm."""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from mymonit_adapters import positions
from mymonit_adapters.errors import SpoolFull
from mymonit_adapters.messages import Message
from mymonit_adapters.positions import Position
from mymonit_adapters.spool_schema import connect, translated

PRUNED_AT_ONCE = 100  # messages; every commit prunes a few, so that none takes long
ROW_BYTES = 300  # what a message takes beside its body
DAY_SECS = 86_400

COLUMNS = "message_id, routing_key, created, measures, body"
WAITING = f"""
    SELECT number, {COLUMNS} FROM deliveries JOIN messages USING (number)
    WHERE confirmed_at IS NULL AND number > ? ORDER BY number LIMIT ?
"""


class Spooled(NamedTuple):
    number: int  # its place in the spool
    message: Message


class Spool:
    """One file. `commit` is for the thread that reads, `take` and `confirm` are for the one that publishes."""

    def __init__(self, path: Path, *, max_bytes: int, keep_secs: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._keep_secs = keep_secs
        self._writing = connect(path, synchronous="FULL")
        # A confirmation that a power cut undoes is no loss: the message is sent again under the same id.
        self._marking = connect(path, synchronous="NORMAL")
        self._one_writes = threading.Lock()  # SQLite would have the other one sleep and try again
        self._page_bytes = self._number("PRAGMA page_size")
        self.waiting = self._number("SELECT count(*) FROM deliveries WHERE confirmed_at IS NULL")
        self.confirmed = 0  # measures of this run
        self._earlier = 0  # messages up to this number are of earlier runs
        self.pruned_early = 0

    def begin_run(self) -> int:
        """What is committed from now on counts as of this run. The number of earlier measures that still wait."""
        self._earlier = self._number("SELECT coalesce(max(number), 0) FROM deliveries")
        return self.waiting_measures()

    def waiting_measures(self) -> int:
        return self._number(
            "SELECT coalesce(sum(measures), 0) FROM deliveries JOIN messages USING (number) WHERE confirmed_at IS NULL"
        )

    def commit(self, messages: Sequence[Message], position: Position | None) -> None:
        """On disk when it returns. Raises SpoolFull, and nothing has changed then."""
        if messages:
            self._make_room(sum(len(message.body) + ROW_BYTES for message in messages))
        with self.transaction(more_wait=len(messages)) as connection:
            connection.executemany(f"INSERT INTO messages ({COLUMNS}) VALUES (?, ?, ?, ?, ?)", messages)
            if position is not None:
                positions.save(connection, position)
            self._prune(before=int(time.time()) - self._keep_secs)

    def take(self, after: int, *, most: int, most_bytes: int) -> list[Spooled]:
        """The oldest behind this number that wait; at least one, if there is one."""
        with self._errors():
            return fetch(self._marking.execute(WAITING, (after, most)), most_bytes=most_bytes)

    def confirm(self, confirmed: Sequence[Spooled]) -> None:
        """Raises SpoolFull, and can be tried again then."""
        now = int(time.time())
        with self._transaction(self._marking, more_wait=-len(confirmed)):
            self._marking.executemany(
                "UPDATE deliveries SET confirmed_at = ? WHERE number = ?", [(now, number) for number, _ in confirmed]
            )
        self.confirmed += sum(message.measures for number, message in confirmed if number > self._earlier)

    def forget(self, position: Position) -> None:
        with self.transaction() as connection:
            connection.execute("DELETE FROM inputs WHERE input_id = ?", (position.input_id,))

    def positions_at(self, path: str) -> list[Position]:
        with self._errors():
            return positions.with_path(self._writing, path)

    def positions_of(self, inode: str) -> list[Position]:
        with self._errors():
            return positions.with_inode(self._writing, inode)

    def positions_inside(self, folder: str) -> list[Position]:
        with self._errors():
            return positions.inside(self._writing, folder)

    def messages(self) -> int:
        """That wait or are kept."""
        return self._number("SELECT count(*) FROM deliveries")

    def used_bytes(self) -> int:
        return self._page_bytes * (self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count"))

    def transaction(self, *, more_wait: int = 0) -> AbstractContextManager[sqlite3.Connection]:
        """On disk when it ends. `more_wait`: by how many messages `waiting` grows then."""
        return self._transaction(self._writing, more_wait=more_wait)

    def close(self) -> None:
        with self._one_writes:  # a thread that is left behind may be in the middle of a transaction
            self._marking.close()
            self._writing.close()

    def _make_room(self, needed: int) -> None:
        """What is only kept goes before anything that waits has to stay outside."""
        while self.used_bytes() + needed > self._max_bytes:
            with self.transaction():
                pruned = self._prune(before=int(time.time()) + DAY_SECS)
            self.pruned_early += pruned
            if not pruned:
                raise SpoolFull(
                    f"the spool {self.path} is full: {self.waiting} messages wait for the broker, and"
                    f" SPOOL_MAX_MIB is {self._max_bytes >> 20}"
                )

    def _prune(self, *, before: int) -> int:
        """Only what is confirmed; the oldest first."""
        oldest = self._writing.execute(
            "SELECT number FROM deliveries WHERE confirmed_at < ? ORDER BY confirmed_at LIMIT ?",
            (before, PRUNED_AT_ONCE),
        ).fetchall()
        self._writing.executemany("DELETE FROM messages WHERE number = ?", oldest)
        self._writing.executemany("DELETE FROM deliveries WHERE number = ?", oldest)
        return len(oldest)

    def _number(self, question: str) -> int:
        with self._errors():
            answer: int = self._writing.execute(question).fetchone()[0]
        return answer

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection, *, more_wait: int) -> Iterator[sqlite3.Connection]:
        with self._one_writes, self._errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # some errors have undone it already
                    connection.execute("ROLLBACK")
                raise
            self.waiting += more_wait

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translated(error, self.path) from error


def fetch(rows: sqlite3.Cursor, *, most_bytes: int) -> list[Spooled]:
    """At least one message, if there is one."""
    fetched: list[Spooled] = []
    with closing(rows):
        for number, *fields in rows:
            message = Message(*fields)
            most_bytes -= len(message.body)
            if fetched and most_bytes < 0:
                break
            fetched.append(Spooled(number, message))
    return fetched
