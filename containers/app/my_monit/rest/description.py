"""/openapi.json, and /docs to read it with: Swagger UI from a Python package, nothing from anybody else's host."""

from functools import cache
from importlib.resources import files

import msgspec
from flask import Blueprint, Response, abort, current_app

blueprint = Blueprint("description", __name__)

#: What the page needs: its own files, pictures within the style sheet, and the API to try it out.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>MyMONIT: the REST API</title>
  <link rel="icon" href="/docs/favicon-32x32.png">
  <link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
"""
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null});\n'
#: The package's files that the page loads.
_ASSETS = {
    "swagger-ui.css": "text/css; charset=utf-8", "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
#: Seconds that a browser may keep them.
_KEPT_SECS = 3600


@blueprint.get("/openapi.json")
def openapi() -> Response:
    return Response(msgspec.json.encode(current_app.extensions["openapi"]), content_type="application/json")


@blueprint.get("/docs")
def page() -> Response:
    return Response(_PAGE, headers={"Content-Security-Policy": _POLICY}, content_type="text/html; charset=utf-8")


@blueprint.get("/docs/start.js")
def start() -> Response:
    return Response(_START, content_type="text/javascript; charset=utf-8")


@blueprint.get("/docs/<name>")
def asset(name: str) -> Response:
    if name not in _ASSETS:
        abort(404)
    return Response(_content(name), headers={"Cache-Control": f"max-age={_KEPT_SECS}"}, content_type=_ASSETS[name])


@cache
def _content(name: str) -> bytes:
    return files("flask_swagger_ui").joinpath("dist", name).read_bytes()
