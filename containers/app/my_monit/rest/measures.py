"""/measures/ and /series/: what was measured in an experiment, for its scientists."""

from typing import Any

from dependency_injector.wiring import Provide, inject
from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from my_monit.errors import Fault, Invalid
from my_monit.model import Position, Selection, SeriesExtent
from my_monit.permissions import Verb
from my_monit.rest.authentication import current_actor, performs
from my_monit.rest.blueprint import Blueprint
from my_monit.rest.fields import Count, Moment
from my_monit.rest.formats import FORMATS, STREAMS, in_json, streamed, to_json, wanted_format
from my_monit.rest.measure_schemas import STREAMED, MeasureSchema, SeriesReportSchema
from my_monit.rest.paging import decode_cursor, next_link
from my_monit.rest.streams import Streams
from my_monit.services.changes import ChangeService
from my_monit.services.measures import MeasureService
from my_monit.storage.ports import Place
from my_monit.timestamps import to_rfc3339

#: Measures of a JSON page. Streams have no limit unless one is given.
DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000

blueprint = Blueprint("measures", __name__, description="Measurements")


class SeriesQuery(Schema):
    type = fields.List(fields.String(), load_default=[])
    sensor = fields.List(fields.String(), load_default=[])


class RangeQuery(SeriesQuery):
    from_ = Moment(data_key="from", load_default=None, metadata={"description": "RFC 3339, inclusive"})
    to = Moment(load_default=None, metadata={"description": "RFC 3339, exclusive"})


def _limit_field(of_others: str) -> Count:
    """What holds depends on the format, which only a text can say."""
    about = f"JSON: {DEFAULT_LIMIT:,} by default, {MAX_LIMIT:,} at most. The other formats: {of_others}"
    return Count(load_default=None, validate=validate.Range(1), metadata={"description": about})


class FormatQuery(Schema):
    cursor = fields.String(load_default=None)
    format = fields.String(load_default=None, validate=validate.OneOf(FORMATS))


class MeasureQuery(RangeQuery, FormatQuery):
    limit = _limit_field("no limit unless one is given")
    order = fields.String(load_default="desc", validate=validate.OneOf(["asc", "desc"]))


class ChangesQuery(FormatQuery):
    limit = _limit_field("refused")


@blueprint.route("/measures/<id:experiment_id>")
class MeasureResource(MethodView):
    @performs(Verb.MEASURE_READ)
    @blueprint.arguments(MeasureQuery, location="query")
    @blueprint.response(200, MeasureSchema(many=True))
    @blueprint.doc(responses=STREAMED)
    @inject
    def get(
        self, query: dict[str, Any], experiment_id: int, measures: MeasureService = Provide["measure_service"],
        streams: Streams = Provide["streams"],
    ) -> Response:
        """Measures, newest first: a page of JSON, or all of them as a stream."""
        after = decode_cursor(query["cursor"], Position) if query["cursor"] else None
        name = query["format"] or wanted_format()
        selection = selected(query)
        if name in STREAMS:
            form = STREAMS[name]()
            return streams.send(lambda: streamed(form, measures.stream(
                current_actor(), experiment_id, selection, after=after, limit=query["limit"]
            ), f"measures-{experiment_id}.{name}"))
        page = measures.page(current_actor(), experiment_id, selection, after=after, limit=_limit(query))
        last = page.columns.last
        return in_json(to_json([page]), next_link(last) if last else {})


@blueprint.route("/measures/<id:experiment_id>/latest")
class LatestResource(MethodView):
    @performs(Verb.MEASURE_READ)
    @blueprint.arguments(SeriesQuery, location="query")
    @blueprint.response(200, MeasureSchema(many=True))
    @inject
    def get(
        self, query: dict[str, Any], experiment_id: int, measures: MeasureService = Provide["measure_service"]
    ) -> Response:
        """The newest measure of each series."""
        return in_json(to_json([measures.latest(current_actor(), experiment_id, selected(query))]))


@blueprint.route("/measures/<id:experiment_id>/changes")
class ChangesResource(MethodView):
    @performs(Verb.MEASURE_READ)
    @blueprint.arguments(ChangesQuery, location="query")
    @blueprint.response(200, MeasureSchema(many=True))
    @blueprint.doc(responses=STREAMED)
    @inject
    def get(
        self, query: dict[str, Any], experiment_id: int, changes: ChangeService = Provide["change_service"],
        streams: Streams = Provide["streams"],
    ) -> Response:
        """What has come in since the visit that gave the cursor, however late; Link leads to what comes next."""
        after = decode_cursor(query["cursor"], Place) if query["cursor"] else Place()
        name = query["format"] or wanted_format()
        if name in STREAMS:
            if query["limit"]:
                raise Invalid(Fault("limit", "Only JSON comes in pages; the other formats hold everything."))
            return streams.send(lambda: _all_changes(changes, experiment_id, after, name))
        page, place = changes.page(current_actor(), experiment_id, after=after, limit=_limit(query))
        return in_json(to_json(page), next_link(place))


@blueprint.route("/series/<id:experiment_id>")
class SeriesResource(MethodView):
    @performs(Verb.SERIES_READ)
    @blueprint.response(200, SeriesReportSchema)
    @inject
    def get(self, experiment_id: int, measures: MeasureService = Provide["measure_service"]) -> dict[str, Any]:
        """The series of an experiment, and how many quarantined messages name it, by reason."""
        report = measures.series(current_actor(), experiment_id)
        return {"series": [_extent(extent) for extent in report.extents], "quarantined": report.quarantined}


def _all_changes(changes: ChangeService, experiment_id: int, after: Place, name: str) -> Response:
    form = STREAMS[name]()
    pieces, place = changes.stream(current_actor(), experiment_id, after=after)
    answer = streamed(form, pieces, f"changes-{experiment_id}.{name}")
    answer.headers.update(next_link(place))
    return answer


def selected(query: dict[str, Any]) -> Selection:
    return Selection(
        start=query.get("from_"), end=query.get("to"), measure_types=tuple(query["type"]),
        sensors=tuple(query["sensor"]), descending=query.get("order", "desc") == "desc",
    )


def _limit(query: dict[str, Any]) -> int:
    limit: int = query["limit"] or DEFAULT_LIMIT
    if limit > MAX_LIMIT:
        raise Invalid(Fault("limit", f"Must be at most {MAX_LIMIT} for JSON; the other formats have no limit."))
    return limit


def _extent(extent: SeriesExtent) -> dict[str, Any]:
    return {
        "measure_type": extent.series.measure_type,
        "symbol": extent.series.symbol,
        "sensor": extent.series.sensor or None,
        "first": None if extent.first is None else to_rfc3339(extent.first),
        "last": None if extent.last is None else to_rfc3339(extent.last),
        "count": extent.measures,
    }
