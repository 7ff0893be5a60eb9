"""The database of a spool: one file of SQLite, in which messages and how far the inputs were read change together."""

import sqlite3
from pathlib import Path

from mymonit_adapters.errors import SpoolError, SpoolFull

VERSION = 1
BUSY_SECS = 60.0  # how long one connection waits while the other one writes
JOURNAL_BYTES = 16 << 20  # what is left of the journal after a large transaction

SCHEMA = """
CREATE TABLE messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used again: who publishes remembers how far it is
    message_id TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    created INTEGER NOT NULL,                   -- seconds since 1970
    measures INTEGER NOT NULL,
    body BLOB NOT NULL
);
-- Apart from the bodies, for changing a row writes all of it again.
CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY,
    confirmed_at INTEGER                        -- seconds since 1970; NULL as long as it waits
);
CREATE INDEX deliveries_by_confirmation ON deliveries (confirmed_at);
CREATE TRIGGER message_waits AFTER INSERT ON messages BEGIN
    INSERT INTO deliveries (number) VALUES (new.number);
END;
CREATE TABLE inputs (
    number INTEGER PRIMARY KEY,
    input_id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    device TEXT NOT NULL,                       -- with inode as text: Windows has 128 bits
    inode TEXT NOT NULL,
    size INTEGER NOT NULL,                      -- when it was last read, and so modified, in nanoseconds since 1970
    modified INTEGER NOT NULL,
    end INTEGER NOT NULL,                       -- bytes that are dealt with
    digest BLOB NOT NULL,                       -- of these bytes
    records INTEGER NOT NULL                    -- that are dealt with
);
CREATE INDEX inputs_by_path ON inputs (path);
CREATE INDEX inputs_by_inode ON inputs (inode);
CREATE TABLE adopted (token TEXT PRIMARY KEY, number INTEGER NOT NULL);
CREATE TABLE identity (token TEXT NOT NULL);
INSERT INTO identity VALUES (hex(randomblob(16)));
"""


def connect(path: Path, *, synchronous: str) -> sqlite3.Connection:
    """Raises SpoolError. FULL: what is committed survives a power cut; NORMAL: it may be undone by one."""
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")
        _ensure_schema(connection, path)
    except sqlite3.Error as error:
        raise translated(error, path) from error
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Also while another process writes. Raises SpoolError for a spool of another version, sqlite3.Error otherwise."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECS, check_same_thread=False)
    _check_version(connection, path)
    return connection


def translated(error: sqlite3.Error, path: Path | str) -> SpoolError:
    code = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_FULL or code & 0xFF == sqlite3.SQLITE_IOERR:
        return SpoolFull(f"the disk of the spool {path} is full or broken ({error})")
    return SpoolError(f"the spool {path} cannot be used: {error}")


def _ensure_schema(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
    _check_version(connection, path)


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    if (version := _version(connection)) != VERSION:
        raise SpoolError(f"the spool {path} is of another version of mymonit-adapter ({version})")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
