"""The refusals that the description lists: the application's and the proxy's, each with an example."""

from typing import Any

Json = dict[str, Any]

#: Which operations may be answered with which statuses.
ANY = (400, 411, 413, 414, 422, 429, 431, 500, 503, 504)
SECURED = (401, 403)
PATH = (404,)
CHANGE = (409,)
BODY = (415,)
VERSION = (412,)
MEDIA = (406,)

#: Slug of the type, title, an example of the detail.
_EXAMPLES = {
    400: ("bad-request", "Bad Request", "the body must be JSON in UTF-8"),
    401: ("unauthenticated", "Who are you?", "the token is not valid"),
    403: ("forbidden", "Your role does not allow this", "your role does not allow this"),
    404: ("not-found", "There is no such thing", "there is no such experiment"),
    405: ("method-not-allowed", "Method Not Allowed", "this method is not served here; Allow lists those that are"),
    406: ("not-acceptable", "Not Acceptable", "this is served as application/json and text/csv"),
    409: ("conflict", "This contradicts what is there", "the user_id or the username is taken"),
    411: ("length-required", "Length Required", "a body needs a length"),
    412: ("precondition-failed", "It is not what you take it for", "it was changed since you read it: read it again"),
    413: ("request-entity-too-large", "Request Entity Too Large", "a body may have 1 MiB"),
    414: ("request-uri-too-long", "Request URI Too Long", "an address may have 8 KiB"),
    415: ("unsupported-media-type", "Unsupported Media Type", "the body must be application/json"),
    422: ("invalid", "The request breaks a rule", "see errors"),
    429: ("too-many-requests", "Too Many Requests", "wait for as many seconds as Retry-After says"),
    431: ("request-header-fields-too-large", "Request Header Fields Too Large", "a header line may have 8 KiB"),
    500: ("internal", "This is our fault", "tell your administrator the trace_id: the log explains it"),
    501: ("not-implemented", "Not Implemented", "this method or transfer encoding is not known here"),
    503: ("unavailable", "Try again soon", "the application cannot be reached"),
    504: ("gateway-timeout", "Gateway Timeout", "no answer in time; what was asked for may have been done"),
}
_HEADERS: dict[int, Json] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer"}},
    405: {"Allow": {"schema": {"type": "string"}, "description": "the methods that there are"}},
    429: {"Retry-After": {"schema": {"type": "string", "pattern": "^[0-9]+$"}, "description": "seconds"}},
    503: {"Retry-After": {"schema": {"type": "string", "pattern": "^[0-9]+$"}, "description": "seconds"}},
}


def problem_schema() -> Json:
    fault = {
        "type": "object",
        "properties": {
            "pointer": {"type": "string", "description": "a JSON Pointer into the body, or a query parameter's name"},
            "detail": {"type": "string"},
        },
        "required": ["pointer", "detail"],
    }
    return {
        "type": "object",
        "description": "RFC 9457",
        "properties": {
            "type": {"type": "string", "pattern": "^urn:mymonit:problem:[a-z-]+$"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
            "instance": {"type": "string", "description": "the path that was asked for"},
            "trace_id": {"type": "string", "description": "quote it when you ask your administrator"},
            "errors": {"type": "array", "items": fault, "description": "every part of the request that breaks a rule"},
        },
        "required": ["type", "title", "status", "detail"],
    }


def _response(status: int) -> Json:
    slug, title, detail = _EXAMPLES[status]
    example: Json = {"type": f"urn:mymonit:problem:{slug}", "title": title, "status": status, "detail": detail}
    if status == 422:
        example["errors"] = [{"pointer": "/user_id", "detail": "must be 1 to 30 of A-Z a-z 0-9 _ -"}]
    schema = {"$ref": "#/components/schemas/Problem"}
    response: Json = {
        "description": title, "content": {"application/problem+json": {"schema": schema, "example": example}}
    }
    return response | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


RESPONSES: Json = {str(status): _response(status) for status in _EXAMPLES}
