"""A file that grows, like `tail -F`: by polling, so that network shares work; through rotation and truncation."""

import os
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

from mymonit_adapters.errors import InputError
from mymonit_adapters.inputs import CHUNK_BYTES, NOTHING, CutOff, Input, open_file
from mymonit_adapters.journal import Journal
from mymonit_adapters.model import Chunk
from mymonit_adapters.rotation import rotated_away
from mymonit_adapters.streams import read_stream

POLL_SECS = 0.25
QUIET_SECS = 1.0  # after a rotation, the writer may go on with the old file for a moment
COMPARED_BYTES = 64  # at the end of what was read: an overwritten file shows there


def follow_file(path: Path, journal: Journal, *, report: Callable[[str], None]) -> Iterator[Input]:
    """One file after the other that has this name, and what was rotated away unread. It need not exist yet."""
    truncated, tell = False, report
    while True:
        for missed, position in rotated_away(path, journal, report=tell):
            with open_file(missed) as stream:
                yield Input(str(missed), read_stream(stream, str(missed)), stream, position)
        with _wait_for(path) as stream:
            growing = _Growing(stream, path)
            yield Input(str(path), growing.chunks(), stream, None if truncated else journal.find(stream, path))
        truncated = growing.truncated
        tell = report if truncated else _say_nothing  # a file that is gone now was read to its end


def _say_nothing(_: str) -> None:
    pass


def _wait_for(path: Path) -> FileIO:
    while True:
        try:
            return open_file(path)
        except FileNotFoundError:
            time.sleep(POLL_SECS)
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error


class _Growing:
    """A file as long as it has its name."""

    def __init__(self, stream: FileIO, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._position = 0
        self._last = b""
        self._seen = (0, 0)  # size and time of the last change
        self.truncated = False

    def chunks(self) -> Iterator[Chunk]:
        quiet_since = time.monotonic()
        try:
            while True:
                while data := self._read():
                    yield Chunk(data, time.time_ns())
                    quiet_since = time.monotonic()
                yield NOTHING
                if self._is_renamed() and time.monotonic() >= quiet_since + QUIET_SECS:
                    return
                time.sleep(POLL_SECS)
        except OSError as error:
            raise InputError(f"cannot read {self._path}: {error.strerror}") from error

    def _read(self) -> bytes:
        """Raises CutOff when this is no longer the file of which the beginning was read."""
        status = os.fstat(self._stream.fileno())
        seen = (status.st_size, status.st_mtime_ns)
        if seen != self._seen and (status.st_size < self._position or not self._goes_on()):
            self.truncated = True
            raise CutOff
        self._seen = seen
        data: bytes = self._stream.read(CHUNK_BYTES)
        self._position += len(data)
        self._last = (self._last + data)[-COMPARED_BYTES:]
        return data

    def _goes_on(self) -> bool:
        self._stream.seek(self._position - len(self._last))
        return self._stream.read(len(self._last)) == self._last

    def _is_renamed(self) -> bool:
        """Not yet when the name is free: the next file may be a long time in coming."""
        try:
            return not os.path.samestat(os.stat(self._path), os.fstat(self._stream.fileno()))
        except FileNotFoundError:
            return False
