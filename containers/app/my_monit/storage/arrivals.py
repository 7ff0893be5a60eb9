"""In which order measures came to an experiment: numbered under a lock that is held until the commit.

So numbers become visible in their order, and who has read up to one has missed nothing before it, however long
another transaction took. An arrival is one transaction's measures of one experiment, as runs of times and ids by which
they are found again in MEASURES (docs/decisions/0017-arrivals.md).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import attrgetter, sub
from typing import NamedTuple

from my_monit.model import Position
from my_monit.storage.connector import Session
from my_monit.storage.ports import Place
from my_monit.storage.windows import NEGATIVE_ZERO

#: Nanoseconds between two measures of one run, at most, unless all of them lie further apart: reading a run scans what
#: else was measured meanwhile.
NEAR = 60_000_000_000
#: The same as a multiple of the median distance, for measures that are rare by nature.
REGULAR = 16
#: Ranges of the key that one query may have: what each costs the server grows with their number.
KEY_RANGES = 2000
#: Runs that are looked at for one query, at most.
RUNS = 2000


class _Portion(NamedTuple):
    series_id: int
    ids: range
    times: list[int]


class Run(NamedTuple):
    """Measures of an arrival that lie near each other in time."""

    arrival: int
    first_time: int
    first_id: int
    last_time: int
    last_id: int
    measures: int

    @property
    def condition(self) -> str:
        return (
            f"time BETWEEN {self.first_time} AND {self.last_time} "
            f"AND measure_id & {NEGATIVE_ZERO - 1} BETWEEN {self.first_id} AND {self.last_id}"
        )

    def at(self, last: Position | None) -> Place:
        """The place in this run behind `last`, or behind the whole of it."""
        if last is None:
            return Place(self.arrival, self.first_time, self.first_id + 1, 0, 0, 0)
        return Place(self.arrival, self.first_time, self.first_id, *last)


class NewArrivals:
    """What one transaction stores, noted portion by portion and written at its end."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._portions: list[_Portion] = []

    def note(self, series_id: int, ids: range, times: list[int]) -> None:
        self._portions.append(_Portion(series_id, ids, times))

    def write(self) -> None:
        if not self._portions:
            return
        numbers = ", ".join(map(str, sorted({portion.series_id for portion in self._portions})))
        self._session.execute(
            "INSERT INTO ARRIVAL_COUNTS (experiment_id, arrivals) "
            f"SELECT DISTINCT experiment_id, 1 FROM SERIES WHERE series_id IN ({numbers}) ORDER BY experiment_id "
            "ON DUPLICATE KEY UPDATE arrivals = arrivals + 1"
        )
        arrivals = {series_id: numbered for series_id, *numbered in self._session.rows(
            "SELECT s.series_id, c.experiment_id, c.arrivals FROM SERIES s "
            f"JOIN ARRIVAL_COUNTS c ON c.experiment_id = s.experiment_id WHERE s.series_id IN ({numbers})"
        )}
        times: defaultdict[tuple[int, int, range], list[int]] = defaultdict(list)
        for ids, portions in _segments(self._portions):
            for portion in portions:
                experiment_id, arrival = arrivals[portion.series_id]
                times[experiment_id, arrival, ids] += portion.times
        self._session.insert_values(
            "ARRIVALS (experiment_id, arrival, first_time, first_id, last_time, last_id, measures)",
            [
                f"({experiment_id},{arrival},{run[0]},{ids.start},{run[-1]},{ids.stop - 1},{len(run)})"
                for (experiment_id, arrival, ids), found in times.items() for run in runs(found)
            ],
        )


def _segments(portions: Sequence[_Portion]) -> Iterator[tuple[range, list[_Portion]]]:
    """Portions whose ids follow each other without a gap, so that all ids in between are this transaction's."""
    segment: list[_Portion] = []
    for portion in portions:
        if segment and segment[-1].ids.stop != portion.ids.start:
            yield range(segment[0].ids.start, segment[-1].ids.stop), segment
            segment = []
        segment.append(portion)
    yield range(segment[0].ids.start, segment[-1].ids.stop), segment


def runs(times: list[int]) -> Iterator[list[int]]:
    """Times in ascending order, split where they lie apart."""
    times = sorted(times)
    if times[-1] - times[0] <= NEAR:
        yield times
        return
    gaps = list(map(sub, times[1:], times))
    apart = max(NEAR, REGULAR * sorted(gaps)[len(gaps) // 2])
    begin = 0
    for index, gap in enumerate(gaps, 1):
        if gap > apart:
            yield times[begin:index]
            begin = index
    yield times[begin:]


def runs_from(session: Session, experiment_id: int, place: Place, *, until: int) -> list[Run]:
    """The next runs from a place on, of arrivals up to number `until`."""
    rows = session.rows(
        "SELECT arrival, first_time, first_id, last_time, last_id, measures FROM ARRIVALS "
        "WHERE experiment_id = %s AND arrival BETWEEN %s AND %s AND (arrival > %s OR first_time > %s "
        "OR (first_time = %s AND first_id >= %s)) ORDER BY arrival, first_time, first_id LIMIT %s",
        (
            experiment_id, place.arrival, until, place.arrival, place.first_time, place.first_time, place.first_id,
            RUNS,
        ),
    )
    return [Run(*map(int, row)) for row in rows]


def whole(found: Sequence[Run], *, limit: int, most: int) -> tuple[list[Run], list[Run]]:
    """Those at the beginning that hold no more than `limit` measures together; and `most` runs at most that hold the
    same ones."""
    taken: list[Run] = []
    for run in found:
        limit -= run.measures
        if limit < 0:
            break
        taken.append(run)
    while len(fused := _fused(taken)) > most:
        taken = taken[: len(taken) // 2]
    return taken, fused


def _fused(taken: Sequence[Run]) -> list[Run]:
    """What came little by little in one: runs whose arrivals, times and ids follow each other.

    All ids between are of these arrivals. What else those hold lies in runs before the first time or after the last
    one, for within an arrival runs are in the order of time.
    """
    fused: list[Run] = []
    for run in sorted(taken, key=attrgetter("first_id", "first_time")):
        if fused and _follows(run, fused[-1]):
            fused[-1] = fused[-1]._replace(
                arrival=run.arrival, last_time=run.last_time, last_id=run.last_id,
                measures=fused[-1].measures + run.measures,
            )
        else:
            fused.append(run)
    return fused


def _follows(run: Run, last: Run) -> bool:
    return (
        last.arrival < run.arrival and last.last_id + 1 == run.first_id and 0 <= run.first_time - last.last_time <= NEAR
    )
