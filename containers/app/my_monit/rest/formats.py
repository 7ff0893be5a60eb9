"""Measures as bytes: how each format begins, what stands between the parts of a measure, and how it ends.

The fields and their order are the same everywhere: experiment, measure_type, sensor, timestamp, value.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Protocol

import msgspec
from flask import Response, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable

from my_monit.model import Experiment, Series
from my_monit.rest.arrow import ArrowFormat
from my_monit.storage.ports import Layout, Text

COLUMNS = ("experiment", "measure_type", "sensor", "timestamp", "value")


class Format(Protocol):
    """One answer's format: how a measure is laid out, and what is made of the texts."""

    content_type: str

    def layout(self, experiment: Experiment, series: Iterable[Series]) -> Layout: ...

    def encode(self, texts: Iterable[Text]) -> Iterator[bytes]: ...


class _Csv:
    """RFC 4180 with a header; no sensor is an empty field."""

    content_type = "text/csv; charset=utf-8; header=present"

    def layout(self, experiment: Experiment, series: Iterable[Series]) -> Layout:
        begins = {one.series_id: csv_record(experiment.name, one.measure_type, one.sensor) + b"," for one in series}
        return Layout(begins, b",", b"\r\n")

    def encode(self, texts: Iterable[Text]) -> Iterator[bytes]:
        yield csv_record(*COLUMNS) + b"\r\n"
        yield from _written(texts)


class _Ndjson:
    content_type = "application/x-ndjson"

    def layout(self, experiment: Experiment, series: Iterable[Series]) -> Layout:
        return _objects(experiment, series, b"}\n", b"")

    def encode(self, texts: Iterable[Text]) -> Iterator[bytes]:
        return _written(texts)


STREAMS: dict[str, type[Format]] = {"csv": _Csv, "ndjson": _Ndjson, "arrow": ArrowFormat}
FORMATS = ("json", *STREAMS)
_MEDIA = {"application/json": "json"} | {one.content_type.partition(";")[0]: name for name, one in STREAMS.items()}


def wanted_format(among: Iterable[str] = FORMATS) -> str:
    """The one that the Accept header prefers; JSON when it does not care. Each is there with one set of parameters."""
    if not request.accept_mimetypes:
        return "json"
    media = {kind: name for kind, name in _MEDIA.items() if name in among}
    accepted = MIMEAccept((kind.partition(";")[0], quality) for kind, quality in request.accept_mimetypes)
    best = accepted.best_match(media)
    if best is None:
        raise NotAcceptable(f"this is served as {', '.join(media)}")
    return media[best]


def streamed(form: Format, texts: Iterable[Text], name: str) -> Response:
    return Response(form.encode(texts), content_type=form.content_type, headers={
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Accel-Buffering": "no",  # the proxy passes a stream on as it comes
    })


def in_json(body: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(body, headers=headers, content_type="application/json")


def json_layout(experiment: Experiment, series: Iterable[Series]) -> Layout:
    return _objects(experiment, series, b"}", b",")


def to_json(texts: Iterable[Text]) -> bytes:
    return b"[%s]" % b",".join(_written(texts))


def csv_record(*cells: object) -> bytes:
    """Without its end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue().encode()


def _written(texts: Iterable[Text]) -> Iterator[bytes]:
    """Without empty ones, of which a stream would take the first for its end."""
    return (text.written for text in texts if text.written)


def _objects(experiment: Experiment, series: Iterable[Series], end: bytes, separator: bytes) -> Layout:
    begins = {one.series_id: _object(experiment, one)[:-1] + b',"timestamp":"' for one in series}
    return Layout(begins, b'","value":', end, separator)


def _object(experiment: Experiment, series: Series) -> bytes:
    names = experiment.name, series.measure_type, series.sensor or None
    return msgspec.json.encode(dict(zip(COLUMNS, names)))
