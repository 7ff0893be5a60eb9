import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from mymonit_adapters.spool_folder import spool_files
from mymonit_adapters.spool_schema import connect_to_read, translated

QUESTION = """
    SELECT coalesce(sum(measures) FILTER (WHERE confirmed_at IS NULL), 0),
        min(created) FILTER (WHERE confirmed_at IS NULL),
        coalesce(sum(measures) FILTER (WHERE confirmed_at IS NOT NULL), 0), min(confirmed_at)
    FROM deliveries JOIN messages USING (number)
"""
BYTES = """
    SELECT (page_count - freelist_count) * page_size
    FROM pragma_page_count, pragma_freelist_count, pragma_page_size
"""


class Status(NamedTuple):
    """Of one file of a spool."""

    path: Path
    waiting: int  # measures
    waiting_since: int | None
    kept: int  # measures that are confirmed
    kept_since: int | None
    used_bytes: int

    def __str__(self) -> str:
        waiting = f"{self.waiting} measures wait{_since(self.waiting_since)}"
        kept = f"{self.kept} are confirmed and kept{_since(self.kept_since)}"
        return f"{self.path.parent.name}: {waiting}, {kept}, {self.used_bytes / (1 << 20):.1f} MiB in {self.path}"


def status_of(folder: Path) -> list[Status]:
    """Of an instrument. Raises SpoolError."""
    return [_status(path) for path in spool_files(folder)]


def instruments_in(folder: Path) -> list[Path]:
    """The folders of their spools."""
    return sorted({path.parent for path in folder.glob("*/spool-*.sqlite")})


def iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _since(seconds: int | None) -> str:
    return "" if seconds is None else f" since {iso(seconds)}"


def _status(path: Path) -> Status:
    try:
        with closing(connect_to_read(path)) as connection:
            (size,) = connection.execute(BYTES).fetchone()
            waiting, waiting_since, kept, kept_since = connection.execute(QUESTION).fetchone()
            return Status(path, waiting, waiting_since, kept, kept_since, size)
    except sqlite3.Error as error:
        raise translated(error, path) from error
