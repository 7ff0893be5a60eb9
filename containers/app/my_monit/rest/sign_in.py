"""/sign-in: what the sign-in page asks, and nobody else. It is no part of the API that programs use.

Nothing is kept here between two requests: what a visit to the issuer needs is in a signed cookie of the browser's.
"""

from collections.abc import Mapping
from typing import TypeVar

from dependency_injector.wiring import Provide, inject
from flask import Blueprint, Response, request
from msgspec import DecodeError, Struct, json
from pydantic import SecretStr
from werkzeug.exceptions import UnsupportedMediaType

from my_monit.errors import Fault, Forbidden, Invalid
from my_monit.identity.sign_in import VISIT_SECS
from my_monit.services.sessions import SessionService

blueprint = Blueprint("sign-in", __name__, url_prefix="/sign-in")

#: The prefix is a promise that browsers enforce: by this very host, over HTTPS, for all of it.
COOKIE = "__Host-sign-in"

_PAGE = "/static/index.html"
_Body = TypeVar("_Body", bound=Struct)


class _Credentials(Struct, forbid_unknown_fields=True):
    email: str
    password: str


class _Nothing(Struct, forbid_unknown_fields=True):
    pass


class _Return(Struct, forbid_unknown_fields=True):
    code: str
    state: str


@blueprint.before_request
def refuse_other_pages() -> None:
    """A form of a foreign page cannot send JSON, and its scripts do not come from here."""
    if request.method != "POST":
        return
    if not request.is_json:
        raise UnsupportedMediaType("the body must be application/json")
    if request.headers.get("Origin", f"https://{request.host}") != f"https://{request.host}":
        raise Forbidden("this is for the page of this host alone")


@blueprint.get("/way")
@inject
def way(sessions: SessionService = Provide["session_service"]) -> Response:
    return _answer(sessions.ways())


@blueprint.post("/password")
@inject
def password(sessions: SessionService = Provide["session_service"]) -> Response:
    given = _body(_Credentials)
    return _answer({"token": sessions.by_password(given.email, SecretStr(given.password))})


@blueprint.post("/begin")
@inject
def begin(sessions: SessionService = Provide["session_service"]) -> Response:
    _body(_Nothing)
    location, kept = sessions.begin(f"https://{request.host}{_PAGE}")
    answer = _answer({"location": location})
    _keep(answer, kept, VISIT_SECS)
    return answer


@blueprint.post("/finish")
@inject
def finish(sessions: SessionService = Provide["session_service"]) -> Response:
    given = _body(_Return)
    token = sessions.finish(request.cookies.get(COOKIE, ""), state=given.state, code=given.code)
    answer = _answer({"token": token})
    _keep(answer, "", 0)
    return answer


def _body(kind: type[_Body]) -> _Body:
    """Never quoted in what it is refused with: it may hold a password."""
    try:
        return json.decode(request.get_data(), type=kind)
    except (DecodeError, UnicodeDecodeError):
        fields = " and ".join(kind.__struct_fields__) or "nothing"
        raise Invalid(Fault("", f"must be an object of {fields}, as text")) from None


def _answer(content: Mapping[str, str | None]) -> Response:
    return Response(json.encode(content), content_type="application/json")


def _keep(answer: Response, value: str, seconds: int) -> None:
    """No script sees it, and no request that another site's page has caused carries it."""
    answer.set_cookie(COOKIE, value, max_age=seconds, secure=True, httponly=True, samesite="Strict")
