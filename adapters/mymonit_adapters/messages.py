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
MAX_SERIES = 1_024  # whose encoding is remembered


class Message(NamedTuple):
    message_id: str  # the same on every attempt, so that the repository stores it once
    routing_key: str
    created: int  # seconds since 1970
    measures: int
    body: bytes


class MessageWriter:
    """Gathers readings and writes them as few messages: of one experiment each, in their order."""

    def __init__(self, *, routing: str) -> None:
        self._routing = routing
        self._open: dict[str, list[str]] = {}  # measures by experiment
        self._sizes: dict[str, int] = {}
        self._written: list[Message] = []

    def add(self, readings: Iterable[Reading]) -> None:
        for reading in readings:
            self._put(reading.series.experiment, element(reading))

    def finish(self) -> list[Message]:
        """All that was added since the last time."""
        for experiment in list(self._open):
            self._write(experiment)
        written, self._written = self._written, []
        return written

    def _put(self, experiment: str, measure: str) -> None:
        size = self._sizes.get(experiment, 0) + len(measure) + 1
        if size >= MAX_BODY_BYTES:
            self._write(experiment)
            size = len(measure) + 1
        measures = self._open.setdefault(experiment, [])
        measures.append(measure)
        self._sizes[experiment] = size
        if len(measures) == MAX_MEASURES:
            self._write(experiment)

    def _write(self, experiment: str) -> None:
        measures, _ = self._open.pop(experiment), self._sizes.pop(experiment)
        body = measures[0] if len(measures) == 1 else f"[{','.join(measures)}]"
        now = time.time_ns()
        key = f"{self._routing}.{experiment}"
        message = Message(time_ordered_id(now), key, now // NANOS_PER_SEC, len(measures), body.encode())
        self._written.append(message)


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
