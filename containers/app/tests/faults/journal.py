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

#: Nanoseconds since 1970 of the first reading: 2022-04-06T07:00:00Z. Each later one is a prime number of nanoseconds on.
FIRST = 1_649_228_400 * 10**9
STEP = 1_000_003


class Reading(NamedTuple):
    time: int
    value: float


class Key(NamedTuple):
    """By this something sent is known again: a measure by its sensor and its time or, where the adapter takes the time
    itself, its value; what is no measure by its message's id."""

    sensor: str
    time: int | None = None
    bits: bytes | None = None
    message_id: str | None = None


class Sent(NamedTuple):
    key: Key
    time: int | None
    value: float | None
    expected: str
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
        self.sent_times: Counter[Key] = Counter()
        self.confirmed: Counter[Key] = Counter()

    def add(
        self, sensor: str, *measured: Reading, timed: bool = True, expected: str = STORED
    ) -> list[Key]:
        """Measures that travel in one message; not `timed`: the adapter says when."""
        with self._lock:
            self._messages += 1
            keys = []
            for reading in measured:
                key = Key(sensor, time=reading.time) if timed else Key(sensor, bits=bits(reading.value))
                self._put(Sent(key, reading.time if timed else None, reading.value, expected, self._messages))
                keys.append(key)
            return keys

    def add_rubbish(self, message_id: str, reason: str) -> list[Key]:
        """A message that holds no measure, or none that may be stored."""
        with self._lock:
            self._messages += 1
            key = Key("", message_id=message_id)
            self._put(Sent(key, None, None, reason, self._messages))
            return [key]

    def confirm(self, keys: list[Key]) -> None:
        with self._lock:
            self.confirmed.update(keys)

    def known(self, sensor: str, time: int, value: float) -> Key | None:
        """What this row was when it was sent."""
        for key in (Key(sensor, time=time), Key(sensor, bits=bits(value))):
            if key in self.sent:
                return key
        return None

    @property
    def count(self) -> int:
        """Messages sent until now."""
        return self._messages

    def messages(self) -> dict[int, list[Key]]:
        by_message: dict[int, list[Key]] = {}
        for sent in list(self.sent.values()):
            by_message.setdefault(sent.message, []).append(sent.key)
        return by_message

    def _put(self, sent: Sent) -> None:
        self.sent.setdefault(sent.key, sent)
        self.sent_times[sent.key] += 1
