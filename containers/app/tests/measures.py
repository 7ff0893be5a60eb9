"""Measures as tests write them down and read them, one by one."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from my_monit.model import Selection
from my_monit.storage.ports import Layout, Origin, Text, Unit


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


def in_lines(series_ids: Collection[int], *, in_nanoseconds: bool = True) -> Layout:
    """A line for each measure: series, time and value."""
    return Layout({one: b"%d|" % one for one in series_ids}, b"|", b"\n", in_nanoseconds=in_nanoseconds)


def without_series(series_ids: Iterable[int]) -> Layout:
    """A line for each measure: its time in nanoseconds, and its value."""
    return Layout({one: b"" for one in series_ids}, b"|", b"\n", in_nanoseconds=True)


def lines_of(text: Text) -> list[tuple[int, str, float]]:
    lines = [line.split("|") for line in text.written.decode().splitlines()]
    assert len(lines) == text.measures
    return [(int(series), time, float(value)) for series, time, value in lines]


def measures_of(text: Text) -> list[ReadMeasure]:
    """Of lines with nanoseconds."""
    return [ReadMeasure(series, int(time), value) for series, time, value in lines_of(text)]


def read_measures(
    unit: Unit, experiment_id: int, series_ids: list[int], *, visible_to: str, limit: int = 100_000
) -> list[ReadMeasure]:
    """Oldest first."""
    text = unit.measures.text(
        experiment_id, series_ids, Selection(descending=False), in_lines(series_ids),
        visible_to=visible_to, after=None, limit=limit, span=None,
    )
    return measures_of(text)
