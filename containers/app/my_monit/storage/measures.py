"""Measures in MySQL: clustered by series and time, read newest or oldest first, only ever inserted.

One series is read along its key. A whole experiment is many series, so it is read through windows of time: each
window is a handful of short key ranges that the database merges, and its width follows what the last one yielded.
"""

import math
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from my_monit.model import Measure, Position, Selection
from my_monit.storage.connector import Session, StorageConnector
from my_monit.storage.experiments import ASSOCIATED
from my_monit.storage.ports import Origin, Sample

#: Measures per INSERT, twice that at most: beyond it the rate no longer grows (bench/), and a statement stays small.
INSERT_ROWS = 10_000
#: Measure ids that a process takes at a time: a power of two so that block numbers can be read off an id.
BLOCK_BITS = 20
#: Nanoseconds of the first window when nothing is known of the data's density: one minute, safe where data is dense
#: and few steps away from enough where it is sparse (docs/decisions/0002-measures-layout.md).
FIRST_SPAN = 60_000_000_000
#: How much wider the next window may be than one that yielded too little.
GROWTH = 16
#: A window is made to hold this much more than is wanted: a little too much is cheap, too little is another query.
SURPLUS = 1.2

#: The bit of a measure's id that says: its value is -0.0. MariaDB stores every zero as +0.0.
NEGATIVE_ZERO = 1 << 63

_INTO_MEASURES = "MEASURES (series_id, time, measure_id, value, received, publisher_id)"
_EARLIEST, _LATEST = 0, 2**63 - 1


class MeasureIds:
    """Numbers for new measures, taken from the database in blocks, so that inserting needs no AUTO_INCREMENT.

    A block is taken in a transaction of its own: ids are never given twice, whatever is rolled back later.
    """

    def __init__(self, connector: StorageConnector) -> None:
        self._connector = connector
        self._lock = threading.Lock()
        self._next = self._end = 0

    def take(self, count: int) -> range:
        """`count` consecutive ids; `count` is at most a block's size."""
        with self._lock:
            if self._next + count > self._end:
                with self._connector.transaction() as session:
                    block = session.insert("INSERT INTO MEASURE_BLOCKS () VALUES ()")
                self._next, self._end = block << BLOCK_BITS, (block + 1) << BLOCK_BITS
            first, self._next = self._next, self._next + count
        return range(first, first + count)


class _Direction(Protocol):
    order: str
    beyond: str
    edge: str


class _Descending:
    order, beyond, edge = "DESC", "<", "MAX"


class _Ascending:
    order, beyond, edge = "ASC", ">", "MIN"


class Measures:
    def __init__(self, session: Session, ids: MeasureIds) -> None:
        self._session = session
        self._ids = ids

    def chunk(
        self, experiment_id: int, series_ids: Sequence[int], selection: Selection, *,
        visible_to: str, after: Position | None, limit: int, span: int | None,
    ) -> list[Measure]:
        allowed = f"SELECT {ASSOCIATED.format(experiment_id='%s')}"
        if not series_ids or not self._session.rows(allowed, (visible_to, experiment_id))[0][0]:
            return []
        start = selection.start if selection.start is not None else _EARLIEST
        end = selection.end - 1 if selection.end is not None else _LATEST
        window = _Window(self._session, series_ids, _Descending if selection.descending else _Ascending)
        return window.read(start, min(end, _LATEST), after=after, limit=limit, span=span)

    def add(self, measures: Mapping[Origin, Sequence[Sample]], *, received: int | None = None) -> None:
        at = "UNIX_TIMESTAMP()" if received is None else f"{received:d}"
        # Sorted, so that rows go where their neighbours went, and two listeners lock counts in the same order.
        rows: list[str] = []
        counts: Counter[int] = Counter()
        for origin in sorted(measures):
            samples = measures[origin]
            counts[origin.series_id] += len(samples)
            for start in range(0, len(samples), INSERT_ROWS):
                some = samples[start : start + INSERT_ROWS]
                rows += _rows(origin, some, self._ids.take(len(some)), at)
                if len(rows) >= INSERT_ROWS:
                    self._session.insert_values(_INTO_MEASURES, rows)
                    rows = []
        if rows:
            self._session.insert_values(_INTO_MEASURES, rows)
        self._count(counts)

    def _count(self, counts: Counter[int]) -> None:
        values = ",".join(f"({series_id:d},{count:d})" for series_id, count in counts.items())
        if values:
            self._session.execute(
                f"INSERT INTO SERIES_COUNTS (series_id, measures) VALUES {values} "
                "ON DUPLICATE KEY UPDATE measures = measures + VALUES(measures)"
            )


def _rows(origin: Origin, samples: Sequence[Sample], ids: range, received: str) -> list[str]:
    """As SQL. The exponent e0 makes a number a double, where SQL would read a DECIMAL first."""
    head, tail = f"({origin.series_id:d},", f"e0,{received},{origin.publisher_id:d})"
    rows = [f"{head}{sample.time},{number},{sample.value!r}{tail}" for number, sample in zip(ids, samples, strict=True)]
    # One look at all of them is cheaper than a question to each: is there an exponent already, or a negative zero?
    text = ",".join(rows)
    if text.count("e") == len(rows) and ",-0.0e" not in text:
        return rows
    tail = tail.removeprefix("e0")
    return [
        f"{head}{sample.time},{_marked(number, sample.value)},{sample.value:.16e}{tail}"
        for number, sample in zip(ids, samples, strict=True)
    ]


class _Window:
    """Reads the measures of some series in one direction of time; `lo` and `hi` are inclusive nanoseconds."""

    def __init__(self, session: Session, series_ids: Sequence[int], direction: type[_Direction]) -> None:
        self._session = session
        self._series_ids = series_ids
        self._direction = direction

    def read(self, lo: int, hi: int, *, after: Position | None, limit: int, span: int | None) -> list[Measure]:
        if after is not None:
            lo, hi = (lo, min(hi, after.time)) if self._descending else (max(lo, after.time), hi)
        if len(self._series_ids) == 1:
            return self._select(lo, hi, after, limit)
        found: list[Measure] = []
        width = max(span or FIRST_SPAN, 1)
        edge = None if after is None else (hi if self._descending else lo)
        while lo <= hi:
            edge = self._edge(lo, hi) if edge is None else edge
            if edge is None:
                break
            near, far = (max(lo, edge - width), edge) if self._descending else (edge, min(hi, edge + width))
            rows = self._select(near, far, after, limit - len(found))
            found += rows
            if len(found) == limit:
                break
            after = None
            lo, hi = (lo, near - 1) if self._descending else (far + 1, hi)
            # An empty window is a gap in the data: a dive finds its other side in one step, however wide it is.
            edge = (hi if self._descending else lo) if rows else None
            width = _next_width(width, got=len(rows), want=limit - len(found))
        return found

    @property
    def _descending(self) -> bool:
        return self._direction is _Descending

    def _edge(self, lo: int, hi: int) -> int | None:
        """The first time there is in the direction of reading: one dive into the key per series."""
        edge = self._direction.edge
        dives = " UNION ALL ".join(
            f"(SELECT {edge}(time) AS edge FROM MEASURES "
            f"WHERE series_id = {number} AND time BETWEEN {lo} AND {hi})"
            for number in self._series_ids
        )
        row = self._session.row(f"SELECT {edge}(edge) FROM ({dives}) edges")
        return int(row[0]) if row and row[0] is not None else None

    def _select(self, lo: int, hi: int, after: Position | None, limit: int) -> list[Measure]:
        order, beyond = self._direction.order, self._direction.beyond
        numbers = ", ".join(map(str, self._series_ids))
        keyset = "" if after is None else (
            f"AND (time {beyond} {after.time} OR (time = {after.time} AND (series_id {beyond} {after.series_id} "
            f"OR (series_id = {after.series_id} AND measure_id {beyond} {after.measure_id}))))"
        )
        rows = self._session.rows(
            "SELECT series_id, time, measure_id, value FROM MEASURES "
            f"WHERE series_id IN ({numbers}) AND time BETWEEN {lo} AND {hi} {keyset} "
            f"ORDER BY time {order}, series_id {order}, measure_id {order} LIMIT {limit}"
        )
        return [
            Measure(series_id, time, number, -0.0 if number >= NEGATIVE_ZERO else value)
            for series_id, time, number, value in rows
        ]


def _marked(number: int, value: float) -> int:
    return number if value or math.copysign(1, value) > 0 else number | NEGATIVE_ZERO


def _next_width(width: int, *, got: int, want: int) -> int:
    """As wide as it takes to hold what is still wanted, if the data goes on as dense as in the last window."""
    if not got:
        return width * GROWTH
    return max(1, min(width * GROWTH, int(width * want / got * SURPLUS)))
