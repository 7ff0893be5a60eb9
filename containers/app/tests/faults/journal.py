"""What was sent, what the broker confirmed, and what has to become of it."""

import json
import math
import random
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

EXPERIMENT, MEASURE = "fault-injection", "hertz"
STORED = "stored"

#: Nanoseconds since 1970 of the first reading, 2022-04-06T07:00:00Z, and from each to the next: no round number.
FIRST = 1_649_228_400 * 10**9
STEP = 1_000_003


class Reading(NamedTuple):
    time: int
    value: float


class Key(NamedTuple):
    """By this a measure is known again."""

    sensor: str
    time: int


class Sent(NamedTuple):
    value: float
    expected: str
    #: The message that it travelled in.
    message: int


def readings(seed: int, *, first: int = 0) -> Iterator[Reading]:
    """Without an end: doubles of every magnitude, each once, and times that only nanoseconds tell apart."""
    source = random.Random(f"{seed}/{first}")
    number = first
    while True:
        (value,) = struct.unpack(">d", source.randbytes(8))
        if math.isfinite(value) and value:
            yield Reading(FIRST + number * STEP, value)
            number += 1


def bits(value: float) -> bytes:
    """What two doubles must have in common to be the same: 0.0 and -0.0 are not."""
    return struct.pack(">d", value)


def seconds(time: int) -> str:
    whole, nanoseconds = divmod(time, 10**9)
    return f"{whole}.{nanoseconds:09d}"


def element(reading: Reading, sensor: str, **changes: object) -> str:
    """One measure as JSON; the time is written from its digits, as a double would not hold them."""
    fields = {"experiment": EXPERIMENT, "measure": MEASURE, "value": reading.value, "sensor": sensor, **changes}
    return f'{json.dumps(fields)[:-1]}, "timestamp": {seconds(reading.time)}}}'


class Journal:
    """Everything that was sent in one run. Threads add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages = 0
        self.sent: dict[Key, Sent] = {}
        #: How often each was sent as something new.
        self.times: Counter[Key] = Counter()
        self.confirmed: Counter[Key] = Counter()

    def add(self, sensor: str, *measured: Reading, expected: str = STORED) -> list[Key]:
        """Measures that travel in one message, each with what has to become of it."""
        with self._lock:
            self._messages += 1
            keys = [Key(sensor, reading.time) for reading in measured]
            for key, reading in zip(keys, measured, strict=True):
                self.sent.setdefault(key, Sent(reading.value, expected, self._messages))
            self.times.update(keys)
            return keys

    def confirm(self, keys: list[Key]) -> None:
        with self._lock:
            self.confirmed.update(keys)

    @property
    def count(self) -> int:
        """Messages sent until now."""
        return self._messages

    def messages(self) -> dict[int, list[Key]]:
        by_message: dict[int, list[Key]] = {}
        for key, sent in list(self.sent.items()):
            by_message.setdefault(sent.message, []).append(key)
        return by_message
