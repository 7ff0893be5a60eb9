"""What /measures/ and /series/ answer, for the description: measures are encoded by formats.py and summary.py."""

from typing import Any

from marshmallow import Schema, fields

from my_monit.rest.arrow import ArrowFormat
from my_monit.rest.formats import STREAMS

_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
#: `format` tells it to generators of clients that come from OpenAPI 3.0.
_BINARY: dict[str, Any] = {
    "schema": {"type": "string", "format": "binary", "contentMediaType": ArrowFormat.content_type}
}
#: The other formats of measures, for Blueprint.doc.
STREAMED = {
    200: {
        "content": {
            form.content_type.partition(";")[0]: _BINARY if form is ArrowFormat else _TEXT for form in STREAMS.values()
        }
    }
}
#: The other format of figures.
TABLE = {200: {"content": {"text/csv": _TEXT}}}


class MeasureSchema(Schema):
    experiment = fields.String(required=True)
    measure_type = fields.String(required=True)
    sensor = fields.String(required=True, allow_none=True)
    timestamp = fields.String(required=True, metadata={"format": "date-time", "description": "up to nanoseconds"})
    value = fields.Float(required=True)


class SeriesSchema(Schema):
    measure_type = fields.String(required=True)
    symbol = fields.String(required=True)
    sensor = fields.String(required=True, allow_none=True)
    first = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    last = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    count = fields.Integer(required=True)


class SeriesReportSchema(Schema):
    series = fields.List(fields.Nested(SeriesSchema), required=True)
    quarantined = fields.Dict(fields.String(), fields.Integer(), required=True)


class FiguresSchema(Schema):
    experiment = fields.String(required=True)
    measure_type = fields.String(required=True)
    sensor = fields.String(required=True, allow_none=True)
    start = fields.String(required=True, metadata={"format": "date-time"})
    end = fields.String(required=True, metadata={"format": "date-time"})
    count = fields.Integer()
    min = fields.Float()
    max = fields.Float()
    mean = fields.Float()
    std = fields.Float(allow_none=True)
