import json
from typing import NamedTuple

from mymonit_adapters.ids import time_ordered_id
from mymonit_adapters.model import Reading, Series

NANOS_PER_SEC = 1_000_000_000


class Message(NamedTuple):
    message_id: str  # the same on every attempt, so that the repository stores it once
    routing_key: str
    created: int  # seconds since 1970
    body: bytes


class MessageWriter:
    """Writes the readings of one series as messages; what they have in common is encoded once."""

    def __init__(self, series: Series, *, routing: str) -> None:
        self._routing_key = f"{routing}.{series.experiment}"
        self._head = f'{{"experiment":{json.dumps(series.experiment)},"measure":{json.dumps(series.measure)},"value":'
        labels = {"sensor": series.sensor, "unit": series.unit}
        self._tail = "".join(f',"{key}":{json.dumps(label)}' for key, label in labels.items() if label) + "}"

    def write(self, reading: Reading) -> Message:
        # repr() is the shortest text that reads back as the same double, and always a JSON number.
        body = f'{self._head}{reading.value!r},"timestamp":{decimal_seconds(reading.read_at)}{self._tail}'
        created = reading.read_at // NANOS_PER_SEC
        return Message(time_ordered_id(reading.read_at), self._routing_key, created, body.encode())


def decimal_seconds(nanoseconds: int) -> str:
    """Exact: a double of today's seconds would be wrong by a hundred nanoseconds."""
    seconds, nanos = divmod(nanoseconds, NANOS_PER_SEC)
    return f"{seconds}.{nanos:09d}".rstrip("0").rstrip(".")
