from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mymonit_adapters.model import Chunk


class Line(NamedTuple):
    number: int  # counted from 1
    content: bytes | None  # without its newline; None when it is longer than the limit
    read_at: int  # nanoseconds since 1970


def split_lines(chunks: Iterable[Chunk], *, limit: int) -> Iterator[Line]:
    """Lines that come in one chunk get times one nanosecond apart, so that sorting by time keeps their order.

    An over-long line is yielded as soon as it is known to be one, and its rest is dropped: at most `limit` bytes
    and one chunk are ever held.
    """
    number, read_at = 0, 0
    tail, skipping = b"", False
    for data, read_at in chunks:
        *complete, tail = (tail + data).split(b"\n")
        if skipping:
            skipping, complete = not complete, complete[1:]
        for number, content in enumerate(complete, number + 1):
            yield Line(number, content if len(content) <= limit else None, read_at)
            read_at += 1
        if skipping:
            tail = b""
        elif len(tail) > limit:
            number, tail, skipping = number + 1, b"", True
            yield Line(number, None, read_at)
    if tail:
        yield Line(number + 1, tail, read_at)
