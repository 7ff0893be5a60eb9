"""/health: whether the process runs, and whether it can do its work."""

from dependency_injector.wiring import Provide, inject
from flask.views import MethodView
from marshmallow import Schema, fields

from my_monit.rest.blueprint import Blueprint
from my_monit.storage.ports import StoragePort

blueprint = Blueprint("health", __name__, url_prefix="/health", description="Health")


class HealthSchema(Schema):
    status = fields.String(required=True)


@blueprint.route("/live", endpoint="live")
class LiveResource(MethodView):
    @blueprint.response(200, HealthSchema)
    def get(self) -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}


@blueprint.route("/ready", endpoint="ready")
class ReadyResource(MethodView):
    @blueprint.response(200, HealthSchema)
    @inject
    def get(self, storage: StoragePort = Provide["storage"]) -> dict[str, str]:
        """The process can answer; 503 while the database is away."""
        storage.check()
        return {"status": "ok"}
