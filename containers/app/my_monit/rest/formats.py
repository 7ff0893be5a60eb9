"""Measures as bytes, in each format: how it begins, what a measure looks like, and how it ends.

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
from my_monit.rest.lines import Lines
from my_monit.services.export import Piece

COLUMNS = ("experiment", "measure_type", "sensor", "timestamp", "value")


class Format(Protocol):
    """What an answer is called, and what is made of the pieces."""

    content_type: str

    def encode(self, pieces: Iterable[Piece]) -> Iterator[bytes]: ...


class _Csv:
    """RFC 4180 with a header; no sensor is an empty field."""

    content_type = "text/csv; charset=utf-8; header=present"

    def encode(self, pieces: Iterable[Piece]) -> Iterator[bytes]:
        yield csv_record(*COLUMNS) + b"\r\n"
        yield from _lines(Lines(_csv_begin, b",", b"\r\n"), pieces)


class _Ndjson:
    content_type = "application/x-ndjson"

    def encode(self, pieces: Iterable[Piece]) -> Iterator[bytes]:
        return _lines(Lines(_object_begin, b'","value":', b"}\n"), pieces)


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


def streamed(form: Format, pieces: Iterable[Piece], name: str) -> Response:
    return Response(form.encode(pieces), content_type=form.content_type, headers={
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Accel-Buffering": "no",  # the proxy passes a stream on as it comes
    })


def in_json(body: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(body, headers=headers, content_type="application/json")


def to_json(pieces: Iterable[Piece]) -> bytes:
    return b"".join((b"[", *_lines(Lines(_object_begin, b'","value":', b"}", separator=b","), pieces), b"]"))


def csv_record(*cells: object) -> bytes:
    """Without its end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue().encode()


def _lines(lines: Lines, pieces: Iterable[Piece]) -> Iterator[bytes]:
    """A generator: whoever closes the answer closes the pieces, too, and what reads them ahead."""
    for piece in pieces:
        yield from lines.write(piece)


def _csv_begin(experiment: Experiment, series: Series) -> bytes:
    return csv_record(experiment.name, series.measure_type, series.sensor) + b","


def _object_begin(experiment: Experiment, series: Series) -> bytes:
    names = experiment.name, series.measure_type, series.sensor or None
    return msgspec.json.encode(dict(zip(COLUMNS, names)))[:-1] + b',"timestamp":"'
