"""/measures/{experiment_id}/summary: figures of measures, period by period."""

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from dependency_injector.wiring import Provide, inject
from flask import Response
from flask.views import MethodView
from marshmallow import ValidationError, fields, validate
from webargs.fields import DelimitedList

from my_monit.periods import BadPeriod, Period, parse_period
from my_monit.permissions import Verb
from my_monit.rest.authentication import current_actor, performs
from my_monit.rest.blueprint import Blueprint
from my_monit.rest.formats import csv_record, in_json, wanted_format
from my_monit.rest.measure_schemas import TABLE, FiguresSchema
from my_monit.rest.measures import RangeQuery, selected
from my_monit.services.summary import Question, Summary, SummaryRow, SummaryService
from my_monit.timestamps import to_rfc3339

FUNCTIONS = ("count", "min", "max", "mean", "std")
_DEFAULT_FUNCTIONS = ["count", "mean"]
_FORMATS = ("json", "csv")

blueprint = Blueprint("summary", __name__, description="Measurements in figures")


class _Every(fields.String):
    def _deserialize(  # type: ignore[override]
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> Period:
        try:
            return parse_period(super()._deserialize(value, attr, data, **kwargs))
        except BadPeriod as error:
            raise ValidationError("must be one of PT1S, PT1M, PT1H, P1D, P1W, P1M, P1Y or so many of them") from error


class _Zone(fields.String):
    def _deserialize(  # type: ignore[override]
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> ZoneInfo:
        try:
            return ZoneInfo(super()._deserialize(value, attr, data, **kwargs))
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValidationError("must be the name of a time zone, such as Europe/Zurich") from error


class SummaryQuery(RangeQuery):
    every = _Every(required=True, metadata={"description": "ISO 8601: PT1M, PT1H, P1D, P1W, P1M, P1Y"})
    fn = DelimitedList(
        fields.String(validate=validate.OneOf(FUNCTIONS)), load_default=_DEFAULT_FUNCTIONS, validate=validate.Length(1),
        metadata={"default": _DEFAULT_FUNCTIONS},  # else it is described as it is sent: text with commas
    )
    tz = _Zone(load_default=ZoneInfo("UTC"), metadata={"description": "whose days, weeks, months and years"})
    format = fields.String(load_default=None, validate=validate.OneOf(_FORMATS))


@blueprint.route("/measures/<id:experiment_id>/summary")
class SummaryResource(MethodView):
    @performs(Verb.MEASURE_READ)
    @blueprint.arguments(SummaryQuery, location="query")
    @blueprint.response(200, FiguresSchema(many=True))
    @blueprint.doc(responses=TABLE)
    @inject
    def get(
        self, query: dict[str, Any], experiment_id: int, summaries: SummaryService = Provide["summary_service"]
    ) -> Response:
        """Figures of each series, period by period, oldest first."""
        functions = list(dict.fromkeys(query["fn"]))
        question = Question(selected(query), query["every"], functions, query["tz"])
        name = query["format"] or wanted_format(_FORMATS)
        summary = summaries.ask(current_actor(), experiment_id, question)
        rows = [_cells(summary, row, functions) for row in summary.rows]
        if name == "json":
            return in_json(msgspec.json.encode(rows))
        columns = ("experiment", "measure_type", "sensor", "start", "end", *functions)
        lines = [csv_record(*columns), *(csv_record(*row.values()) for row in rows)]
        return Response(b"\r\n".join(lines) + b"\r\n", content_type="text/csv; charset=utf-8; header=present")


def _cells(summary: Summary, row: SummaryRow, functions: list[str]) -> dict[str, Any]:
    return {
        "experiment": summary.experiment.name,
        "measure_type": row.series.measure_type,
        "sensor": row.series.sensor or None,
        "start": to_rfc3339(row.start),
        "end": to_rfc3339(row.end),
        **{name: row.figures.values[name] for name in functions},
    }
