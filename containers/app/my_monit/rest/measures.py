"""/measures/ and /series/: what was measured in an experiment, for its scientists."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from dependency_injector.wiring import Provide, inject
from flask import Response, request
from flask.views import MethodView
from marshmallow import Schema, fields, validate
from werkzeug.exceptions import NotAcceptable

from my_monit.errors import Fault, Invalid
from my_monit.model import Position, Selection, SeriesExtent
from my_monit.permissions import Verb
from my_monit.rest.authentication import current_actor, performs
from my_monit.rest.blueprint import Blueprint
from my_monit.rest.fields import Count, Moment
from my_monit.rest.formats import csv_layout, json_layout, ndjson_layout, to_csv, to_json, written
from my_monit.rest.paging import decode_cursor, next_link
from my_monit.services.measures import Form, MeasureService
from my_monit.storage.ports import Text
from my_monit.timestamps import to_rfc3339

#: Measures of a JSON page. Streams have no limit unless one is given.
DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000


class _Stream(NamedTuple):
    """A format of any length."""

    layout: Form
    encode: Callable[[Iterable[Text]], Iterator[bytes]]
    content_type: str


_STREAMS = {
    "csv": _Stream(csv_layout, to_csv, "text/csv; charset=utf-8; header=present"),
    "ndjson": _Stream(ndjson_layout, written, "application/x-ndjson"),
}
_MEDIA = {"application/json": "json", "text/csv": "csv", "application/x-ndjson": "ndjson"}

blueprint = Blueprint("measures", __name__, description="Measurements")


class MeasureQuery(Schema):
    from_ = Moment(data_key="from", load_default=None, metadata={"description": "RFC 3339, inclusive"})
    to = Moment(load_default=None, metadata={"description": "RFC 3339, exclusive"})
    type = fields.List(fields.String(), load_default=[])
    sensor = fields.List(fields.String(), load_default=[])
    order = fields.String(load_default="desc", validate=validate.OneOf(["asc", "desc"]))
    limit = Count(load_default=None, validate=validate.Range(1))
    cursor = fields.String(load_default=None)
    format = fields.String(load_default=None, validate=validate.OneOf(list(_MEDIA.values())))


@blueprint.route("/measures/<id:experiment_id>")
class MeasureResource(MethodView):
    @performs(Verb.MEASURE_READ)
    @blueprint.arguments(MeasureQuery, location="query")
    @inject
    def get(
        self, query: dict[str, Any], experiment_id: int, measures: MeasureService = Provide["measure_service"]
    ) -> Response:
        """Measures, newest first: a page of JSON, or all of them as a stream."""
        after = decode_cursor(query["cursor"], Position) if query["cursor"] else None
        name = query["format"] or _wanted_format()
        if name in _STREAMS:
            form = _STREAMS[name]
            texts = measures.stream(
                current_actor(), experiment_id, _selection(query), form.layout, after=after, limit=query["limit"]
            )
            return _streamed(form.encode(texts), form.content_type, f"measures-{experiment_id}.{name}")
        limit = query["limit"] or DEFAULT_LIMIT
        if limit > MAX_LIMIT:
            raise Invalid(Fault("limit", f"Must be at most {MAX_LIMIT} for JSON; the other formats have no limit."))
        page = measures.page(
            current_actor(), experiment_id, _selection(query), json_layout, after=after, limit=limit
        )
        return Response(to_json(page), headers=_link(page), content_type="application/json")


@blueprint.route("/series/<id:experiment_id>")
class SeriesResource(MethodView):
    @performs(Verb.SERIES_READ)
    @blueprint.response(200)
    @inject
    def get(self, experiment_id: int, measures: MeasureService = Provide["measure_service"]) -> dict[str, Any]:
        """The series of an experiment, and how many quarantined messages name it, by reason."""
        report = measures.series(current_actor(), experiment_id)
        return {"series": [_extent(extent) for extent in report.extents], "quarantined": report.quarantined}


def _selection(query: dict[str, Any]) -> Selection:
    return Selection(
        start=query["from_"], end=query["to"], measure_types=tuple(query["type"]), sensors=tuple(query["sensor"]),
        descending=query["order"] == "desc",
    )


def _wanted_format() -> str:
    media = request.accept_mimetypes.best_match(_MEDIA) if request.accept_mimetypes else None
    if media is None and request.accept_mimetypes:
        raise NotAcceptable(f"this is served as {' and '.join(_MEDIA)}")
    return _MEDIA[media or "application/json"]


def _link(page: Text) -> dict[str, str]:
    return {} if page.last is None else next_link(page.last)


def _streamed(chunks: Iterator[bytes], content_type: str, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Accel-Buffering": "no",  # the proxy passes a stream on as it comes
    }
    return Response(chunks, headers=headers, content_type=content_type)


def _extent(extent: SeriesExtent) -> dict[str, Any]:
    return {
        "measure_type": extent.series.measure_type,
        "symbol": extent.series.symbol,
        "sensor": extent.series.sensor or None,
        "first": None if extent.first is None else to_rfc3339(extent.first),
        "last": None if extent.last is None else to_rfc3339(extent.last),
        "count": extent.measures,
    }
