"""Which files were read before, and how far: the same file is found again, and nothing else is taken for it."""

import os
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from io import FileIO
from pathlib import Path

from mymonit_adapters import positions
from mymonit_adapters.errors import InputError
from mymonit_adapters.inputs import FileState, PrefixDigest, begins_with, state_of
from mymonit_adapters.positions import Position
from mymonit_adapters.spool import Spool
from mymonit_adapters.spool_folder import spool_files
from mymonit_adapters.spool_schema import connect_to_read, translated

#: What a file under another number must have in common with what was read: some network shares number files anew.
TELLING_BYTES = 4_096


class Journal:
    def __init__(self, spool: Spool, *, report: Callable[[str], None]) -> None:
        self._spool = spool
        self._report = report

    def find(self, stream: FileIO, path: Path) -> Position | None:
        """How far this file was read; None when it is new. A file that was replaced or overwritten is new."""
        position = self.match(stream, path)
        if position is None and self._here(stream, path):
            self._report(f"{path} no longer begins with what was read of it: it is read as a new file")
        return position

    def match(self, stream: FileIO, path: Path) -> Position | None:
        for position in self._here(stream, path):
            if begins_with(stream, position):
                return position
        state = state_of(os.fstat(stream.fileno()))
        for position in self._spool.positions_at(str(path))[:1]:
            if _may_be_renumbered(position, state, path) and begins_with(stream, position):
                return position
        return None

    def _here(self, stream: FileIO, path: Path) -> list[Position]:
        state = state_of(os.fstat(stream.fileno()))
        return [each for each in self._spool.positions_of(state.inode) if _same_place(each, state, path)]

    def latest(self, path: Path) -> Position | None:
        """Of all the files that have had this name."""
        return next(iter(self._spool.positions_at(str(path))), None)

    def latest_inside(self, folder: Path) -> dict[str, Position]:
        """By path."""
        return {position.path: position for position in self._spool.positions_inside(f"{folder}{os.sep}")}

    def begin(self, name: str, stream: FileIO, known: Position | None) -> Position:
        """Raises InputError when another process is at it."""
        state = state_of(os.fstat(stream.fileno()))
        new = Position(uuid.uuid4().hex, name, *state, end=0, digest=PrefixDigest().digest(), records=0)
        position = (known or new)._replace(path=name, device=state.device, inode=state.inode)
        self._spool.commit([], position)  # before looking at the others: of two, at least one sees the other
        for other in spool_files(self._spool.path.parent):
            if other != self._spool.path and _reads(other, state):
                self._spool.forget(position)
                raise InputError(f"another mymonit-adapter of this instrument is at work, and has {name} in hand")
        return position


def _same_place(position: Position, state: FileState, path: Path) -> bool:
    """A device's number may change when the machine starts; then the name must be the same."""
    return position.device == state.device or position.path == str(path)


def _may_be_renumbered(position: Position, state: FileState, path: Path) -> bool:
    if (position.size, position.modified) == (state.size, state.modified):
        return True
    return position.end >= TELLING_BYTES and not any(_has_inode(each, position) for each in os.scandir(path.parent))


def _has_inode(entry: "os.DirEntry[str]", position: Position) -> bool:
    return str(entry.inode()) == position.inode


def _reads(other: Path, state: FileState) -> bool:
    try:
        with closing(connect_to_read(other)) as connection:
            found = positions.with_inode(connection, state.inode)
    except sqlite3.Error as error:
        if not other.exists():
            return False  # it has just been taken over
        raise translated(error, other) from error
    return any(position.device == state.device for position in found)
