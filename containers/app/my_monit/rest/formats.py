"""Measures as bytes: JSON objects or lines of CSV, fields in the same order."""

import csv
import io
from collections.abc import Iterable, Iterator

import msgspec

from my_monit.model import Measure
from my_monit.services.measures import Chunk
from my_monit.timestamps import to_rfc3339

COLUMNS = ("experiment", "measure_type", "sensor", "timestamp", "value")


class MeasureRow(msgspec.Struct):
    """One measure as clients see it; `sensor` is None when the instrument named none."""

    experiment: str
    measure_type: str
    sensor: str | None
    timestamp: str
    value: float


def to_json(chunk: Chunk) -> bytes:
    return msgspec.json.encode([_row(chunk, measure) for measure in chunk.measures])


def to_csv(chunks: Iterable[Chunk]) -> Iterator[str]:
    """RFC 4180 with a header, a chunk at a time; no sensor is an empty field, a value has its shortest exact form."""
    yield ",".join(COLUMNS) + "\r\n"
    for chunk in chunks:
        lines = io.StringIO()
        writer = csv.writer(lines)
        writer.writerows(
            (row.experiment, row.measure_type, row.sensor, row.timestamp, repr(row.value))
            for row in (_row(chunk, measure) for measure in chunk.measures)
        )
        yield lines.getvalue()


def _row(chunk: Chunk, measure: Measure) -> MeasureRow:
    series = chunk.series[measure.series_id]
    return MeasureRow(
        chunk.experiment.name, series.measure_type, series.sensor or None, to_rfc3339(measure.time), measure.value
    )
