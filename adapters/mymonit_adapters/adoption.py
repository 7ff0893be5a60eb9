import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from mymonit_adapters import positions
from mymonit_adapters.spool import COLUMNS, Spool
from mymonit_adapters.spool_schema import connect, translated

ADOPTED_AT_ONCE = 100  # messages
BEHIND = f"""
    SELECT number, confirmed_at, {COLUMNS} FROM messages JOIN deliveries USING (number)
    WHERE number > ? ORDER BY number LIMIT ?
"""


def adopt(path: Path, spool: Spool) -> None:
    """Takes over all that is in another file, which nobody uses; after a crash in between, what is left of it."""
    try:
        with closing(connect(path, synchronous="FULL")) as other:
            token: str = other.execute("SELECT token FROM identity").fetchone()[0]
            while rows := other.execute(BEHIND, (_done(spool, token), ADOPTED_AT_ONCE)).fetchall():
                _take_over(spool, token, rows)
            with spool.transaction() as connection:
                for row in other.execute(f"SELECT {positions.COLUMNS} FROM inputs ORDER BY number"):
                    positions.save(connection, positions.Position(*row))
    except sqlite3.Error as error:
        raise translated(error, path) from error


def _done(spool: Spool, token: str) -> int:
    with spool.transaction() as connection:
        row = connection.execute("SELECT number FROM adopted WHERE token = ?", (token,)).fetchone()
    return row[0] if row else 0


def _take_over(spool: Spool, token: str, rows: list[tuple[Any, ...]]) -> None:
    waiting = sum(confirmed_at is None for _, confirmed_at, *_ in rows)
    with spool.transaction(more_wait=waiting) as connection:
        for _, confirmed_at, *message in rows:
            new = connection.execute(f"INSERT INTO messages ({COLUMNS}) VALUES (?, ?, ?, ?, ?)", message).lastrowid
            connection.execute("UPDATE deliveries SET confirmed_at = ? WHERE number = ?", (confirmed_at, new))
        connection.execute("INSERT OR REPLACE INTO adopted VALUES (?, ?)", (token, rows[-1][0]))
