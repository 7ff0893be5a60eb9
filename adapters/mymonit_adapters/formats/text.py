import math
from collections.abc import Iterable, Iterator

from mymonit_adapters.formats.base import Format
from mymonit_adapters.lines import split_lines
from mymonit_adapters.model import Chunk, Reading, Reject

MAX_LINE_BYTES = 4_096  # no double needs more than 1,100 digits
SHOWN_BYTES = 40  # of a rejected line
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some editors begin a file with it


class TextFormat(Format):
    summary = "One number per line."
    details = """
    Each line holds one number, such as 12.5, -3, +.5, 5. or 1.2e-3, with blanks around it or not. The time of a
    measurement is the time when its line was read. Empty lines are skipped. A line that is no number (NaN, infinity and
    12,5 are none) is reported with its line number and skipped.
    """

    def read(self, chunks: Iterable[Chunk]) -> Iterator[Reading | Reject]:
        for number, content, read_at in split_lines(chunks, limit=MAX_LINE_BYTES):
            if content is None:
                yield Reject(number, f"longer than {MAX_LINE_BYTES} bytes")
                continue
            text = (content.removeprefix(BYTE_ORDER_MARK) if number == 1 else content).strip()
            if not text:
                continue
            try:
                yield Reading(parse_number(text), read_at)
            except ValueError as error:
                yield Reject(number, f"{error}: {shown(text)}")


def parse_number(text: bytes) -> float:
    """The nearest double. Raises ValueError with the reason."""
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError("not a number") from error
    if math.isfinite(value) and b"_" not in text:  # float() takes 1_000 and the words nan and inf
        return value
    raise ValueError("too large for a number" if text[-1:].isdigit() and b"_" not in text else "not a number")


def shown(text: bytes) -> str:
    """Escaped, for an instrument's bytes must not steer a terminal."""
    return repr(text[:SHOWN_BYTES])[1:] + ("..." if len(text) > SHOWN_BYTES else "")
