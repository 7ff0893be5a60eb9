"""Measures as the listener would store them, for the tests of what reads them."""

from collections.abc import Callable, Iterable

from my_monit.storage.storage import Storage
from tests.integration.laboratory import MORNING, SECOND, Laboratory
from tests.measures import NewMeasure, by_origin

#: The newest row of the audit: actor, verb, object, outcome.
Audited = Callable[[], tuple[str, str, str, str]]
#: Measure type and sensor ('' for none), nanoseconds since 1970, value.
Told = tuple[str, str, int, float]


class Instruments:
    """Stores measures of SAM's experiment as the listener would, without its checks."""

    def __init__(self, storage: Storage, laboratory: Laboratory) -> None:
        self._storage = storage
        self._laboratory = laboratory

    def measured(self, measures: Iterable[Told]) -> None:
        experiment_id = self._laboratory.vibrations.experiment_id
        publisher_id = self._laboratory.publisher_id
        with self._storage.unit() as unit:
            types = unit.measure_types.by_name(["hertz", "volt", "degree Celsius"])
            series: dict[tuple[str, str], int] = {}
            new = []
            for name, sensor, time, value in measures:
                if (name, sensor) not in series:
                    number = types[name].measure_type_id
                    series[name, sensor] = unit.series.find_or_add(experiment_id, number, sensor)
                new.append(NewMeasure(series[name, sensor], time, value, publisher_id))
            unit.measures.add(by_origin(new))


def scattered(count: int) -> list[Told]:
    """Measures of three series where many share a time, and some share everything."""
    kinds = (("hertz", ""), ("hertz", "left, \"upper\""), ("volt", "left, \"upper\""))
    return [(*kinds[number % 3], MORNING + (number // 7) * SECOND, float(number // 2)) for number in range(count)]
