"""/users/: who works here."""

from typing import Any

from dependency_injector.wiring import Provide, inject
from flask import Response, url_for
from flask.views import MethodView
from marshmallow import Schema, fields

from my_monit.model import STAFF_ID, Role, User
from my_monit.permissions import Verb
from my_monit.rest.authentication import current_actor, performs, token_issued_at
from my_monit.rest.blueprint import Blueprint
from my_monit.rest.conditions import expected_versions, tag, versioned
from my_monit.rest.fields import EMAIL_CHARS, NAME_CHARS, Cursor, Flag, Identifier, PageQuery, Text
from my_monit.rest.paging import decode_cursor, next_link
from my_monit.services.erasure import ErasureService
from my_monit.services.users import UserService

blueprint = Blueprint("users", __name__, url_prefix="/users", description="Who works here")

#: Not "me": that is whoever calls.
USER_ID = rf"(?!me$){STAFF_ID.pattern}"


class UserQuery(PageQuery):
    cursor = Cursor("user-cursor", load_default=None)


class UserSchema(Schema):
    user_id = Identifier(USER_ID, "must be 1 to 30 of A-Z a-z 0-9 _ -, and not me", required=True)
    name = Text(NAME_CHARS, required=True)
    username = Text(NAME_CHARS, required=True, description="the identity provider's uid")
    email = Text(EMAIL_CHARS, required=True)
    role = fields.Enum(Role, by_value=True, required=True)
    active = Flag(dump_only=True)


class UserChangeSchema(Schema):
    name = Text(NAME_CHARS, required=True)
    username = Text(NAME_CHARS, required=True)
    email = Text(EMAIL_CHARS, required=True)
    role = fields.Enum(Role, by_value=True, load_default=None)
    active = Flag(load_default=None)


@blueprint.route("/")
class UsersResource(MethodView):
    @performs(Verb.USER_LIST)
    @blueprint.arguments(UserQuery, location="query")
    @blueprint.response(200, UserSchema(many=True))
    @inject
    def get(self, query: dict[str, Any], users: UserService = Provide["user_service"]) -> Any:
        """List users by id."""
        after = decode_cursor(query["cursor"], str) if query["cursor"] else ""
        page = users.page(current_actor(), after=after, limit=query["limit"] + 1)
        shown = page[: query["limit"]]
        return shown, 200, next_link(shown[-1].user_id) if len(page) > len(shown) else {}

    @versioned
    @performs(Verb.USER_CREATE)
    @blueprint.arguments(UserSchema)
    @blueprint.response(201, UserSchema)
    @inject
    def post(self, fields_: dict[str, Any], users: UserService = Provide["user_service"]) -> Any:
        """Add a user."""
        user = users.add(current_actor(), User(**fields_))
        return user, 201, {"Location": url_for("users.UserResource", user_id=user.user_id), **tag(user)}


@blueprint.route("/me")
class MyselfResource(MethodView):
    @versioned
    @blueprint.response(200, UserSchema)
    @inject
    def get(self, users: UserService = Provide["user_service"]) -> Any:
        """Your own record."""
        user = users.get(current_actor(), current_actor().user_id)
        return user, 200, tag(user)


@blueprint.route("/<staff:user_id>")
class UserResource(MethodView):
    @versioned
    @performs(Verb.USER_READ)
    @blueprint.response(200, UserSchema)
    @inject
    def get(self, user_id: str, users: UserService = Provide["user_service"]) -> Any:
        """One user: any for an ADMIN, oneself for everybody."""
        user = users.get(current_actor(), user_id)
        return user, 200, tag(user)

    @versioned
    @performs(Verb.USER_CHANGE)
    @blueprint.arguments(UserChangeSchema)
    @blueprint.response(200, UserSchema)
    @inject
    def put(self, fields_: dict[str, Any], user_id: str, users: UserService = Provide["user_service"]) -> Any:
        """Replace a user's record."""
        user = users.change(current_actor(), user_id, **fields_, expected=expected_versions())
        return user, 200, tag(user)

    @versioned
    @performs(Verb.USER_ERASE)
    @blueprint.response(204)
    @inject
    def delete(self, user_id: str, erasure: ErasureService = Provide["erasure_service"]) -> Response:
        """Erase a user: everything personal is gone, the staff id is never given again."""
        erasure.erase(current_actor(), user_id, issued_at=token_issued_at(), expected=expected_versions())
        return Response(status=204)
