import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mymonit_adapters.errors import SettingsError
from mymonit_adapters.formats.base import Field, Format, Record
from mymonit_adapters.model import MAX_RAW_BYTES, Chunk, Entry, Reading, Reject, Series
from mymonit_adapters.table import Table
from mymonit_adapters.times import ReadTime
from mymonit_adapters.values import ReadValue, parse_number, shown

Texts = Sequence[str | None]
_made = tuple.__new__  # a third of what Reading() and Entry() take, and this is done for every value
MAX_SERIES = 10_000  # whose names are remembered as good


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A name that stands in each record."""

    what: str
    field: int  # its index among the fields
    words: Mapping[str, str]  # what the device calls it, and what MyMONIT does; empty: the same

    def read(self, texts: Texts) -> str:
        text = texts[self.field]
        if text is None:
            raise ValueError(f"there is no {self.what}")
        name = text.strip()
        if not self.words:
            return name
        if name not in self.words:
            raise ValueError(f"the map of {self.what} has no {shown(name)}")
        return self.words[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one value of each record means."""

    field: int  # its index among the fields
    name: str  # of the field
    read_value: ReadValue
    skip_absent: bool
    series: Series | Callable[[Texts], Series]  # raises ValueError


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    fields: Sequence[int]  # their indices; what is in them is joined by a blank
    read: ReadTime


class Instrument:
    """How an input is read, and what it means. `name` is stable and fit for a folder."""

    def __init__(
        self,
        name: str,
        *,
        kind: Format,
        fields: Sequence[Field],
        clock: Clock | None,  # None: the time of arrival
        measurements: Sequence[Measurement],
    ) -> None:
        self.name = name
        self.kind = kind
        self._fields = fields
        self._clock = clock
        self._measurements = measurements

    def entries(self, chunks: Iterable[Chunk]) -> Iterator[Entry]:
        """Of one input, from its beginning; never raises for what is in it."""
        for record in self.kind.read(chunks, self._fields):
            try:
                yield self._entry(record)
            except ValueError as error:
                yield Entry(record.number, record.end, (), [_reject(record, str(error))], 0)

    def _entry(self, record: Record) -> Entry:
        if record.fault:
            raise ValueError(record.fault)
        texts = record.texts
        time = record.read_at if self._clock is None else _time(self._clock, texts)
        readings, rejects, missing = [], [], 0
        for measurement in self._measurements:
            try:
                value = _value(measurement, texts)
                if value is None:
                    missing += 1
                    continue
                series = measurement.series
                found = series if isinstance(series, Series) else series(texts)
                readings.append(_made(Reading, (found, value, time)))
            except ValueError as error:
                rejects.append(_reject(record, str(error)))
        return _made(Entry, (record.number, record.end, readings, rejects, missing))


def plain_instrument(format_name: str, kind: type[Format], series: Series) -> Instrument:
    """Without a configuration file: one value a record, measured when it arrives. Raises SettingsError."""
    if kind.plain_field is None:
        raise SettingsError(f"{format_name} needs a configuration file that says what is where")
    labels = [format_name, series.experiment, series.measure, series.sensor or ""]
    digest = hashlib.sha256("\0".join(labels).encode()).hexdigest()[:8]  # tells apart what the next line makes equal
    name = re.sub(r"[^A-Za-z0-9]+", "-", "-".join([*filter(None, labels), digest]))
    measurement = Measurement(field=0, name="value", read_value=parse_number, skip_absent=False, series=series)
    return Instrument(
        name, kind=kind(Table({})), fields=[kind.plain_field], clock=None, measurements=[measurement]
    )


@lru_cache(maxsize=MAX_SERIES)
def find_series(experiment: str, measure: str, sensor: str | None, unit: str | None) -> Series:
    return Series(experiment=experiment, measure=measure, sensor=sensor, unit=unit)


def _time(clock: Clock, texts: Texts) -> int:
    parts = [texts[field] for field in clock.fields]
    if None in parts:
        raise ValueError("there is no time")
    return clock.read(" ".join(part for part in parts if part is not None))


def _value(measurement: Measurement, texts: Texts) -> float | None:
    text = texts[measurement.field]
    if text is not None:
        return measurement.read_value(text)
    if measurement.skip_absent:
        return None
    raise ValueError(f"there is no {measurement.name}")


def _reject(record: Record, reason: str) -> Reject:
    return Reject(record.number, reason, record.raw[:MAX_RAW_BYTES])
