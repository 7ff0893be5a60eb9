"""What is read: files and streams, each from its beginning."""

import hashlib
import os
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from mymonit_adapters.model import Chunk
from mymonit_adapters.positions import Position

CHUNK_BYTES = 262_144
DIGEST_BYTES = 16
#: Of a source: there is nothing more at present, and the next one may be long in coming.
NOTHING = Chunk(b"", 0)


class FileState(NamedTuple):
    device: str
    inode: str  # the volume's index of the file on Windows
    size: int
    modified: int  # nanoseconds since 1970, by the clock of the file system


class Input(NamedTuple):
    name: str
    chunks: Iterable[Chunk]
    stream: FileIO | None = None  # None: nobody can read it a second time
    position: Position | None = None  # how far it was read before; None: it is new


class CutOff(Exception):
    """From `Input.chunks`: what was read last is no whole, for the file was truncated. Its tail means nothing."""


class PrefixDigest:
    """Of an input's bytes up to the end of the last entry that is dealt with."""

    def __init__(self, *, known: int = 0) -> None:
        """`known`: bytes at the beginning that were dealt with before, so that they need not be kept here."""
        self._digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._ahead = bytearray()
        self._known = known
        self.end = 0

    def read(self, data: bytes) -> None:
        self._ahead += data
        if self.end < self._known:
            self.move(min(self._known, self.end + len(self._ahead)))

    def move(self, end: int) -> None:
        count = end - self.end
        self._digest.update(memoryview(self._ahead)[:count])
        del self._ahead[:count]
        self.end = end

    def digest(self) -> bytes:
        return self._digest.digest()

    def tail(self) -> bytes:
        """What was read and is not dealt with."""
        return bytes(self._ahead)


def state_of(status: os.stat_result) -> FileState:
    return FileState(str(status.st_dev), str(status.st_ino), status.st_size, status.st_mtime_ns)


def begins_with(stream: FileIO, position: Position) -> bool:
    """Whether the file still begins with what was dealt with."""
    if os.fstat(stream.fileno()).st_size < position.end:
        return False
    found = PrefixDigest(known=position.end)
    stream.seek(0)
    while found.end < position.end and (data := stream.read(min(CHUNK_BYTES, position.end - found.end))):
        found.read(data)
    stream.seek(0)
    return found.digest() == position.digest


def open_file(path: Path) -> FileIO:
    """Unbuffered: a buffer would wait until it is full, and hold a lock that a blocked read keeps at exit."""
    return open(path, "rb", buffering=0)
