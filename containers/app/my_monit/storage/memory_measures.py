"""The tables of `MemoryStorage` that hold measures, their types and series, and what ports.py says of them."""

from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import gt, lt
from statistics import mean, stdev
from typing import Any, cast

from my_monit.errors import Conflict
from my_monit.model import MeasureType, Position, Selection, Series, SeriesExtent
from my_monit.periods import Stretch
from my_monit.storage.memory_tables import Measure, Table, existing, next_number, page_of
from my_monit.storage.ports import NO_MEASURES, Columns, Figures, Origin, Place, Sample
from my_monit.timestamps import NANOSECONDS


def _deviation(values: list[float]) -> float | None:
    try:
        return stdev(values) if len(values) > 1 else None
    except OverflowError:
        return None


#: What can be reckoned of the values in a period, exactly but for the last rounding.
_FIGURES: dict[str, Callable[[list[float]], Any]] = {
    "count": len, "min": min, "max": max, "mean": mean, "std": _deviation,
}


class MeasureTypes(Table):
    def page(self, *, after: int, limit: int) -> list[MeasureType]:
        return page_of(self._tables.measure_types, after, limit)

    def add(self, *, name: str, symbol: str, quantity: str) -> MeasureType:
        if self.by_name([name]):
            raise Conflict("there is a measure type of this name")
        added = MeasureType(next_number(self._tables.measure_types), name, symbol, quantity)
        self._tables.measure_types[added.measure_type_id] = added
        return added

    def by_name(self, names: Collection[str]) -> dict[str, MeasureType]:
        return {one.name: one for one in self._tables.measure_types.values() if one.name in names}


class SeriesTable(Table):
    def of(self, experiment_id: int, *, visible_to: str) -> list[Series]:
        if not self._is_visible(experiment_id, visible_to):
            return []
        types = self._tables.measure_types
        return [
            Series(number, types[type_id].name, types[type_id].symbol, sensor)
            for (owner, type_id, sensor), number in self._tables.series.items()
            if owner == experiment_id
        ]

    def extents(self, experiment_id: int, *, visible_to: str) -> list[SeriesExtent]:
        return [self._extent(series) for series in self.of(experiment_id, visible_to=visible_to)]

    def _extent(self, series: Series) -> SeriesExtent:
        times = [measure.time for measure in self._tables.measures if measure.series_id == series.series_id]
        return SeriesExtent(series, min(times, default=None), max(times, default=None), len(times))

    def find_or_add(self, experiment_id: int, measure_type_id: int, sensor: str) -> int:
        existing(self._tables.experiments, experiment_id)
        existing(self._tables.measure_types, measure_type_id)
        series = self._tables.series
        return series.setdefault((experiment_id, measure_type_id, sensor), len(series) + 1)


class Measures(Table):
    def read(
        self, experiment_id: int, series_ids: Sequence[int], selection: Selection, *,
        visible_to: str, after: Position | None, limit: int, span: int | None,
    ) -> Columns:
        if not self._is_visible(experiment_id, visible_to):
            return NO_MEASURES
        del span  # there are no windows here
        found = sorted(self._selected(series_ids, selection), key=_position, reverse=selection.descending)
        if after is not None:
            beyond = lt if selection.descending else gt
            found = [one for one in found if beyond(_position(one), after)]
        last = _position(found[limit - 1]) if len(found) > limit else None
        return columns_of(found[:limit], last)

    def latest(self, experiment_id: int, series_ids: Sequence[int], *, visible_to: str) -> Columns:
        if not self._is_visible(experiment_id, visible_to):
            return NO_MEASURES
        stored = [[one for one in self._tables.measures if one.series_id == number] for number in series_ids]
        return columns_of(max(measures, key=_position) for measures in stored if measures)

    def changes(
        self, experiment_id: int, series_ids: Sequence[int], *,
        visible_to: str, after: Place, until: int, limit: int,
    ) -> tuple[Columns, Place]:
        del series_ids  # an arrival holds its own measures
        arrived = [measures for owner, measures in self._tables.arrivals if owner == experiment_id][:until]
        behind = [
            (number, one) for number, measures in enumerate(arrived, 1)
            for one in sorted(measures, key=_position)
            if (number, *_position(one)) > (after.arrival, after.time, after.series_id, after.measure_id)
        ]
        if not self._is_visible(experiment_id, visible_to) or not behind:
            return NO_MEASURES, after
        some = behind[:limit]
        number, last = some[-1]
        return columns_of(one for _, one in some), Place(number, 0, 0, *_position(last))

    def arrivals(self, experiment_id: int) -> int:
        return sum(owner == experiment_id for owner, _ in self._tables.arrivals)

    def extent(self, series_ids: Sequence[int], selection: Selection) -> tuple[int, int] | None:
        times = [one.time for one in self._selected(series_ids, selection)]
        return (min(times), max(times)) if times else None

    def _selected(self, series_ids: Sequence[int], selection: Selection) -> list[Measure]:
        return [
            one for one in self._tables.measures
            if one.series_id in series_ids
            and (selection.start is None or one.time >= selection.start)
            and (selection.end is None or one.time < selection.end)
        ]

    def count(self, series_ids: Sequence[int], first: int, last: int, *, up_to: int) -> int:
        found = (one for one in self._tables.measures if one.series_id in series_ids and first <= one.time <= last)
        return min(up_to, sum(1 for _ in found))

    def figures(
        self, experiment_id: int, series_ids: Sequence[int], stretch: Stretch, first: int, last: int,
        functions: Collection[str], *, visible_to: str,
    ) -> list[Figures]:
        found: dict[tuple[int, int], list[float]] = {}
        if self._is_visible(experiment_id, visible_to):
            for one in self._tables.measures:
                if one.series_id in series_ids and max(first, stretch.start) <= one.time < min(last + 1, stretch.end):
                    period = (one.time - stretch.start) // stretch.width
                    found.setdefault((one.series_id, period), []).append(one.value)
        return [
            Figures(*key, {name: _FIGURES[name](values) for name in functions}) for key, values in found.items()
        ]

    def add(self, measures: Mapping[Origin, Sequence[Sample]], *, received: int | None = None) -> None:
        del received  # nothing reads it yet
        known = {number: owner for (owner, _, _), number in self._tables.series.items()}
        arrived: dict[int, list[Measure]] = {}
        for origin, samples in measures.items():
            existing(known, origin.series_id)
            stored = [
                Measure(origin.series_id, sample.time, number, sample.value)
                for number, sample in enumerate(samples, len(self._tables.measures) + 1)
            ]
            self._tables.measures += stored
            arrived.setdefault(known[origin.series_id], []).extend(stored)
        self._tables.arrivals += [(owner, tuple(stored)) for owner, stored in arrived.items()]


def _position(measure: Measure) -> Position:
    return Position(measure.time, measure.series_id, measure.measure_id)


def columns_of(measures: Iterable[Measure], last: Position | None = None) -> Columns:
    rows = [(one.value, *divmod(one.time, NANOSECONDS), one.series_id) for one in measures]
    if not rows:
        return NO_MEASURES
    columns = (cast("memoryview[float]", memoryview(array("d", column))) for column in zip(*rows))
    values, seconds, nanoseconds, series_ids = columns
    return Columns(values, seconds, nanoseconds, series_ids, last)
