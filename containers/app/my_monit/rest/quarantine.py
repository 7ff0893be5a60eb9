"""/quarantine/: what could not be stored, and why. Its bytes are for the console alone."""

from typing import Any

from dependency_injector.wiring import Provide, inject
from flask import Response
from flask.views import MethodView
from marshmallow import Schema, ValidationError, fields, validate

from my_monit.model import QuarantineSelection, Reason
from my_monit.permissions import Verb
from my_monit.rest.authentication import current_actor, performs
from my_monit.rest.blueprint import Blueprint
from my_monit.rest.fields import Moment, PageQuery, Utc
from my_monit.rest.paging import decode_cursor, next_link
from my_monit.services.quarantine import QuarantineService
from my_monit.timestamps import BadTimestamp, to_moment

#: Bytes of a publisher, and characters of an experiment, that an item can name.
PUBLISHER_BYTES = 255
EXPERIMENT_CHARS = 64

blueprint = Blueprint("quarantine", __name__, url_prefix="/quarantine", description="What could not be stored")


class QuarantineSchema(Schema):
    id = fields.Integer(attribute="quarantine_id", required=True)
    reason = fields.Enum(Reason, by_value=True, required=True)
    time = Utc(attribute="received", required=True)
    publisher = fields.String(required=True)
    size = fields.Integer(required=True, metadata={"description": "bytes"})
    experiment = fields.String(required=True, allow_none=True)


class _Receipt(Moment):
    """A time of receipt, as a datetime."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return to_moment(super()._deserialize(value, attr, data, **kwargs))
        except BadTimestamp as error:
            raise ValidationError("lies beyond the year 9999") from error


class QuarantineQuery(PageQuery):
    reason = fields.Enum(Reason, by_value=True, load_default=None)
    publisher = fields.String(load_default=None, validate=validate.Length(max=PUBLISHER_BYTES))
    experiment = fields.String(load_default=None, validate=validate.Length(max=EXPERIMENT_CHARS))
    start = _Receipt(data_key="from", load_default=None)
    end = _Receipt(data_key="to", load_default=None)


class ReplayedSchema(Schema):
    stored = fields.Integer(required=True, metadata={"description": "measures"})
    refused = fields.Dict(
        keys=fields.String(), values=fields.Integer(), required=True, metadata={"description": "by reason"}
    )


@blueprint.route("/")
class QuarantineResource(MethodView):
    @performs(Verb.QUARANTINE_LIST)
    @blueprint.arguments(QuarantineQuery, location="query")
    @blueprint.response(200, QuarantineSchema(many=True))
    @inject
    def get(self, query: dict[str, Any], quarantine: QuarantineService = Provide["quarantine_service"]) -> Any:
        """List quarantined messages by id."""
        after = decode_cursor(query["cursor"], int) if query["cursor"] else 0
        page = quarantine.page(
            current_actor(), after=after, limit=query["limit"] + 1, selection=_selection(query)
        )
        shown = page[: query["limit"]]
        return shown, 200, next_link(shown[-1].quarantine_id) if len(page) > len(shown) else {}


@blueprint.route("/<id:quarantine_id>")
class QuarantineItemResource(MethodView):
    @performs(Verb.QUARANTINE_DISCARD)
    @blueprint.response(204)
    @inject
    def delete(self, quarantine_id: int, quarantine: QuarantineService = Provide["quarantine_service"]) -> Response:
        """Delete a quarantined message for good."""
        quarantine.discard_one(current_actor(), quarantine_id)
        return Response(status=204)


@blueprint.route("/<id:quarantine_id>/replay")
class ReplayResource(MethodView):
    @performs(Verb.QUARANTINE_REPLAY)
    @blueprint.response(200, ReplayedSchema)
    @inject
    def post(self, quarantine_id: int, quarantine: QuarantineService = Provide["quarantine_service"]) -> Any:
        """Try a quarantined message again, and store it if that is possible now."""
        return quarantine.replay_one(current_actor(), quarantine_id)


def _selection(query: dict[str, Any]) -> QuarantineSelection:
    publisher = query["publisher"]
    return QuarantineSelection(
        reason=query["reason"], publisher=None if publisher is None else publisher.encode(),
        experiment=query["experiment"], start=query["start"], end=query["end"],
    )
