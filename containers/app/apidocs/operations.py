"""The operations of a description, one after the other, with their examples."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

Json = dict[str, Any]


class Operation(NamedTuple):
    method: str
    path: str
    details: Json

    @property
    def body(self) -> Any:
        return _example(self.details.get("requestBody", {}))

    @property
    def answer(self) -> Any:
        return _example(self.success[1])

    @property
    def success(self) -> tuple[str, Json]:
        return next((status, one) for status, one in self.details["responses"].items() if status.startswith("2"))

    def parameters(self, where: str) -> dict[str, Any]:
        """The examples of the path's or the query's."""
        found = self.details.get("parameters", [])
        return {one["name"]: _value(one) for one in found if one["in"] == where and "example" in one}

    @property
    def url(self) -> str:
        """Path and query of the example."""
        path = quote(self.path.format(**self.parameters("path")))
        query = urlencode(self.parameters("query"), doseq=True)
        return f"{path}?{query}" if query else path


def operations(description: Json) -> Iterator[Operation]:
    for path, item in description["paths"].items():
        for method, details in item.items():
            yield Operation(method.upper(), path, details)


def _value(parameter: Json) -> Any:
    """Several values are one with commas, or one parameter each."""
    value = parameter["example"]
    return value if parameter.get("explode", True) else ",".join(value)


def _example(content: Json) -> Any:
    return content.get("content", {}).get("application/json", {}).get("example")
