"""/experiments/: what is measured for."""

from typing import Any

from dependency_injector.wiring import Provide, inject
from flask import url_for
from flask.views import MethodView
from marshmallow import Schema, fields

from my_monit.permissions import Verb
from my_monit.rest.authentication import current_actor, performs
from my_monit.rest.blueprint import Blueprint
from my_monit.rest.conditions import expected_versions, tag, versioned
from my_monit.rest.fields import Identifier, PageQuery
from my_monit.rest.paging import decode_cursor, next_link
from my_monit.services.experiments import ExperimentService

blueprint = Blueprint("experiments", __name__, description="Experiments")

EXPERIMENT_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"


class ExperimentSchema(Schema):
    experiment_id = fields.Integer(dump_only=True)
    name = Identifier(EXPERIMENT_NAME, "must be 1 to 64 of A-Z a-z 0-9 _ - and not begin with _ or -", required=True)


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

    @versioned
    @performs(Verb.EXPERIMENT_CREATE)
    @blueprint.arguments(ExperimentSchema)
    @blueprint.response(201, ExperimentSchema)
    @inject
    def post(self, fields_: dict[str, Any], experiments: ExperimentService = Provide["experiment_service"]) -> Any:
        """Add an experiment."""
        experiment = experiments.add(current_actor(), fields_["name"])
        location = url_for("experiments.ExperimentResource", experiment_id=experiment.experiment_id)
        return experiment, 201, {"Location": location, **tag(experiment)}


@blueprint.route("/experiments/<id:experiment_id>")
class ExperimentResource(MethodView):
    @versioned
    @performs(Verb.EXPERIMENT_READ)
    @blueprint.response(200, ExperimentSchema)
    @inject
    def get(self, experiment_id: int, experiments: ExperimentService = Provide["experiment_service"]) -> Any:
        """One experiment."""
        experiment = experiments.get(current_actor(), experiment_id)
        return experiment, 200, tag(experiment)

    @versioned
    @performs(Verb.EXPERIMENT_CHANGE)
    @blueprint.arguments(ExperimentSchema)
    @blueprint.response(200, ExperimentSchema)
    @inject
    def put(
        self, fields_: dict[str, Any], experiment_id: int,
        experiments: ExperimentService = Provide["experiment_service"],
    ) -> Any:
        """Give an experiment another name; messages may go on using the former one."""
        experiment = experiments.rename(
            current_actor(), experiment_id, fields_["name"], expected=expected_versions()
        )
        return experiment, 200, tag(experiment)
