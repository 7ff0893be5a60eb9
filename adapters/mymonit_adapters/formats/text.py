from collections.abc import Iterable, Iterator, Sequence

from mymonit_adapters.formats.base import Field, Format, Record
from mymonit_adapters.lines import BYTE_ORDER_MARK, line_encoding, split_lines
from mymonit_adapters.model import MAX_RAW_BYTES, Chunk
from mymonit_adapters.table import Table

MAX_LINE_BYTES = 4_096  # no double needs more than 1,100 digits


class TextFormat(Format):
    summary = "One number per line."
    details = """
    Each line holds one number, such as 12.5, -3, +.5, 5. or 1.2e-3, with blanks around it or not. The time of a
    measurement is the time when its line was read. Empty lines are skipped. A line that is no number (NaN, infinity and
    12,5 are none) is reported with its line number and skipped.
    """
    plain_field = 1

    def __init__(self, options: Table) -> None:
        self._columns = options.count("columns", 1, least=1)
        self._comment = options.get("comment", str) or None
        self._encoding = line_encoding(options)

    def check_field(self, field: Field) -> None:
        if not (isinstance(field, int) and 1 <= field <= self._columns):
            raise ValueError(f"must be the number of a column, from 1 to {self._columns}")

    def read(self, chunks: Iterable[Chunk], fields: Sequence[Field]) -> Iterator[Record]:
        for number, end, content, read_at, too_long in split_lines(chunks, limit=MAX_LINE_BYTES):
            if too_long:
                raw = content[:MAX_RAW_BYTES]
                yield Record(number, end, read_at, raw, (), f"longer than {MAX_LINE_BYTES} bytes")
                continue
            line = content.removeprefix(BYTE_ORDER_MARK) if number == 1 else content
            text = line.decode(self._encoding, "replace").strip()
            if not text or (self._comment and text.startswith(self._comment)):
                continue
            words = [text] if self._columns == 1 else text.split()
            if len(words) == self._columns:
                yield Record(number, end, read_at, content, [words[int(field) - 1] for field in fields])
            else:
                fault = f"{len(words)} columns instead of {self._columns}"
                yield Record(number, end, read_at, content, (), fault)
