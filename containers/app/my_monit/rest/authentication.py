"""Who is calling: a bearer token, verified by the identity provider, of an active user. Asked at every request."""

import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from dependency_injector.wiring import Provide, inject
from flask import Flask, g, request

from my_monit.errors import Unauthenticated
from my_monit.identity.provider import IdentityProvider
from my_monit.logs.audit import Audit
from my_monit.model import Actor
from my_monit.permissions import Verb
from my_monit.services.users import UserService

#: Endpoints that anyone may call.
PUBLIC = frozenset({"health.live", "health.ready", "api-docs.openapi_json"})

#: RFC 6750; a scheme is the same in any case (RFC 9110).
_BEARER = re.compile(r"(?i:Bearer) ([A-Za-z0-9._~+/=-]+)")
_P = ParamSpec("_P")
_R = TypeVar("_R")


def register(app: Flask) -> None:
    app.before_request(authenticate)


@inject
def authenticate(
    identity: IdentityProvider = Provide["identity"], users: UserService = Provide["user_service"]
) -> None:
    """Also before an unknown path is called unknown: who is nobody learns nothing."""
    if request.endpoint in PUBLIC:
        return
    bearer = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    if bearer is None:
        raise Unauthenticated("send a token: Authorization: Bearer ...")
    g.actor = users.recognise(identity.verify(bearer[1]).username)


def current_actor() -> Actor:
    return cast(Actor, g.actor)


def performs(verb: Verb) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Refuse who may not do this, before anything of the request is read. The service would refuse it, too."""

    def decorate(view: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(view)
        def checked(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            _refuse_unless_allowed(verb)
            return view(*args, **kwargs)

        return checked

    return decorate


@inject
def _refuse_unless_allowed(verb: Verb, audit: Audit = Provide["audit"]) -> None:
    ids = request.view_args or {}
    subject = " ".join(f"{name.removesuffix('_id')}:{value}" for name, value in ids.items()) or verb.noun
    audit.require(current_actor(), verb, subject, owner=ids.get("user_id"))
