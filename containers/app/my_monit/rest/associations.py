"""Which scientists may see which experiments: now, in the past, and why or why not."""

from typing import Any

from dependency_injector.wiring import Provide, inject
from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields

from my_monit.permissions import Verb
from my_monit.rest.authentication import current_actor, performs
from my_monit.rest.blueprint import Blueprint
from my_monit.rest.conditions import expected_versions, tag, versioned
from my_monit.rest.fields import Future, PageQuery, Utc
from my_monit.rest.paging import decode_cursor, next_link
from my_monit.services.access import AccessService, Check
from my_monit.services.experiments import ExperimentService

blueprint = Blueprint("associations", __name__, description="Who sees what")


#: Experiment ids are names here, so no class can describe it.
_BY_EXPERIMENT = {
    "type": "object",
    "propertyNames": {"pattern": "^[0-9]+$"},
    "additionalProperties": {
        "type": "object",
        "properties": {"users": {"type": "array", "items": {"type": "string"}}},
        "required": ["users"],
    },
}


class EndSchema(Schema):
    until = Future(load_default=None, metadata={"description": "null: the same as without it"})


class AssociationSchema(Schema):
    experiment_id = fields.Integer(required=True)
    user_id = fields.String(required=True)
    since = Utc(required=True)
    until = Utc(required=True, allow_none=True, metadata={"description": "null: without an end"})


class FindingSchema(Schema):
    check = fields.Enum(Check, by_value=True, required=True)
    holds = fields.Boolean(required=True)
    detail = fields.String(required=True)
    since = Utc(required=True, allow_none=True, metadata={"description": "of the association, or of the erasure"})
    until = Utc(required=True, allow_none=True)


class AccessSchema(Schema):
    user_id = fields.String(required=True)
    experiment_id = fields.Integer(required=True)
    allowed = fields.Boolean(required=True, metadata={"description": "whether all findings hold"})
    findings = fields.List(fields.Nested(FindingSchema), required=True)


@blueprint.route("/scientists-experiments/")
class AssociationsResource(MethodView):
    @performs(Verb.ASSOCIATION_LIST)
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200)
    @blueprint.doc(responses={200: {"content": {"application/json": {"schema": _BY_EXPERIMENT}}}})
    @inject
    def get(self, query: dict[str, Any], experiments: ExperimentService = Provide["experiment_service"]) -> Any:
        """Current associations by experiment id; a page has `limit` experiments."""
        after = decode_cursor(query["cursor"], int) if query["cursor"] else 0
        found: dict[int, dict[str, list[str]]] = {}
        for association in experiments.associations(current_actor(), after=after, limit=query["limit"] + 1):
            found.setdefault(association.experiment_id, {"users": []})["users"].append(association.user_id)
        shown = list(found)[: query["limit"]]
        body = {str(experiment_id): found[experiment_id] for experiment_id in shown}
        return body, 200, next_link(shown[-1]) if len(found) > len(shown) else {}


@blueprint.route("/scientists-experiments/<id:experiment_id>/<staff:user_id>")
class ExperimentAssociationResource(MethodView):
    @versioned
    @performs(Verb.ASSOCIATION_CREATE)
    @blueprint.arguments(EndSchema, required=False)
    @blueprint.response(201, AssociationSchema)
    @inject
    def post(
        self, end: dict[str, Any], experiment_id: int, user_id: str,
        experiments: ExperimentService = Provide["experiment_service"],
    ) -> Any:
        """Let a scientist see an experiment, without an end or until a moment to come."""
        association = experiments.associate(current_actor(), experiment_id, user_id, until=end["until"])
        return association, 201, tag(association)

    @versioned
    @performs(Verb.ASSOCIATION_END)
    @blueprint.arguments(EndSchema, required=False)
    @blueprint.response(204)
    @inject
    def delete(
        self, end: dict[str, Any], experiment_id: int, user_id: str,
        experiments: ExperimentService = Provide["experiment_service"],
    ) -> Response:
        """End an association, now or at a moment to come."""
        association = experiments.dissociate(
            current_actor(), experiment_id, user_id, until=end["until"], expected=expected_versions()
        )
        # Until its end it can be changed again: the version is told here or nowhere.
        return Response(status=204, headers=tag(association) if end["until"] else {})


@blueprint.route("/users/<staff:user_id>/associations")
class AssociationHistoryResource(MethodView):
    @performs(Verb.ASSOCIATION_LIST)
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, AssociationSchema(many=True))
    @inject
    def get(self, query: dict[str, Any], user_id: str, access: AccessService = Provide["access_service"]) -> Any:
        """All associations that a user has or ever had, oldest first; also those of an erased user."""
        after = decode_cursor(query["cursor"], int) if query["cursor"] else 0
        page = access.history(current_actor(), user_id, after=after, limit=query["limit"] + 1)
        shown = page[: query["limit"]]
        return shown, 200, next_link(shown[-1].association_id) if len(page) > len(shown) else {}


@blueprint.route("/users/<staff:user_id>/experiments/<id:experiment_id>/access")
class AccessResource(MethodView):
    @performs(Verb.ACCESS_READ)
    @blueprint.response(200, AccessSchema)
    @inject
    def get(self, user_id: str, experiment_id: int, access: AccessService = Provide["access_service"]) -> Any:
        """Why a user can, or cannot, read the measures of an experiment."""
        return access.explain(current_actor(), user_id, experiment_id)
