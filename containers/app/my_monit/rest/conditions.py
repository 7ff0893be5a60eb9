"""ETag and If-Match: a change that shall happen only to what the client has seen (RFC 9110, section 13)."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Response, request
from werkzeug.http import quote_etag

from my_monit.model import Association, Experiment, User
from my_monit.services.versions import Expected

_View = TypeVar("_View", bound=Callable[..., Any])


def versioned(view: _View) -> _View:
    """Say that a view heeds versions, for the description: it tells the one of its record, or asks for one."""
    view.versioned = True  # type: ignore[attr-defined]
    return view


def tag(record: User | Experiment | Association) -> dict[str, str]:
    """The header that names a record's version."""
    return {"ETag": quote_etag(record.version)}


def expected_versions() -> Expected:
    """Those of If-Match; weak ones are none, `*` is any. None without that header, which is never required."""
    if request.if_none_match.star_tag:
        return ()  # only to what is not there yet: no version will do
    return request.if_match if "If-Match" in request.headers else None


def unless_unchanged(response: Response) -> Response:
    """304 for a client that has this very version already."""
    etag, _ = response.get_etag()
    if request.method in ("GET", "HEAD") and etag is not None and request.if_none_match.contains_weak(etag):
        response.status_code = 304
        response.set_data(b"")
        del response.headers["Content-Type"], response.headers["Content-Length"]
    return response
