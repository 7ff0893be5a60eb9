import json
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from mymonit_adapters.ids import time_ordered_id
from mymonit_adapters.model import Reading, Series

NANOS_PER_SEC = 1_000_000_000
MAX_MEASURES = 1_000  # of one message; more make nothing faster
MAX_BODY_BYTES = 1 << 20
MAX_MEASURE_BYTES = 4_096  # names of 64 characters, each of them escaped
MAX_SERIES = 1_024  # whose encoding is remembered


class Message(NamedTuple):
    message_id: str  # the same on every attempt, so that the repository stores it once
    routing_key: str
    created: int  # seconds since 1970
    measures: int
    body: bytes


class _Array:
    """Measures of one experiment, as long as there is room."""

    def __init__(self) -> None:
        self.measures: list[str] = []
        self.size = 0


class MessageWriter:
    """Gathers readings and writes them as few messages: of one experiment each, in their order."""

    def __init__(self, *, routing: str) -> None:
        self._routing = routing
        self._arrays: dict[str, _Array] = {}  # by experiment
        self._written: list[Message] = []
        self._series: Series | None = None  # of the last reading: mostly it is that of the next one, too
        self._head, self._tail = "", ""

    def add(self, readings: Iterable[Reading]) -> None:
        for series, value, at in readings:
            if series is not self._series:
                self._series = series
                self._head, self._tail = _around(series)
            measure = f'{self._head}{value!r},"timestamp":{decimal_seconds(at)}{self._tail}'
            array = self._arrays.get(series.experiment) or self._arrays.setdefault(series.experiment, _Array())
            array.measures.append(measure)
            array.size += len(measure) + 1
            if len(array.measures) == MAX_MEASURES or array.size > MAX_BODY_BYTES - MAX_MEASURE_BYTES:
                self._write(series.experiment)

    def finish(self) -> list[Message]:
        """All that was added since the last time."""
        for experiment in list(self._arrays):
            self._write(experiment)
        written, self._written = self._written, []
        return written

    def _write(self, experiment: str) -> None:
        measures = self._arrays.pop(experiment).measures
        body = measures[0] if len(measures) == 1 else f"[{','.join(measures)}]"
        now = time.time_ns()
        key = f"{self._routing}.{experiment}"
        self._written.append(Message(time_ordered_id(now), key, now // NANOS_PER_SEC, len(measures), body.encode()))


def element(reading: Reading) -> str:
    """The JSON object of one measurement."""
    head, tail = _around(reading.series)
    # repr() is the shortest text that reads back as the same double, and always a JSON number.
    return f'{head}{reading.value!r},"timestamp":{decimal_seconds(reading.time)}{tail}'


@lru_cache(maxsize=MAX_SERIES)
def _around(series: Series) -> tuple[str, str]:
    head = f'{{"experiment":{json.dumps(series.experiment)},"measure":{json.dumps(series.measure)},"value":'
    labels = {"sensor": series.sensor, "unit": series.unit}
    return head, "".join(f',"{key}":{json.dumps(label)}' for key, label in labels.items() if label) + "}"


def decimal_seconds(nanoseconds: int) -> str:
    """Exact: a double of today's seconds would be wrong by a hundred nanoseconds."""
    seconds, nanos = divmod(nanoseconds, NANOS_PER_SEC)
    return f"{seconds}.{nanos:09d}".rstrip("0").rstrip(".") if nanos else str(seconds)
