"""The API's description (OpenAPI 3.1): what the schemas of the resources say, and what holds for every operation."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask

from my_monit.permissions import BY_KEY, BY_KEY_OF_EXPERIMENT, RULES, Verb
from my_monit.rest.authentication import PUBLIC
from my_monit.rest.examples import EXAMPLES, Example
from my_monit.rest.refusals import ANY, BODY, CHANGE, MEDIA, PATH, RESPONSES, SECURED, VERSION, problem_schema

Json = dict[str, Any]

_ABOUT = (
    "Times are RFC 3339 in UTC. Lists come in pages: follow the header `Link` until it is not there. Errors are "
    "problems (RFC 9457). A method that a path does not have is answered with 405 and the header `Allow`, and one "
    "that is not known at all with 501."
)
_HEADERS: Json = {
    "Link": {
        "description": 'the next page, if there is one: `<path>; rel="next"` (RFC 8288)', "schema": {"type": "string"}
    },
    "ETag": {"description": "the version of this record", "schema": {"type": "string", "pattern": '^"[0-9a-f]+"$'}},
    "Location": {"description": "where the new record is", "schema": {"type": "string"}},
}
_IF_MATCH: Json = {
    "name": "If-Match", "in": "header", "schema": {"type": "string"},
    "description": "do it only to the version with this ETag (or one of several), else 412; `*`: to any",
}
_IF_NONE_MATCH: Json = {
    "name": "If-None-Match", "in": "header", "schema": {"type": "string"},
    "description": "304 instead of the record when it still has this ETag",
}


def complete(spec: Json, app: Flask) -> Json:
    """Add to what flask-smorest makes of `app`: rights, errors, headers, examples, and ids that stay."""
    components = spec["components"]
    spec["info"]["description"] = _ABOUT
    spec |= {"servers": [{"url": "/"}], "security": [{"bearer": []}]}
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT or API key"}}
    components["schemas"] = {**_without_theirs(components["schemas"]), "Problem": problem_schema()}
    components["responses"] = RESPONSES
    components["headers"] = _HEADERS
    for path, method, view, public in _views(app):
        operation = spec["paths"].get(path, {}).get(method)
        if operation is not None:
            _complete(operation, path, method, view, public=public)
            _describe_request(operation, components["schemas"])
            _add_parameters(operation, spec["paths"][path].get("parameters", []), view, method)
            _add_example(operation, EXAMPLES.get(operation["operationId"], Example()))
    for item in spec["paths"].values():
        item.pop("parameters", None)
    return spec


def operation_id(method: str, path: str) -> str:
    """As stable as method and path are."""
    return "_".join([method, *re.findall(r"[a-z]+", path)])


def _without_theirs(schemas: Json) -> Json:
    return {name: schema for name, schema in schemas.items() if name not in ("Error", "PaginationMetadata")}


def _views(app: Flask) -> Iterator[tuple[str, str, Callable[..., Any], bool]]:
    for rule in app.url_map.iter_rules():
        resource = getattr(app.view_functions[rule.endpoint], "view_class", None)
        for method in ("get", "post", "put", "delete"):
            if hasattr(resource, method):
                path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
                yield path, method, getattr(resource, method), rule.endpoint.partition(".")[0] in PUBLIC


def _complete(operation: Json, path: str, method: str, view: Callable[..., Any], *, public: bool) -> None:
    operation["operationId"] = operation_id(method, path)
    if public:
        operation["security"] = []
    verb = getattr(view, "verb", None)
    if verb is not None:
        rule = RULES[verb]
        who = [role.value for role in sorted(rule.roles)] + ["oneself"] * rule.own
        operation["description"] = f"For {', '.join(who)}{_by_key(verb)}. In the audit as `{verb.value}`."
    responses = {status: answer for status, answer in operation["responses"].items() if _is_success(status)}
    [(status, answer)] = responses.items()
    answer["headers"] = {
        name: {"$ref": f"#/components/headers/{name}"} for name in _headers(operation, path, view, method)
    }
    media = answer.get("content", {})
    statuses = [
        *ANY, *SECURED * (not public), *PATH * ("{" in path), *CHANGE * (method != "get"),
        *BODY * ("requestBody" in operation), *VERSION * (hasattr(view, "versioned") and method in ("put", "delete")),
        *MEDIA * (len(media) > 1),
    ]
    if hasattr(view, "versioned") and method == "get":
        responses["304"] = {"description": "the record has not changed"}
    responses |= {str(one): {"$ref": f"#/components/responses/{one}"} for one in sorted(statuses)}
    operation["responses"] = {status: answer, **responses}


def _by_key(verb: Verb) -> str:
    if verb in BY_KEY_OF_EXPERIMENT:
        return "; also with their API keys, one of an experiment for that one alone"
    return "; also with their API keys" if verb in BY_KEY else ""


def _is_success(status: str) -> bool:
    return status.startswith("2")


def _headers(operation: Json, path: str, view: Callable[..., Any], method: str) -> Iterator[str]:
    names = {parameter.get("name") for parameter in operation.get("parameters", [])}
    if "cursor" in names:
        yield "Link"
    # A DELETE that takes a body can be told to change the record only.
    if hasattr(view, "versioned") and (method != "delete" or "requestBody" in operation):
        yield "ETag"
    if method == "post" and hasattr(view, "versioned") and "{" not in path:
        yield "Location"


def _describe_request(operation: Json, schemas: Json) -> None:
    """What is read is read strictly: no field beside the known ones, and no parameter can be null."""
    for parameter in operation.get("parameters", []):
        _forbid_null(parameter["schema"])
    for media in operation.get("requestBody", {}).get("content", {}).values():
        name = media["schema"]["$ref"].rpartition("/")[2]
        properties = {key: one for key, one in schemas[name]["properties"].items() if not one.get("readOnly")}
        schemas[f"{name}Request"] = {**schemas[name], "properties": properties, "additionalProperties": False}
        media["schema"] = {"$ref": f"#/components/schemas/{name}Request"}


def _forbid_null(schema: Json) -> None:
    if isinstance(schema.get("type"), list):
        [schema["type"]] = set(schema["type"]) - {"null"}
    if "enum" in schema:
        schema["enum"] = [one for one in schema["enum"] if one is not None]
    if schema.get("default", ...) is None:
        del schema["default"]


def _add_parameters(operation: Json, of_path: list[Json], view: Callable[..., Any], method: str) -> None:
    """Those of the path first: an operation that can be read alone."""
    parameters = [*(dict(one) for one in of_path), *operation.get("parameters", [])]
    if hasattr(view, "versioned") and method in ("put", "delete"):
        parameters.append(dict(_IF_MATCH))
    if hasattr(view, "versioned") and method == "get":
        parameters.append(dict(_IF_NONE_MATCH))
    if parameters:
        operation["parameters"] = parameters


def _add_example(operation: Json, example: Example) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["name"] in {**example.path, **example.query}:
            parameter["example"] = {**example.path, **example.query}[parameter["name"]]
    if example.body is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = example.body
    [answer] = [one for status, one in operation["responses"].items() if _is_success(status)]
    if example.answer is not None:
        answer["content"]["application/json"]["example"] = example.answer
