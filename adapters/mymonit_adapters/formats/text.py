from collections.abc import Iterable, Iterator, Sequence

from mymonit_adapters.formats.base import Field, Format, Record
from mymonit_adapters.lines import split_lines
from mymonit_adapters.model import MAX_RAW_BYTES, Chunk

MAX_LINE_BYTES = 4_096  # no double needs more than 1,100 digits
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some editors begin a file with it


class TextFormat(Format):
    summary = "One number per line."
    details = """
    Each line holds one number, such as 12.5, -3, +.5, 5. or 1.2e-3, with blanks around it or not. The time of a
    measurement is the time when its line was read. Empty lines are skipped. A line that is no number (NaN, infinity and
    12,5 are none) is reported with its line number and skipped.
    """
    plain_field = 1

    def read(self, chunks: Iterable[Chunk], fields: Sequence[Field]) -> Iterator[Record]:
        for number, end, content, read_at, too_long in split_lines(chunks, limit=MAX_LINE_BYTES):
            if too_long:
                raw = content[:MAX_RAW_BYTES]
                yield Record(number, end, read_at, raw, (), f"longer than {MAX_LINE_BYTES} bytes")
                continue
            text = (content.removeprefix(BYTE_ORDER_MARK) if number == 1 else content).strip()
            if text:
                yield Record(number, end, read_at, content, [text.decode("utf-8", "replace")] * len(fields))
