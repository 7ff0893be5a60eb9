"""/experiments/ and /scientists-experiments/: what is measured for, and who may see it."""

from datetime import datetime
from typing import Any

from dependency_injector.wiring import Provide, inject
from flask import Response, request, url_for
from flask.views import MethodView
from marshmallow import Schema, fields

from my_monit.errors import Fault, Invalid
from my_monit.model import Experiment
from my_monit.permissions import Verb
from my_monit.rest.authentication import current_actor, performs
from my_monit.rest.blueprint import Blueprint
from my_monit.rest.fields import EXPERIMENT_NAME, PageQuery, future
from my_monit.rest.paging import decode_cursor, next_link
from my_monit.services.experiments import ExperimentService

blueprint = Blueprint("experiments", __name__, description="Experiments")
associations = Blueprint("associations", __name__, url_prefix="/scientists-experiments", description="Who sees what")


class ExperimentSchema(Schema):
    experiment_id = fields.Integer(dump_only=True)
    name = fields.String(required=True, validate=EXPERIMENT_NAME)


@blueprint.route("/experiments/")
class ExperimentsResource(MethodView):
    @performs(Verb.EXPERIMENT_LIST)
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, ExperimentSchema(many=True))
    @inject
    def get(self, query: dict[str, Any], experiments: ExperimentService = Provide["experiment_service"]) -> Any:
        """List experiments by id: all for an ADMIN, the associated ones for a SCIENTIST."""
        after = decode_cursor(query["cursor"], int) if query["cursor"] else 0
        page = experiments.page(current_actor(), after=after, limit=query["limit"] + 1)
        shown = page[: query["limit"]]
        return shown, 200, next_link(shown[-1].experiment_id) if len(page) > len(shown) else {}

    @performs(Verb.EXPERIMENT_CREATE)
    @blueprint.arguments(ExperimentSchema)
    @blueprint.response(201, ExperimentSchema)
    @inject
    def post(self, fields_: dict[str, Any], experiments: ExperimentService = Provide["experiment_service"]) -> Any:
        """Add an experiment."""
        experiment = experiments.add(current_actor(), fields_["name"])
        location = url_for("experiments.ExperimentResource", experiment_id=experiment.experiment_id)
        return experiment, 201, {"Location": location}


@blueprint.route("/experiments/<id:experiment_id>")
class ExperimentResource(MethodView):
    @performs(Verb.EXPERIMENT_READ)
    @blueprint.response(200, ExperimentSchema)
    @inject
    def get(self, experiment_id: int, experiments: ExperimentService = Provide["experiment_service"]) -> Experiment:
        """One experiment."""
        return experiments.get(current_actor(), experiment_id)

    @performs(Verb.EXPERIMENT_CHANGE)
    @blueprint.arguments(ExperimentSchema)
    @blueprint.response(200, ExperimentSchema)
    @inject
    def put(
        self, fields_: dict[str, Any], experiment_id: int,
        experiments: ExperimentService = Provide["experiment_service"],
    ) -> Experiment:
        """Give an experiment another name; messages may go on using the former one."""
        return experiments.rename(current_actor(), experiment_id, fields_["name"])


@associations.route("/")
class AssociationsResource(MethodView):
    @performs(Verb.ASSOCIATION_LIST)
    @associations.response(200)
    @inject
    def get(self, experiments: ExperimentService = Provide["experiment_service"]) -> dict[str, dict[str, list[str]]]:
        """Current associations by experiment id."""
        found: dict[str, dict[str, list[str]]] = {}
        for association in experiments.associations(current_actor()):
            found.setdefault(str(association.experiment_id), {"users": []})["users"].append(association.user_id)
        return found


@associations.route("/<id:experiment_id>/<staff:user_id>")
class ExperimentAssociationResource(MethodView):
    @performs(Verb.ASSOCIATION_CREATE)
    @associations.response(201)
    @inject
    def post(
        self, experiment_id: int, user_id: str, experiments: ExperimentService = Provide["experiment_service"]
    ) -> Any:
        """Let a scientist see an experiment; the body is empty or {"until": ...}."""
        experiments.associate(current_actor(), experiment_id, user_id, until=_until())
        return {"experiment_id": experiment_id, "user_id": user_id}

    @performs(Verb.ASSOCIATION_END)
    @associations.response(204)
    @inject
    def delete(
        self, experiment_id: int, user_id: str, experiments: ExperimentService = Provide["experiment_service"]
    ) -> Response:
        """End an association, now or at {"until": ...}."""
        experiments.dissociate(current_actor(), experiment_id, user_id, until=_until())
        return Response(status=204)


def _until() -> datetime | None:
    """The end that the body asks for. An empty body, also as the JSON text "", asks for none."""
    if request.get_data(cache=True).strip() in (b"", b'""'):
        return None
    body = request.get_json(force=True)
    if not isinstance(body, dict) or body.keys() != {"until"}:
        raise Invalid(Fault("", 'the body must be empty or {"until": "2030-01-31T12:00:00Z"}'))
    return future(body["until"], "/until")
