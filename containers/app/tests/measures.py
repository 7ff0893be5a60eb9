"""Measures as tests write them down, one by one."""

from collections.abc import Iterable
from typing import NamedTuple

from my_monit.storage.ports import Origin


class NewMeasure(NamedTuple):
    """`time` in nanoseconds since 1970 UTC."""

    series_id: int
    time: int
    value: float
    publisher_id: int


def by_origin(measures: Iterable[NewMeasure]) -> dict[Origin, list[NewMeasure]]:
    """As storage takes them."""
    found: dict[Origin, list[NewMeasure]] = {}
    for measure in measures:
        found.setdefault(Origin(measure.series_id, measure.publisher_id), []).append(measure)
    return found
