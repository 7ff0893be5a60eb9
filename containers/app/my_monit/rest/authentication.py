"""Who is calling, and may they: a token, verified by the identity provider, or an API key, of an active user.

Both are asked at every request, before anything of it is read.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

from dependency_injector.wiring import Provide, inject
from flask import Flask, current_app, g, request

from my_monit.errors import Unauthenticated
from my_monit.identity.api_keys import is_api_key
from my_monit.identity.provider import IdentityProvider
from my_monit.logs.audit import Audit
from my_monit.model import Actor
from my_monit.permissions import Verb
from my_monit.services.keys import KeyService
from my_monit.services.users import UserService

#: Blueprints that anyone may call.
PUBLIC = frozenset({"health", "description", "page", "sign-in"})

#: RFC 6750; a scheme is the same in any case (RFC 9110).
_BEARER = re.compile(r"(?i:Bearer) ([A-Za-z0-9._~+/=-]+)")
_View = TypeVar("_View", bound=Callable[..., Any])


def register(app: Flask) -> None:
    app.before_request(authenticate)
    app.before_request(authorise)


@inject
def authenticate(
    identity: IdentityProvider = Provide["identity"], users: UserService = Provide["user_service"],
    keys: KeyService = Provide["key_service"],
) -> None:
    """Also before an unknown path is called unknown: who is nobody learns nothing."""
    if request.blueprint in PUBLIC:
        return
    bearer = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    if bearer is None:
        raise Unauthenticated("send a token: Authorization: Bearer ...")
    if is_api_key(bearer[1]):  # the identity provider never sees one
        g.actor = keys.recognise(bearer[1])
        return
    subject = identity.verify(bearer[1])
    g.actor = users.recognise(subject)
    g.issued_at = subject.issued_at


def current_actor() -> Actor:
    return cast(Actor, g.actor)


def token_issued_at() -> int:
    """When the caller's token was made, in seconds since 1970 UTC. An API key tells nothing of the kind."""
    return cast(int, g.issued_at)


def performs(verb: Verb) -> Callable[[_View], _View]:
    """Say what a view does. Who may not is refused before anything is read; the service would refuse it, too."""

    def decorate(view: _View) -> _View:
        view.verb = verb  # type: ignore[attr-defined]
        return view

    return decorate


@inject
def authorise(audit: Audit = Provide["audit"]) -> None:
    verb = getattr(requested_view(), "verb", None)
    if verb is not None:
        ids = request.view_args or {}
        names = sorted(ids, key=lambda name: name != "experiment_id")  # the experiment first, as the services say it
        subject = " ".join(f"{name.removesuffix('_id')}:{ids[name]}" for name in names) or verb.noun
        audit.require(
            current_actor(), verb, subject, owner=ids.get("user_id"), experiment_id=ids.get("experiment_id")
        )


def requested_view() -> Callable[..., Any] | None:
    """The function, or the method of a resource, that will serve the request; None when there is none."""
    view = current_app.view_functions.get(request.endpoint or "")
    method = "get" if request.method == "HEAD" else request.method.lower()
    return cast(Callable[..., Any] | None, getattr(getattr(view, "view_class", None), method, view))
