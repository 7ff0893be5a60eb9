"""The Flask application: resources, authentication, problems and headers, put together."""

import re
import time
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, current_app, g, request
from flask_smorest import Api
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import BaseConverter

from my_monit import __version__
from my_monit.logs.logger import get_logger
from my_monit.logs.trace import traced
from my_monit.model import KEY_ID
from my_monit.rest import (
    associations, authentication, contract, description, experiments, health, keys, measure_types, measures, page,
    quarantine, sign_in, summary, users,
)
from my_monit.rest.blueprint import refuse_unread_query
from my_monit.rest.conditions import unless_unchanged
from my_monit.rest.problems import ExceptionResource

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Bytes of a request's body; the proxy has the same limit.
MAX_BODY_BYTES = 1024 * 1024

_BLUEPRINTS = (
    users.blueprint, keys.blueprint, experiments.blueprint, associations.blueprint, measure_types.blueprint,
    measures.blueprint, summary.blueprint, quarantine.blueprint, health.blueprint,
)
#: For a browser, and so not in the API's description.
_FOR_PEOPLE = (description.blueprint, page.blueprint, sign_in.blueprint)

_log = get_logger("rest")


class _Id(BaseConverter):
    """A positive number written the one way that there is: not 01, +1 or 1.0."""

    regex = r"[1-9][0-9]{0,9}"

    def to_python(self, value: str) -> int:
        return int(value)


class _Staff(BaseConverter):
    """A staff id."""

    regex = users.USER_ID


class _Key(BaseConverter):
    """The public id of an API key."""

    regex = KEY_ID.pattern


#: The proxy's own number of a request, which it puts in place of whatever a client sends.
_REQUEST_ID = re.compile(r"[0-9a-f]{32}")


class _Traced:
    """Gives each request its trace id: the proxy's, so that the lines of both are found together."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._application = application

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        request_id = _REQUEST_ID.fullmatch(environ.get("HTTP_X_REQUEST_ID", ""))
        with traced(request_id and request_id[0]):
            return self._application(environ, start_response)


def create_app() -> Flask:
    """The application. Its services come from the `Container` that is wired when a request is served."""
    app = Flask(__name__, static_folder=None)
    app.config.update(
        API_TITLE="MyMONIT", API_VERSION=__version__, OPENAPI_VERSION="3.1.0",
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES, PROPAGATE_EXCEPTIONS=False,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # fields in the order of the documentation
    app.url_map.strict_slashes = False
    app.url_map.converters.update(id=_Id, staff=_Staff, key=_Key)
    app.url_map.merge_slashes = False  # no redirect to wherever a client says that it is
    app.before_request(_start)
    app.before_request(_tell_methods)
    authentication.register(app)
    app.before_request(refuse_unread_query)
    app.after_request(unless_unchanged)
    app.after_request(_finish)
    api = Api(app)
    api.register_converter(_Id, lambda _: {"type": "integer", "minimum": 1, "maximum": 10**10 - 1})
    api.register_converter(_Staff, lambda _: {"type": "string", "pattern": f"^(?:{users.USER_ID})$"})
    api.register_converter(_Key, lambda _: {"type": "string", "pattern": f"^(?:{KEY_ID.pattern})$"})
    for blueprint in _BLUEPRINTS:
        api.register_blueprint(blueprint)
    for pages in _FOR_PEOPLE:
        app.register_blueprint(pages)
    app.extensions["openapi"] = contract.complete(api.spec.to_dict(), app)
    ExceptionResource().register(app)
    app.wsgi_app = _Traced(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _start() -> None:
    g.started = time.monotonic()
    # Read before anything is refused: gunicorn closes a connection on which a body is left, and the proxy would give
    # that very connection to somebody else's request.
    request.get_data()


def _tell_methods() -> Response | None:
    """Which methods there are is told to everybody, as it is in the description."""
    if isinstance(request.routing_exception, MethodNotAllowed):
        raise request.routing_exception
    if request.method != "OPTIONS" or request.url_rule is None:
        return None
    response = current_app.make_default_options_response()
    response.status_code = 204
    del response.headers["Content-Type"], response.headers["Content-Length"]
    return response


def _finish(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    # A probe every few seconds is no news.
    (_log.debug if request.blueprint == health.blueprint.name else _log.info)(
        "request",
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        seconds=round(time.monotonic() - g.started, 4),
        actor=g.actor.user_id if "actor" in g else None,
        key_id=g.actor.key.key_id if "actor" in g and g.actor.key else None,
    )
    return response
