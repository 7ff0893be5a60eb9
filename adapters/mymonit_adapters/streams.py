import os
import stat
import time
from collections.abc import Iterator
from io import FileIO

from mymonit_adapters.errors import InputError
from mymonit_adapters.inputs import CHUNK_BYTES, NOTHING
from mymonit_adapters.model import Chunk


def is_regular(stream: FileIO) -> bool:
    return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)


def read_stream(stream: FileIO, name: str) -> Iterator[Chunk]:
    """Yields what has arrived as soon as it has, with the time."""
    waits = not is_regular(stream)
    try:
        while data := stream.read(CHUNK_BYTES):
            yield Chunk(data, time.time_ns())
            if waits:
                yield NOTHING
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}") from error
    if data is None:
        raise InputError(f"cannot read {name}: it is in non-blocking mode; put a pipe between (cat | mymonit-adapter)")
