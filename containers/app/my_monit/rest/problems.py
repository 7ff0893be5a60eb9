"""Every error of the API, as RFC 9457 says it: one place maps errors to statuses, and no exception's text gets out."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
from flask import Flask, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from my_monit.errors import (
    Busy, ConfigurationError, Conflict, Fault, Forbidden, IdentityUnavailable, Invalid,
    MyMonitError, NotFound, Stale, StorageContention, StorageRejected, StorageUnavailable, Unauthenticated,
)
from my_monit.logs.logger import get_logger
from my_monit.logs.trace import current_trace_id

#: Seconds after which a client may try again when a server behind us is away.
RETRY_AFTER_SECS = 5

#: Faults that a problem names; who sends more learns nothing from the rest.
MAX_FAULTS = 100

#: Status, slug of the problem's URN, title.
_MEANINGS: dict[type[MyMonitError], tuple[int, str, str]] = {
    Unauthenticated: (401, "unauthenticated", "Who are you?"),
    Forbidden: (403, "forbidden", "Your role does not allow this"),
    NotFound: (404, "not-found", "There is no such thing"),
    Conflict: (409, "conflict", "This contradicts what is there"),
    Stale: (412, "precondition-failed", "It is not what you take it for"),
    Invalid: (422, "invalid", "The request breaks a rule"),
    StorageRejected: (422, "invalid", "The request breaks a rule"),
    Busy: (503, "unavailable", "Try again soon"),
    IdentityUnavailable: (503, "unavailable", "Try again soon"),
    StorageUnavailable: (503, "unavailable", "Try again soon"),
    StorageContention: (503, "unavailable", "Try again soon"),
    ConfigurationError: (503, "unavailable", "Try again soon"),
}

#: The same of what Flask and Werkzeug refuse on their own. Their descriptions address people in front of a browser.
_REFUSALS: dict[int, tuple[str, str, str]] = {
    400: ("bad-request", "Bad Request", "this is not a well-formed request"),
    404: ("not-found", "There is no such thing", "there is nothing here"),
    405: ("method-not-allowed", "Method Not Allowed", "this method is not served here; Allow lists those that are"),
    413: ("request-entity-too-large", "Request Entity Too Large", "a body may have 1 MiB"),
    415: ("unsupported-media-type", "Unsupported Media Type", "the body must be application/json"),
}

_log = get_logger("rest")


def problem(status: int, slug: str, title: str, *, detail: str, faults: tuple[Fault, ...] = ()) -> Response:
    body: dict[str, Any] = {
        "type": f"urn:mymonit:problem:{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.path,
        "trace_id": current_trace_id(),
    }
    if faults:
        body["errors"] = [{"pointer": fault.pointer, "detail": fault.detail} for fault in faults]
    response = Response(msgspec.json.encode(body), status, content_type="application/problem+json")
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="mymonit"'
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECS)
    return response


class ExceptionResource:
    """Answers for whatever was raised while a request was served."""

    def register(self, app: Flask) -> None:
        app.register_error_handler(MyMonitError, self.of_ours)
        app.register_error_handler(HTTPException, self.of_http)
        app.register_error_handler(RecursionError, self.too_deep)
        app.register_error_handler(ParseException, self.unreadable)
        app.register_error_handler(Exception, self.unknown)

    def of_ours(self, error: MyMonitError) -> Response:
        meaning = _MEANINGS.get(type(error)) or next(
            (_MEANINGS[kind] for kind in type(error).__mro__ if kind in _MEANINGS), None
        )
        if meaning is None:
            return self.unknown(error)
        status, slug, title = meaning
        if isinstance(error, Busy):
            _log.info("request_refused", error=error)
        elif status == 503:
            _log.error("request_failed", error=error)
        return problem(status, slug, title, detail=str(error), faults=getattr(error, "faults", ()))

    def of_http(self, error: HTTPException) -> Response:
        """What Flask, Werkzeug and webargs refuse. A description is shown where it is one of ours."""
        faults = tuple(islice(_faults(getattr(error, "data", {}).get("messages", {})), MAX_FAULTS))
        status = error.code or 500
        if faults:
            _, slug, title = _MEANINGS[Invalid]
            return problem(status, slug, title, detail="see errors", faults=faults)
        named = error.name.lower().replace(" ", "-"), error.name, error.name
        slug, title, detail = _REFUSALS.get(status, named)
        if error.description and error.description != type(error).description:
            detail = error.description
        response = problem(status, slug, title, detail=detail)
        for name, value in error.get_headers():
            if name not in ("Content-Type", "Content-Length"):
                response.headers[name] = value
        return response

    def too_deep(self, _: RecursionError) -> Response:
        return problem(400, "bad-request", "Bad Request", detail="the body is nested too deeply")

    def unreadable(self, _: ParseException) -> Response:
        """Gunicorn reads a body when it is asked for it, and only then sees that its chunks are none."""
        slug, title, detail = _REFUSALS[400]
        return problem(400, slug, title, detail=detail)

    def unknown(self, error: Exception) -> Response:
        _log.error("request_crashed", error=error)
        return problem(
            500, "internal", "This is our fault", detail="tell your administrator the trace_id: the log explains it"
        )


def _faults(messages: dict[str, Any]) -> Iterator[Fault]:
    """webargs' messages {"json": {"name": ["..."]}} as faults at JSON Pointers, or at names of query parameters."""
    for location, found in messages.items():
        if location == "query":
            yield from (Fault(name, fault.detail) for name, inner in found.items() for fault in _faults_at("", inner))
        else:
            yield from _faults_at("", found)


def _faults_at(pointer: str, found: Any) -> Iterator[Fault]:
    if isinstance(found, dict):
        for key, inner in found.items():
            step = str(key).replace("~", "~0").replace("/", "~1")
            yield from _faults_at(pointer if key == "_schema" else f"{pointer}/{step}", inner)
    else:
        yield from (Fault(pointer, str(text)) for text in found)
