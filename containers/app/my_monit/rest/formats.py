"""Measures as bytes: how each format begins, what stands between the parts of a measure, and how it ends.

The fields and their order are the same everywhere: experiment, measure_type, sensor, timestamp, value.
"""

import csv
import io
from collections.abc import Iterable, Iterator

import msgspec

from my_monit.model import Experiment, Series
from my_monit.storage.ports import Layout, Text

COLUMNS = ("experiment", "measure_type", "sensor", "timestamp", "value")


def csv_layout(experiment: Experiment, series: Iterable[Series]) -> Layout:
    """RFC 4180; no sensor is an empty field."""
    begins = {one.series_id: csv_record(experiment.name, one.measure_type, one.sensor) + b"," for one in series}
    return Layout(begins, b",", b"\r\n")


def ndjson_layout(experiment: Experiment, series: Iterable[Series]) -> Layout:
    return _objects(experiment, series, b"}\n")


def json_layout(experiment: Experiment, series: Iterable[Series]) -> Layout:
    return _objects(experiment, series, b"},")


def to_json(text: Text) -> bytes:
    return b"[%s]" % text.written.removesuffix(b",")


def to_csv(texts: Iterable[Text]) -> Iterator[bytes]:
    yield csv_record(*COLUMNS) + b"\r\n"
    yield from written(texts)


def written(texts: Iterable[Text]) -> Iterator[bytes]:
    """An empty chunk would end the answer."""
    return (text.written for text in texts if text.written)


def csv_record(*cells: object) -> bytes:
    """Without its end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue().encode()


def _objects(experiment: Experiment, series: Iterable[Series], end: bytes) -> Layout:
    begins = {one.series_id: _object(experiment, one)[:-1] + b',"timestamp":"' for one in series}
    return Layout(begins, b'","value":', end)


def _object(experiment: Experiment, series: Series) -> bytes:
    names = experiment.name, series.measure_type, series.sensor or None
    return msgspec.json.encode(dict(zip(COLUMNS, names)))
