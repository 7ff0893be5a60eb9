"""/measure-types/: what can be measured, and in which unit."""

from typing import Any

from dependency_injector.wiring import Provide, inject
from flask.views import MethodView
from marshmallow import Schema, fields

from my_monit.model import MeasureType
from my_monit.permissions import Verb
from my_monit.rest.authentication import current_actor, performs
from my_monit.rest.blueprint import Blueprint
from my_monit.rest.fields import NAME_CHARS, SYMBOL_CHARS, PageQuery, Text
from my_monit.rest.paging import decode_cursor, next_link
from my_monit.services.measure_types import MeasureTypeService

#: Characters of a measure type's name, as in messages.
TYPE_CHARS = 64

blueprint = Blueprint("measure_types", __name__, url_prefix="/measure-types", description="What can be measured")


class MeasureTypeSchema(Schema):
    measure_type_id = fields.Integer(dump_only=True)
    name = Text(TYPE_CHARS, required=True)
    symbol = Text(SYMBOL_CHARS, required=True)
    quantity = Text(NAME_CHARS, required=True)


@blueprint.route("/")
class MeasureTypesResource(MethodView):
    @performs(Verb.MEASURE_TYPE_LIST)
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, MeasureTypeSchema(many=True))
    @inject
    def get(self, query: dict[str, Any], types: MeasureTypeService = Provide["measure_type_service"]) -> Any:
        """List measure types by id."""
        after = decode_cursor(query["cursor"], int) if query["cursor"] else 0
        page = types.page(current_actor(), after=after, limit=query["limit"] + 1)
        shown = page[: query["limit"]]
        return shown, 200, next_link(shown[-1].measure_type_id) if len(page) > len(shown) else {}

    @performs(Verb.MEASURE_TYPE_CREATE)
    @blueprint.arguments(MeasureTypeSchema)
    @blueprint.response(201, MeasureTypeSchema)
    @inject
    def post(self, fields_: dict[str, Any], types: MeasureTypeService = Provide["measure_type_service"]) -> MeasureType:
        """Add a measure type."""
        return types.add(current_actor(), **fields_)
