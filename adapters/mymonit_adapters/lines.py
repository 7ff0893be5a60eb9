from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mymonit_adapters.model import Chunk
from mymonit_adapters.table import Table

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some editors begin a file with it

_line = tuple.__new__  # a third of what Line() takes, and this is done for every line
_ASCII = bytes(range(128))


class Line(NamedTuple):
    number: int  # counted from 1
    end: int  # of the line with its newline, counted in bytes from the beginning of the input
    content: bytes  # without its newline
    read_at: int  # nanoseconds since 1970
    too_long: bool = False  # then content and end are those of the first bytes, one more than the limit


def split_lines(chunks: Iterable[Chunk], *, limit: int) -> Iterator[Line]:
    """Lines that come in one chunk get times one nanosecond apart, so that sorting by time keeps their order.

    An over-long line is yielded as soon as it is known to be one, and its rest is dropped: at most `limit` bytes
    and one chunk are ever held.
    """
    number, end, read_at = 0, 0, 0
    tail, skipping = b"", False
    for data, read_at in chunks:
        *complete, tail = (tail + data).split(b"\n")
        if skipping:
            end += len(complete[0]) + 1 if complete else len(tail)
            skipping, complete = not complete, complete[1:]
        for number, content in enumerate(complete, number + 1):
            if len(content) <= limit:
                yield _line(Line, (number, end + len(content) + 1, content, read_at, False))
            else:
                yield Line(number, end + limit + 1, content[: limit + 1], read_at, True)
            end += len(content) + 1
            read_at += 1
        if skipping:
            tail = b""
        elif len(tail) > limit:
            number, skipping = number + 1, True
            yield Line(number, end + limit + 1, tail[: limit + 1], read_at, True)
            end += len(tail)
            tail = b""
    if tail:
        yield Line(number + 1, end + len(tail), tail, read_at)


def line_encoding(options: Table) -> str:
    """The key `encoding`: one in which lines can be told apart by their bytes."""
    name = options.get("encoding", str) or "utf-8"
    try:
        ascii_compatible = _ASCII.decode(name) == _ASCII.decode("ascii")
    except (LookupError, ValueError):
        ascii_compatible = False
    if not ascii_compatible:
        options.fail("encoding", f"{name} cannot be read line by line: use utf-8, latin-1, cp1252 or another such one")
    return name
