"""How far the inputs were read: rows of the spool's database, which change with the messages made from them."""

import sqlite3
from typing import NamedTuple

COLUMNS = "input_id, path, device, inode, size, modified, end, digest, records"
PLACES = ", ".join("?" * len(COLUMNS.split(", ")))


class Position(NamedTuple):
    input_id: str
    path: str  # where it was found last
    device: str
    inode: str
    size: int  # of the file, when it was last read
    modified: int  # nanoseconds since 1970, by the clock of the file system
    end: int  # bytes from its beginning that are dealt with
    digest: bytes  # of these bytes
    records: int  # that are dealt with


def save(connection: sqlite3.Connection, position: Position) -> None:
    changes = ", ".join(f"{column} = excluded.{column}" for column in COLUMNS.split(", "))
    connection.execute(
        f"INSERT INTO inputs ({COLUMNS}) VALUES ({PLACES}) ON CONFLICT (input_id) DO UPDATE SET {changes}", position
    )


def with_path(connection: sqlite3.Connection, path: str) -> list[Position]:
    """The newest first: a file may have been replaced many times."""
    return _positions(connection, "path = ? ORDER BY number DESC", path)


def with_inode(connection: sqlite3.Connection, inode: str) -> list[Position]:
    """The newest first: numbers are used again."""
    return _positions(connection, "inode = ? ORDER BY number DESC", inode)


def inside(connection: sqlite3.Connection, folder: str) -> list[Position]:
    """The oldest first."""
    return _positions(connection, "path >= ? AND path < ? ORDER BY number", folder, folder + "\U0010ffff")


def _positions(connection: sqlite3.Connection, condition: str, *values: str) -> list[Position]:
    rows = connection.execute(f"SELECT {COLUMNS} FROM inputs WHERE {condition}", values)
    return [Position(*row) for row in rows]
