import hashlib
import re
from collections.abc import Iterable, Iterator

from mymonit_adapters.formats.base import Format, Record
from mymonit_adapters.model import MAX_RAW_BYTES, Chunk, Entry, Reading, Reject, Series
from mymonit_adapters.values import parse_number, shown


class Instrument:
    """How an input is read, and what it means. `name` is stable and fit for a folder."""

    def __init__(self, name: str, kind: Format, series: Series) -> None:
        self.name = name
        self._kind = kind
        self._series = series

    def entries(self, chunks: Iterable[Chunk]) -> Iterator[Entry]:
        """Of one input, from its beginning; never raises for what is in it."""
        for record in self._kind.read(chunks, [1]):
            yield self._entry(record)

    def _entry(self, record: Record) -> Entry:
        if record.fault:
            return _rejected(record, record.fault)
        text = record.texts[0] or ""
        try:
            value = parse_number(text)
        except ValueError as error:
            return _rejected(record, f"{error}: {shown(text)}")
        return Entry(record.number, record.end, [Reading(self._series, value, record.read_at)], (), 0)


def _rejected(record: Record, reason: str) -> Entry:
    reject = Reject(record.number, reason, record.raw[:MAX_RAW_BYTES])
    return Entry(record.number, record.end, (), [reject], 0)


def plain_instrument(format_name: str, kind: Format, series: Series) -> Instrument:
    """Without a configuration file: one number a record, measured when it arrives."""
    labels = [format_name, series.experiment, series.measure, series.sensor or ""]
    digest = hashlib.sha256("\0".join(labels).encode()).hexdigest()[:8]  # what is left out below must not be lost
    return Instrument(re.sub(r"[^A-Za-z0-9]+", "-", "-".join([*labels, digest])), kind, series)
