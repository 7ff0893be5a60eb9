"""/static/index.html: the page to sign in with. Nothing of it comes from anybody else's host, or stands within it."""

from functools import cache
from importlib.resources import files

from flask import Blueprint, Response, abort

blueprint = Blueprint("page", __name__, url_prefix="/static")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_TYPES = {
    "index.html": "text/html; charset=utf-8", "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml; charset=utf-8",
}


@blueprint.get("/<name>")
def content(name: str) -> Response:
    if name not in _TYPES:
        abort(404)
    headers = {"Content-Security-Policy": _POLICY, "Cross-Origin-Opener-Policy": "same-origin"}
    return Response(_content(name), headers=headers, content_type=_TYPES[name])


# The issuer sends people back here with a query that the script reads.
content.reads_query = True  # type: ignore[attr-defined]


@cache
def _content(name: str) -> bytes:
    return files(__package__ or "").joinpath("static", name).read_bytes()
