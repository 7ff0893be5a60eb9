"""/users/{user_id}/keys: API keys, for programs. Over REST a key is told once, in the answer that makes it."""

from dataclasses import asdict
from typing import Any

from dependency_injector.wiring import Provide, inject
from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from my_monit.permissions import Verb
from my_monit.rest.authentication import current_actor, performs
from my_monit.rest.blueprint import Blueprint
from my_monit.rest.fields import Text, Utc, Whole
from my_monit.services.keys import MAX_DAYS, KeyService

#: Characters; a few words that tell one program from another.
LABEL_CHARS = 64
#: Days that a key lives when nobody says how many.
DEFAULT_DAYS = 90

blueprint = Blueprint("keys", __name__, description="API keys, for programs")

_SCOPE = "whose measures and series alone the key reads; null: it reads whatever its user may read"


class KeyRequestSchema(Schema):
    label = Text(LABEL_CHARS, required=True, description="which program it is for")
    experiment_id = Whole(
        load_default=None, allow_none=True, validate=validate.Range(1, 2**32 - 1), metadata={"description": _SCOPE}
    )
    days = Whole(
        load_default=DEFAULT_DAYS, validate=validate.Range(1, MAX_DAYS), metadata={"description": "how long it lives"}
    )


class KeySchema(Schema):
    key_id = fields.String(required=True, metadata={"description": "public; the audit has it, too"})
    user_id = fields.String(required=True)
    label = fields.String(required=True)
    experiment_id = fields.Integer(required=True, allow_none=True, metadata={"description": _SCOPE})
    created = Utc(required=True)
    created_by = fields.String(required=True, metadata={"description": "a staff id"})
    expires = Utc(required=True)


class NewKeySchema(KeySchema):
    key = fields.String(required=True, metadata={"description": "the key itself: told now and never again"})


@blueprint.route("/users/<staff:user_id>/keys")
class KeysResource(MethodView):
    @performs(Verb.KEY_LIST)
    @blueprint.response(200, KeySchema(many=True))
    @inject
    def get(self, user_id: str, keys: KeyService = Provide["key_service"]) -> Any:
        """A user's API keys, oldest first; also those that have expired."""
        return keys.of(current_actor(), user_id)

    @performs(Verb.KEY_CREATE)
    @blueprint.arguments(KeyRequestSchema)
    @blueprint.response(201, NewKeySchema)
    @inject
    def post(self, fields_: dict[str, Any], user_id: str, keys: KeyService = Provide["key_service"]) -> Any:
        """Make an API key of a user. The answer is the only place where it ever stands."""
        known, key = keys.create(current_actor(), user_id, **fields_)
        return {**asdict(known), "key": key}


@blueprint.route("/users/<staff:user_id>/keys/<key:key_id>")
class KeyResource(MethodView):
    @performs(Verb.KEY_REVOKE)
    @blueprint.response(204)
    @inject
    def delete(self, user_id: str, key_id: str, keys: KeyService = Provide["key_service"]) -> Response:
        """Revoke an API key: it is refused from the next request on."""
        keys.revoke(current_actor(), key_id, user_id=user_id)
        return Response(status=204)
