import json
from functools import lru_cache
from typing import NamedTuple

from mymonit_adapters.ids import time_ordered_id
from mymonit_adapters.model import Reading, Series

NANOS_PER_SEC = 1_000_000_000
MAX_SERIES = 1_024  # whose encoding is remembered


class Message(NamedTuple):
    message_id: str  # the same on every attempt, so that the repository stores it once
    routing_key: str
    created: int  # seconds since 1970
    body: bytes


class MessageWriter:
    """Writes readings as messages; what those of one series have in common is encoded once."""

    def __init__(self, *, routing: str) -> None:
        self._routing = routing

    def write(self, reading: Reading) -> Message:
        created = reading.time // NANOS_PER_SEC
        routing_key = f"{self._routing}.{reading.series.experiment}"
        return Message(time_ordered_id(reading.time), routing_key, created, element(reading).encode())


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
    return f"{seconds}.{nanos:09d}".rstrip("0").rstrip(".")
