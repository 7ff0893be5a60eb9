"""Measures as tests write them down and read them, one by one."""

from collections.abc import Iterable
from typing import NamedTuple

from my_monit.model import Selection
from my_monit.storage.ports import Columns, Origin, Unit


class NewMeasure(NamedTuple):
    """`time` in nanoseconds since 1970 UTC."""

    series_id: int
    time: int
    value: float
    publisher_id: int


class ReadMeasure(NamedTuple):
    """`time` in nanoseconds since 1970 UTC."""

    series_id: int
    time: int
    value: float


def by_origin(measures: Iterable[NewMeasure]) -> dict[Origin, list[NewMeasure]]:
    """As storage takes them."""
    found: dict[Origin, list[NewMeasure]] = {}
    for measure in measures:
        found.setdefault(Origin(measure.series_id, measure.publisher_id), []).append(measure)
    return found


def measures_of(columns: Columns) -> list[ReadMeasure]:
    return [
        ReadMeasure(int(series_id), columns.time(index), value)
        for index, (series_id, value) in enumerate(zip(columns.series_ids, columns.values, strict=True))
    ]


def read_measures(
    unit: Unit, experiment_id: int, series_ids: list[int], *, visible_to: str, limit: int = 100_000
) -> list[ReadMeasure]:
    """Oldest first."""
    return measures_of(unit.measures.read(
        experiment_id, series_ids, Selection(descending=False),
        visible_to=visible_to, after=None, limit=limit, span=None,
    ))
