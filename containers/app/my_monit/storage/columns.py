"""Measures out of the database as columns of doubles: one long value for thousands of rows.

What a row costs is what the driver and Python do for it, so neither sees one: the database joins the rows with
GROUP_CONCAT. Nor is a number made text on the way: a row is the four doubles of a line of two points, the one thing in
SQL that gives a double away as its bytes (docs/decisions/0024-measures-as-doubles.md).
"""

import struct
import sys
from collections.abc import Iterable, Iterator, Sequence

from my_monit.errors import StorageUnavailable
from my_monit.model import Position
from my_monit.storage.connector import Session
from my_monit.storage.ports import NO_MEASURES, Columns
from my_monit.storage.windows import NEGATIVE_ZERO, Direction, Records, rows_of
from my_monit.timestamps import NANOSECONDS

#: Series whose newest measures one query reads, or conditions whose measures.
SELECTS_PER_QUERY = 500

#: A measure begins with zeros, so that its doubles lie at multiples of eight bytes, and the head of a line in WKB (OGC
#: 06-103r4, 8.2): little-endian, a line, of two points. A machine of the other order refuses it.
_FILLER = 7
_HEAD = struct.pack(f"={_FILLER}xBII", sys.byteorder == "little", 2, 2)
#: The points: value and second, nanosecond and series id. Whole numbers below 2^53 are exact in a double.
_POINTS = struct.Struct("=4d")
_RECORD = len(_HEAD) + _POINTS.size

#: No column holds a -0.0, not one of the derived table either: a bit of the id says so.
_VALUE = f"IF(measure_id >= {NEGATIVE_ZERO}, -0e0, value)"
_LINE = f"LINESTRING(POINT({_VALUE}, time DIV {NANOSECONDS}), POINT(time MOD {NANOSECONDS}, series_id))"
_RECORDS = f"GROUP_CONCAT(X'{'00' * _FILLER}', ST_AsBinary({_LINE}) SEPARATOR '')"
_STORED = "series_id, time, measure_id, value"


class RecordSelect:
    """Reads measures of some series as records; for `Windows`."""

    def __init__(
        self, session: Session, series_ids: Sequence[int], direction: type[Direction], condition: str = ""
    ) -> None:
        """`condition`, in SQL, says which of them, if not all."""
        self._session = session
        self._series_ids = series_ids
        self._direction = direction
        self._condition = condition

    def __call__(self, lo: int, hi: int, after: Position | None, limit: int) -> Records:
        rows = rows_of(self._series_ids, self._direction, lo, hi, after, self._condition)
        source = f"SELECT {_STORED} {rows} LIMIT {limit + 1}"
        raw, count, _ = self._read(source)
        if count <= limit:
            return Records(raw, count, None)
        measure_id = self._direction.beyond_all[1]
        if _place(raw, limit - 1) == _place(raw, limit):  # only the id tells the two apart
            # Measures may have come since: what is cut, and where, has to be of one answer.
            raw, _, ids = self._read(source, ids="GROUP_CONCAT(measure_id)")
            measure_id = ids[limit - 1]
        time, series_id = _place(raw, limit - 1)
        return Records(raw[: limit * _RECORD], limit, Position(time, series_id, measure_id))

    def newest(self) -> Iterator[Records]:
        """The newest measure of each series that has one, in the order of the series."""
        return self._joined([
            f"(SELECT {_STORED} FROM MEASURES WHERE series_id = {number} "
            "ORDER BY time DESC, measure_id DESC LIMIT 1)" for number in self._series_ids
        ])

    def each(self, conditions: Iterable[str]) -> Iterator[Records]:
        """The measures of each condition, in no order. One query for all of them would ask each measure about each."""
        numbers = ", ".join(map(str, self._series_ids))
        return self._joined([
            f"SELECT {_STORED} FROM MEASURES WHERE series_id IN ({numbers}) AND {one}" for one in conditions
        ])

    def _joined(self, selects: Sequence[str]) -> Iterator[Records]:
        for start in range(0, len(selects), SELECTS_PER_QUERY):
            raw, count, _ = self._read(" UNION ALL ".join(selects[start : start + SELECTS_PER_QUERY]))
            yield Records(raw, count, None)

    def _read(self, source: str, *, ids: str = "NULL") -> tuple[bytes, int, list[int]]:
        """The records of the measures in `source`, how many they are, and their ids if they are asked for.

        The database cuts what is too long, with a warning that nobody sees.
        """
        # The derived table comes out in its order, since it is read as it was filled; the tests watch over that.
        row = self._session.row(f"SELECT {_RECORDS}, COUNT(*), {ids} FROM ({source}) AS measured")
        joined, count, numbers = row or (None, 0, None)
        raw, numbers = _bytes(joined or b""), _bytes(numbers).split(b",") if numbers else []
        if len(raw) != count * _RECORD or len(numbers) not in (0, count):
            raise StorageUnavailable("the database shortened an answer")
        if raw[: len(_HEAD)] not in (b"", _HEAD):
            raise StorageUnavailable("the database writes a line of points in a form of its own")
        return raw, count, list(map(int, numbers))


def _bytes(column: str | bytes | bytearray) -> bytes:
    """The driver gives text or bytes, as the server's version calls it."""
    return column.encode() if isinstance(column, str) else bytes(column)


def _place(raw: bytes, index: int) -> tuple[int, int]:
    """Time and series id of a measure."""
    _, second, nanosecond, series_id = _POINTS.unpack_from(raw, index * _RECORD + len(_HEAD))
    return int(second) * NANOSECONDS + int(nanosecond), int(series_id)


def together(parts: Sequence[Records], direction: type[Direction], *, series: int, limit: int) -> Columns:
    """The parts as one, of so many series."""
    raw = b"".join(part.raw for part in parts)
    if not raw:
        return NO_MEASURES
    count = len(raw) // _RECORD
    last = parts[-1].cut_at
    if last is None and series > 1 and count >= limit:
        # The windows were read to their ends, so what follows lies at other times.
        last = Position(_place(raw, count - 1)[0], *direction.beyond_all)
    doubles = memoryview(raw).cast("d")
    first, step = len(_HEAD) // doubles.itemsize, _RECORD // doubles.itemsize
    values, seconds, nanoseconds, series_ids = (doubles[first + column :: step] for column in range(4))
    return Columns(values, seconds, nanoseconds, series_ids, last)
