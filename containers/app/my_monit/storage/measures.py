"""Measures in MySQL: clustered by series and time, read newest or oldest first, only ever inserted."""

import math
import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from my_monit.model import Position, Selection
from my_monit.periods import Stretch
from my_monit.storage import summary
from my_monit.storage.arrivals import KEY_RANGES, NewArrivals, Run, runs_from, whole
from my_monit.storage.columns import RecordSelect, together
from my_monit.storage.connector import Session, StorageConnector
from my_monit.storage.experiments import ASSOCIATED
from my_monit.storage.ports import NO_MEASURES, Columns, Figures, Origin, Place, Sample
from my_monit.storage.windows import EARLIEST, LATEST, NEGATIVE_ZERO, Ascending, Descending, Direction, Windows, edge_of

#: Measures per INSERT, twice that at most: beyond it the rate no longer grows (bench/), and a statement stays small.
INSERT_ROWS = 10_000
#: Measure ids that a process takes at a time: a power of two so that block numbers can be read off an id.
BLOCK_BITS = 20

_INTO_MEASURES = "MEASURES (series_id, time, measure_id, value, received, publisher_id)"


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


class Measures:
    def __init__(self, session: Session, ids: MeasureIds) -> None:
        self._session = session
        self._ids = ids

    def read(
        self, experiment_id: int, series_ids: Sequence[int], selection: Selection, *,
        visible_to: str, after: Position | None, limit: int, span: int | None,
    ) -> Columns:
        if not self._may_read(experiment_id, series_ids, visible_to):
            return NO_MEASURES
        direction = _direction(selection)
        select = RecordSelect(self._session, series_ids, direction)
        windows = Windows(self._session, series_ids, direction, select)
        parts = windows.read(*_bounds(selection), after=after, limit=limit, span=span)
        return together(list(parts), direction, series=len(series_ids), limit=limit)

    def latest(self, experiment_id: int, series_ids: Sequence[int], *, visible_to: str) -> Columns:
        if not self._may_read(experiment_id, series_ids, visible_to):
            return NO_MEASURES
        parts = list(RecordSelect(self._session, series_ids, Descending).newest())
        return together(parts, Descending, series=len(series_ids), limit=len(series_ids) + 1)

    def changes(
        self, experiment_id: int, series_ids: Sequence[int], *,
        visible_to: str, after: Place, until: int, limit: int,
    ) -> tuple[Columns, Place]:
        if not self._may_read(experiment_id, series_ids, visible_to):
            return NO_MEASURES, after
        found = runs_from(self._session, experiment_id, after, until=until)
        if not found:
            return NO_MEASURES, after
        begun = Position(after.time, after.series_id, after.measure_id)
        most = max(1, KEY_RANGES // len(series_ids))
        taken, fused = ([], []) if any(begun) else whole(found, limit=limit, most=most)
        if not taken:
            columns = self._of_runs([found[0]], series_ids, after=begun if any(begun) else None, limit=limit)
            return columns, found[0].at(columns.last)
        return self._of_runs(fused, series_ids, after=None, limit=limit), taken[-1].at(None)

    def arrivals(self, experiment_id: int) -> int:
        row = self._session.row("SELECT arrivals FROM ARRIVAL_COUNTS WHERE experiment_id = %s", (experiment_id,))
        return int(row[0]) if row else 0

    def extent(self, series_ids: Sequence[int], selection: Selection) -> tuple[int, int] | None:
        lo, hi = _bounds(selection)
        first = edge_of(self._session, series_ids, Ascending, lo, hi)
        last = edge_of(self._session, series_ids, Descending, lo, hi)
        return None if first is None or last is None else (first, last)

    def count(self, series_ids: Sequence[int], first: int, last: int, *, up_to: int) -> int:
        return summary.count(self._session, series_ids, first, last, up_to=up_to)

    def figures(
        self, experiment_id: int, series_ids: Sequence[int], stretch: Stretch, first: int, last: int,
        functions: Collection[str], *, visible_to: str,
    ) -> list[Figures]:
        if not self._may_read(experiment_id, series_ids, visible_to):
            return []
        return summary.figures(self._session, series_ids, stretch, first, last, functions)

    def _of_runs(
        self, runs: Sequence[Run], series_ids: Sequence[int], *, after: Position | None, limit: int
    ) -> Columns:
        if after is None and sum(run.measures for run in runs) <= limit:
            select = RecordSelect(self._session, series_ids, Ascending)
            return together(list(select.each(run.condition for run in runs)), Ascending, series=1, limit=limit + 1)
        [run] = runs
        select = RecordSelect(self._session, series_ids, Ascending, run.condition)
        windows = Windows(self._session, series_ids, Ascending, select)
        parts = windows.read(run.first_time, run.last_time, after=after, limit=limit, span=None)
        return together(list(parts), Ascending, series=len(series_ids), limit=limit)

    def _may_read(self, experiment_id: int, series_ids: Sequence[int], visible_to: str) -> bool:
        allowed = f"SELECT {ASSOCIATED.format(experiment_id='%s')}"
        return bool(series_ids and self._session.rows(allowed, (visible_to, experiment_id))[0][0])

    def add(self, measures: Mapping[Origin, Sequence[Sample]], *, received: int | None = None) -> None:
        at = "UNIX_TIMESTAMP()" if received is None else f"{received:d}"
        # Sorted, so that rows go where their neighbours went, and two listeners lock counts in the same order.
        rows: list[str] = []
        counts: Counter[int] = Counter()
        arrivals = NewArrivals(self._session)
        for origin in sorted(measures):
            samples = measures[origin]
            counts[origin.series_id] += len(samples)
            for start in range(0, len(samples), INSERT_ROWS):
                some = samples[start : start + INSERT_ROWS]
                ids = self._ids.take(len(some))
                rows += _rows(origin, some, ids, at)
                arrivals.note(origin.series_id, ids, [sample.time for sample in some])
                if len(rows) >= INSERT_ROWS:
                    self._session.insert_values(_INTO_MEASURES, rows)
                    rows = []
        if rows:
            self._session.insert_values(_INTO_MEASURES, rows)
        self._count(counts)
        arrivals.write()  # last: from here to the commit nobody else adds to these experiments

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


def _marked(number: int, value: float) -> int:
    return number if value or math.copysign(1, value) > 0 else number | NEGATIVE_ZERO


def _direction(selection: Selection) -> type[Direction]:
    return Descending if selection.descending else Ascending


def _bounds(selection: Selection) -> tuple[int, int]:
    start = selection.start if selection.start is not None else EARLIEST
    end = selection.end - 1 if selection.end is not None else LATEST
    return start, min(end, LATEST)
