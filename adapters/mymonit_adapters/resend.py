"""Sends again what the broker has confirmed before, under the same ids: for a repository restored from a backup."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mymonit_adapters.spool import COLUMNS, Spooled, fetch
from mymonit_adapters.spool_schema import connect_to_read, translated
from mymonit_adapters.status import iso

CONFIRMED = "deliveries JOIN messages USING (number) WHERE confirmed_at >= ? AND confirmed_at < ?"
BEHIND = f"SELECT number, {COLUMNS} FROM {CONFIRMED} AND number > ? ORDER BY number LIMIT ?"
OLDEST = "SELECT min(number), min(confirmed_at) FROM deliveries"
COUNT = f"SELECT count(*), coalesce(sum(measures), 0) FROM {CONFIRMED}"


class Period(NamedTuple):
    """Of the broker's confirmations, in seconds since 1970: a message may have waited long for its own."""

    since: int
    until: int


class Kept:
    """What a spool has kept of a period, as a store. Nothing is written: its process may be at work meanwhile."""

    def __init__(self, path: Path, period: Period) -> None:
        self._path = path
        self._period = period
        self._taken = 0
        self._count = 0
        self._confirmed = 0
        self._first: int | None = None
        self._oldest: int | None = None
        self.measures = 0  # confirmed
        try:
            self._connection = connect_to_read(path)
            self._count, self.all_measures = self._connection.execute(COUNT, period).fetchone()
            self._first, self._oldest = self._connection.execute(OLDEST).fetchone()
        except sqlite3.Error as error:
            raise translated(error, path) from error

    @property
    def pruned_before(self) -> str | None:
        """The time up to which something is gone that may have been of the period."""
        if self._first == 1 or self._oldest is None or self._oldest <= self._period.since:
            return None
        return iso(self._oldest)

    @property
    def waiting(self) -> int:
        return self._count - self._confirmed

    def take(self, after: int, *, most: int, most_bytes: int) -> list[Spooled]:
        try:
            taken = fetch(self._connection.execute(BEHIND, (*self._period, after, most)), most_bytes=most_bytes)
        except sqlite3.Error as error:
            raise translated(error, self._path) from error
        self._taken += len(taken)
        if not taken:
            self._count = self._taken  # its process may have pruned some since they were counted
        return taken

    def confirm(self, confirmed: Sequence[Spooled]) -> None:
        self._confirmed += len(confirmed)
        self.measures += sum(message.measures for _, message in confirmed)

    def close(self) -> None:
        self._connection.close()
