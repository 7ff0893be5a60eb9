import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from mymonit_adapters.formats.base import Field, Format, Record
from mymonit_adapters.lines import BYTE_ORDER_MARK, Line, line_encoding, split_lines
from mymonit_adapters.model import MAX_RAW_BYTES, Chunk
from mymonit_adapters.table import Table

MAX_LINE_BYTES = 65_536
#: How far the end of a quote is looked for. If it is not there, only the line in which it began is lost.
MAX_QUOTED_LINES = 100

_record = tuple.__new__  # a third of what Record() takes, and this is done for every row

Pick = Callable[[Sequence[str]], Sequence[str | None]]


class CsvFormat(Format):
    summary = "Rows of columns, between commas, semicolons or tabs."
    details = """
    As RFC 4180 has it: a column may stand in quotes, may then hold delimiters and line ends, and a quote in it is
    written twice. The first row names the columns, unless the configuration says that there is no header. A row with
    another number of columns is rejected, and so is the line in which a quote begins that does not end.
    """

    def __init__(self, options: Table) -> None:
        self._delimiter = options.character("delimiter", ",")
        self._quote = options.character("quote", '"')
        if self._delimiter == self._quote:
            options.fail("quote", "is the delimiter, too")
        self._comment = options.get("comment", str) or None
        self._encoding = line_encoding(options)
        self._skipped = options.count("skip_lines", 0, least=0)
        self._has_header = options.get("header", bool) is not False
        self._columns = 0 if self._has_header else options.count("columns", None, least=1)
        blank = "" if self._delimiter == " " else " *"
        d, q = re.escape(self._delimiter), re.escape(self._quote)
        opened = f"{blank}{q}([^{q}]*(?:{q}{q}[^{q}]*)*)"
        self._open = re.compile(rf"{opened}\Z")
        self._cell = re.compile(rf"(?:{opened}{q}{blank}|([^{d}{q}\n]*))({d}|\Z)")

    def check_field(self, field: Field) -> None:
        if isinstance(field, str) and not self._has_header:
            raise ValueError("must be the number of a column, for there is no header")
        if isinstance(field, int) and not 1 <= field <= (self._columns or field):
            raise ValueError("must be the number of a column, from 1" + f" to {self._columns}" * bool(self._columns))

    def read(self, chunks: Iterable[Chunk], fields: Sequence[Field]) -> Iterator[Record]:
        header: list[str] | None = None
        width, pick = self._columns, _picker([int(field) for field in fields] if self._columns else [])
        for line, cells, fault in self._rows(chunks):
            number, end, raw, read_at, _ = line
            if cells is None:
                yield Record(number, end, read_at, raw[:MAX_RAW_BYTES], (), fault)
            elif not width:
                header, width = cells, len(cells)
                pick = _picker([_position(field, header) for field in fields])
                for problem in _problems(fields, header):
                    yield Record(number, end, read_at, raw, (), problem)
            elif len(cells) != width:
                yield Record(number, end, read_at, raw, (), f"{len(cells)} columns instead of {width}")
            elif cells != header:  # which a logger writes again when it starts anew
                yield _record(Record, (number, end, read_at, raw, pick(cells), ""))

    def _rows(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Line, list[str] | None, str]]:
        """Each row with its line, those of a row of several lines made one; no cells but a fault where it is broken."""
        lines, ahead = split_lines(chunks, limit=MAX_LINE_BYTES), deque[Line]()
        while line := ahead.popleft() if ahead else next(lines, None):
            number, _, content, _, too_long = line
            if number <= self._skipped:
                continue
            if too_long:
                yield line, None, f"longer than {MAX_LINE_BYTES} bytes"
                continue
            try:
                text = self._text(content) if number > 1 else self._text(content.removeprefix(BYTE_ORDER_MARK))
                if not text or text.isspace() or (self._comment and text.startswith(self._comment)):
                    continue
                if self._quote not in text:
                    yield line, text.split(self._delimiter), ""
                    continue
                cells = self._cells(text)
                if cells is None:
                    line, cells = self._continued(line, text, lines, ahead)
            except ValueError as error:  # UnicodeDecodeError is one
                reason = str(error) if not isinstance(error, UnicodeError) else f"not in {self._encoding}"
                yield line, None, reason
            else:
                yield line, cells, ""

    def _continued(
        self, first: Line, text: str, lines: Iterator[Line], ahead: deque[Line]
    ) -> tuple[Line, list[str] | None]:
        """Looks ahead for the end of a quote; what was looked at in vain stays there. Raises ValueError."""
        content = first.content
        for count in range(MAX_QUOTED_LINES):
            if count == len(ahead):
                line = next(lines, None)
                if line is None:
                    break
                ahead.append(line)
            line = ahead[count]
            if line.too_long:
                break
            text, content = f"{text}\n{self._text(line.content)}", content + b"\n" + line.content
            cells = self._cells(text)
            if cells is not None:
                for _ in range(count + 1):
                    ahead.popleft()
                return Line(first.number, line.end, content, line.read_at), cells
        raise ValueError("a quote begins here and does not end")

    def _cells(self, text: str) -> list[str] | None:
        """None when the end of a quote is not there yet. Raises ValueError for a quote where none can be."""
        cells, at = [], 0
        while match := self._cell.match(text, at):
            quoted, plain, delimiter = match.groups()
            cells.append(plain if quoted is None else quoted.replace(self._quote * 2, self._quote))
            if not delimiter:
                return cells
            at = match.end()
        if self._open.match(text, at):
            return None
        raise ValueError("a quote within a column")

    def _text(self, content: bytes) -> str:
        return content.removesuffix(b"\r").decode(self._encoding)


def _picker(positions: Sequence[int]) -> Pick:
    """Of the columns at these positions, from 1; 0 is one that is not there."""
    indices = [position - 1 for position in positions]

    def pick(cells: Sequence[str]) -> Sequence[str | None]:
        return [cells[index] if index >= 0 else None for index in indices]

    return pick


def _position(field: Field, header: Sequence[str]) -> int:
    names = [name.strip() for name in header]
    if isinstance(field, int):
        return field if field <= len(names) else 0
    return names.index(field) + 1 if names.count(field) == 1 else 0


def _problems(fields: Sequence[Field], header: Sequence[str]) -> Iterator[str]:
    names = [name.strip() for name in header]
    for field in fields:
        if isinstance(field, str) and names.count(field) > 1:
            yield f"there are {names.count(field)} columns {field!a}: say which by its number"
        elif not _position(field, header):
            yield f"there is no column {field!a}; the header has {', '.join(map(ascii, names))[:200]}"
