"""Measures as text, put together by the database: one long value for thousands of rows.

What a row costs is what the driver and Python do for it, so neither sees one: the database joins the rows with
GROUP_CONCAT, and Python replaces marks in the whole (docs/decisions/0016-text-from-the-database.md).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from my_monit.errors import StorageUnavailable
from my_monit.model import Position
from my_monit.storage.connector import Session
from my_monit.storage.ports import Layout, Text
from my_monit.storage.windows import NEGATIVE_ZERO, Direction, Lines, rows_of
from my_monit.timestamps import from_rfc3339

#: Series whose newest measures one query reads.
SERIES_PER_QUERY = 500
#: Bytes of the longest line that the database can write: two numbers, a time, a value.
_LINE_BYTES = 100

#: A line is these marks around a series id, a time and a value. None occurs in a number or a time. Where there is one
#: series alone, its id and the mark behind it are left out: Python replaces one byte four times as fast as several.
_BEGIN, _TIME, _VALUE = "\x01", "\x02", "\x03"
_HEAD = re.compile(rb"\x01(?:([0-9]+)\x02)?([^\x03]+)\x03")

_COLUMNS = "series_id, time, measure_id, value"
_NANOSECONDS = "time"
#: RFC 3339 but for what Python does faster: a blank stands for T, a point also before no digits, and there is no Z.
#: INTERVAL goes beyond 2038, FROM_UNIXTIME does not.
_RFC3339 = (
    "TIMESTAMP'1970-01-01 00:00:00' + INTERVAL time DIV 1000000000 SECOND, "
    "'.', TRIM(TRAILING '0' FROM SUBSTR(1000000000 + time MOD 1000000000, 2))"
)
#: A number until it is joined with the rest: as text, also within IF, it would be cut to the 22 characters that the
#: server thinks are the most. Adding zero makes every zero a plain 0, before which a negative one gets its sign.
_NUMBER = f"IF(measure_id >= {NEGATIVE_ZERO}, '-0.', ''), value + 0"


class TextSelect:
    """Reads measures of some series as lines; for `Windows`."""

    def __init__(
        self, session: Session, series_ids: Sequence[int], direction: type[Direction], layout: Layout,
        condition: str = "",
    ) -> None:
        """`condition`, in SQL, says which of them, if not all."""
        self._session = session
        self._series_ids = series_ids
        self._direction = direction
        self._condition = condition
        self._begins = layout.begins
        self._time = _NANOSECONDS if layout.in_nanoseconds else _RFC3339

    def __call__(self, lo: int, hi: int, after: Position | None, limit: int) -> Lines:
        rows = rows_of(self._series_ids, self._direction, lo, hi, after, self._condition)
        source = f"SELECT {_COLUMNS} {rows} LIMIT {limit + 1}"
        raw, count, _ = self._read(source, limit + 1)
        if count <= limit:
            return Lines(raw, count, None)
        raw, last, following = self._cut(raw)
        measure_id = self._direction.beyond_all[1]
        if following == last:  # only the id tells the two apart; to ask for all of them is a tenth of the query's cost
            raw, _, ids = self._read(source, limit + 1, ids="GROUP_CONCAT(measure_id)")
            raw, last, _ = self._cut(raw)
            measure_id = int(ids.rsplit(b",", 2)[-2])
        series_id, time = last
        return Lines(raw, limit, Position(time, series_id, measure_id))

    def newest(self) -> Iterator[Lines]:
        """The newest measure of each series that has one, in the order of the series."""
        for start in range(0, len(self._series_ids), SERIES_PER_QUERY):
            some = self._series_ids[start : start + SERIES_PER_QUERY]
            source = " UNION ALL ".join(
                f"(SELECT {_COLUMNS} FROM MEASURES WHERE series_id = {number} "
                "ORDER BY time DESC, measure_id DESC LIMIT 1)" for number in some
            )
            raw, count, _ = self._read(source, len(some))
            yield Lines(raw, count, None)

    def _read(self, source: str, most: int, *, ids: str = "NULL") -> tuple[bytes, int, bytes]:
        """The lines of the measures in `source`, how many they are, and their measures' ids."""
        # Truncated text would be fewer measures: the length is set for each query, and the lines are counted.
        self._session.execute(f"SET SESSION group_concat_max_len = {_LINE_BYTES * most}")
        begin = f"'{_BEGIN}'" if len(self._begins) == 1 else f"'{_BEGIN}', series_id, '{_TIME}'"
        # The derived table comes out in its order, since it is read as it was filled; the tests watch over that.
        row = self._session.row(
            f"SELECT GROUP_CONCAT({begin}, {self._time}, '{_VALUE}', {_NUMBER} SEPARATOR ''), COUNT(*), {ids} "
            f"FROM ({source}) AS measured"
        )
        text, count, numbers = row or (None, 0, None)
        raw = _bytes(text or b"").replace(b" ", b"T").replace(f".{_VALUE}".encode(), _VALUE.encode())
        if raw.count(_BEGIN.encode()) != count:
            raise StorageUnavailable("the database shortened an answer")
        return raw, count, _bytes(numbers or b"")

    def _cut(self, raw: bytes) -> tuple[bytes, tuple[int, int], tuple[int, int]]:
        """All lines but the last; series id and time of the last one that is left, and of the one that is not."""
        end = raw.rindex(_BEGIN.encode())
        return raw[:end], _head(raw, raw.rindex(_BEGIN.encode(), 0, end), self._begins), _head(raw, end, self._begins)


def _bytes(column: str | bytes | bytearray) -> bytes:
    """The driver gives text or bytes, as the server's version calls it."""
    return column.encode() if isinstance(column, str) else bytes(column)


def _head(raw: bytes, start: int, begins: Mapping[int, bytes]) -> tuple[int, int]:
    """Series id and time of the line that starts there."""
    number, text = cast(re.Match[bytes], _HEAD.match(raw, start)).groups()
    time = text.decode()
    return int(number or next(iter(begins))), int(time) if time.isdigit() else from_rfc3339(f"{time}Z")


def together(parts: Sequence[Lines], layout: Layout, direction: type[Direction], *, limit: int) -> Text:
    """The parts as one text."""
    raw = b"".join(part.raw for part in parts)
    if not raw:
        return Text(b"", 0, 0, None)
    count = sum(part.measures_read for part in parts)
    _, begun = _head(raw, 0, layout.begins)
    _, ended = _head(raw, raw.rindex(_BEGIN.encode()), layout.begins)
    last = parts[-1].cut_at
    if last is None and len(layout.begins) > 1 and count >= limit:
        # The windows were read to their ends, so what follows lies at other times.
        last = Position(ended, *direction.beyond_all)
    return Text(_laid_out(raw, layout), count, abs(ended - begun), last)


def _laid_out(raw: bytes, layout: Layout) -> bytes:
    """Copied as seldom as may be: it is a megabyte or more, and new memory costs more than what is written into it."""
    mark, glue = _BEGIN.encode(), layout.end + layout.separator
    between = layout.between if layout.in_nanoseconds else b"Z" + layout.between
    text = raw.removeprefix(mark).replace(_VALUE.encode(), between)
    if len(layout.begins) == 1:
        [begin] = layout.begins.values()
        return b"".join((begin, text.replace(mark, glue + begin), layout.end))
    begins = {str(number).encode(): glue + begin for number, begin in layout.begins.items()}
    parts = text.replace(_TIME.encode(), mark).split(mark)
    parts[::2] = map(begins.__getitem__, parts[::2])
    parts[0] = parts[0].removeprefix(glue)
    return b"".join((*parts, layout.end))
