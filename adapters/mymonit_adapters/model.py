import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

EXPERIMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
MAX_LABEL_CHARS = 64
#: Of what could not be read: enough to see what is wrong with it.
MAX_RAW_BYTES = 1_024


class Chunk(NamedTuple):
    data: bytes
    read_at: int  # nanoseconds since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What is measured, where and by which instrument. Raises ValueError for what the repository would refuse."""

    experiment: str
    measure: str
    sensor: str | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        if not EXPERIMENT_NAME.fullmatch(self.experiment):
            raise ValueError("an experiment's name is 1 to 64 letters, digits, _ and -, the first a letter or digit")
        for name, label in (("measure", self.measure), ("sensor", self.sensor), ("unit", self.unit)):
            if label is not None and not (label.isprintable() and 0 < len(label) <= MAX_LABEL_CHARS):
                raise ValueError(f"a {name} is 1 to {MAX_LABEL_CHARS} printable characters")


class Reading(NamedTuple):
    """One measurement, ready to be sent."""

    series: Series
    value: float  # finite
    time: int  # nanoseconds since 1970, UTC


class Reject(NamedTuple):
    number: int  # of the record in its input (line, row, element), from 1
    reason: str  # fit to be shown on a terminal
    raw: bytes  # what could not be read, at most MAX_RAW_BYTES of it


class Entry(NamedTuple):
    """What one record of the input gave."""

    number: int  # of the record in its input, from 1
    end: int  # bytes of the input, from its beginning, that are dealt with once this entry is
    readings: Sequence[Reading]
    rejects: Sequence[Reject]
    missing: int  # values that the configuration calls missing
