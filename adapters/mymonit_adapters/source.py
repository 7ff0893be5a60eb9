import time
from collections.abc import Iterator

from mymonit_adapters.errors import InputError
from mymonit_adapters.model import Chunk

CHUNK_BYTES = 65_536  # what a pipe holds on Linux
STANDARD_INPUT = 0


def read_chunks(path: str) -> Iterator[Chunk]:
    """Yields what has arrived as soon as it has, with the time; "-" is standard input."""
    standard_input = path == "-"
    try:
        # Unbuffered: a buffer would wait until it is full, and hold a lock that a blocked read keeps at exit.
        with open(STANDARD_INPUT if standard_input else path, "rb", buffering=0, closefd=not standard_input) as stream:
            while data := stream.read(CHUNK_BYTES):
                yield Chunk(data, time.time_ns())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if data is None:
        raise InputError(f"cannot read {path}: it is in non-blocking mode; put a pipe between (cat | mymonit-adapter)")
