"""/quarantine/: what could not be stored, and why. Its bytes are for the console alone."""

from typing import Any

from dependency_injector.wiring import Provide, inject
from flask.views import MethodView
from marshmallow import Schema, fields

from my_monit.model import Reason
from my_monit.permissions import Verb
from my_monit.rest.authentication import current_actor, performs
from my_monit.rest.blueprint import Blueprint
from my_monit.rest.fields import PageQuery
from my_monit.rest.paging import decode_cursor, next_link
from my_monit.services.quarantine import QuarantineService

blueprint = Blueprint("quarantine", __name__, url_prefix="/quarantine", description="What could not be stored")


class QuarantineSchema(Schema):
    id = fields.Integer(attribute="quarantine_id")
    reason = fields.Enum(Reason, by_value=True)
    time = fields.DateTime(attribute="received", format="%Y-%m-%dT%H:%M:%S.%fZ")
    publisher = fields.String()
    size = fields.Integer(metadata={"description": "bytes"})
    experiment = fields.String(allow_none=True)


class QuarantineQuery(PageQuery):
    reason = fields.Enum(Reason, by_value=True, load_default=None)


@blueprint.route("/")
class QuarantineResource(MethodView):
    @performs(Verb.QUARANTINE_LIST)
    @blueprint.arguments(QuarantineQuery, location="query")
    @blueprint.response(200, QuarantineSchema(many=True))
    @inject
    def get(self, query: dict[str, Any], quarantine: QuarantineService = Provide["quarantine_service"]) -> Any:
        """List quarantined messages by id."""
        after = decode_cursor(query["cursor"], int) if query["cursor"] else 0
        page = quarantine.page(current_actor(), after=after, limit=query["limit"] + 1, reason=query["reason"])
        shown = page[: query["limit"]]
        return shown, 200, next_link(shown[-1].quarantine_id) if len(page) > len(shown) else {}
