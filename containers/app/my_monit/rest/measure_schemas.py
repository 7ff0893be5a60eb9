"""What /measures/ and /series/ answer, for the description: measures are encoded by formats.py."""

from typing import Any

from marshmallow import Schema, fields

#: The text formats of a stream.
TEXT: dict[str, Any] = {"type": "string"}


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
