"""A Postman collection (format 2.1): a request for each operation, with the variables `url` and `token`."""

import json
from typing import Any
from urllib.parse import urlsplit, parse_qsl

from apidocs.operations import Json, Operation, operations

_FORMAT = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"


def collection(description: Json) -> Json:
    folders: dict[str, list[Json]] = {}
    for operation in operations(description):
        folders.setdefault(operation.details["tags"][0], []).append(_item(operation))
    return {
        "info": {
            "name": "MyMONIT", "schema": _FORMAT, "version": description["info"]["version"],
            "description": description["info"]["description"],
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "variable": [{"key": "url", "value": "https://localhost:8443"}, {"key": "token", "value": ""}],
        "item": [{"name": name, "item": items} for name, items in folders.items()],
    }


def _item(operation: Operation) -> Json:
    request: Json = {"method": operation.method, "header": [], "url": _url(operation.url)}
    request["description"] = operation.details.get("description", "")
    if operation.details.get("security") == []:
        request["auth"] = {"type": "noauth"}
    if operation.body is not None:
        request["header"] = [{"key": "Content-Type", "value": "application/json"}]
        request["body"] = {"mode": "raw", "raw": json.dumps(operation.body, ensure_ascii=False)}
    return {"name": operation.details["summary"], "request": request, "response": []}


def _url(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    query = [{"key": key, "value": value} for key, value in parse_qsl(parts.query)]
    found = {"raw": "{{url}}" + url, "host": ["{{url}}"], "path": parts.path.removeprefix("/").split("/")}
    return found | ({"query": query} if query else {})
