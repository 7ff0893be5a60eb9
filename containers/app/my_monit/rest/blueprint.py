"""Blueprints whose requests are read strictly: a query parameter that nobody knows is a mistake, not decoration."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar, cast

import flask_smorest
import msgspec
from flask import Request, request
from marshmallow import RAISE, Schema, ValidationError
from webargs.core import missing
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from my_monit.errors import Fault, Invalid
from my_monit.rest.authentication import requested_view
from my_monit.rest.problems import MAX_FAULTS

#: Bodies that ask for nothing: clients of the original design send the JSON text "".
_NOTHING = (b"", b'""')


_View = TypeVar("_View", bound=Callable[..., Any])


class _StrictParser(FlaskParser):
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE, "json": RAISE}

    def load_json(self, req: Request, schema: Schema) -> Any:
        """msgspec knows what the standard library lets through: NaN, half a character, a number of 5,000 digits."""
        body = req.get_data(cache=True)
        if body.strip() in _NOTHING:
            return missing
        if not req.is_json:
            raise UnsupportedMediaType("the body must be application/json")
        try:
            read = msgspec.json.decode(body)
            repeated = _repeated_fields(body) if isinstance(read, dict) else []
        except (msgspec.DecodeError, ValueError) as error:
            raise BadRequest("the body must be JSON in UTF-8") from error
        if repeated:
            raise ValidationError({name: ["Must be given once."] for name in repeated})
        return read

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        query: MultiDictProxy = super().load_querystring(req, schema)
        known = {field.data_key or name for name, field in schema.fields.items()} - query.multiple_keys
        repeated = [name for name, values in req.args.lists() if name in known and len(values) > 1]
        if repeated:
            raise Invalid(*(Fault(name, "Must be given once.") for name in repeated))
        return query


def _repeated_fields(body: bytes) -> list[str]:
    """Of the object itself, for no field holds another one. msgspec would take the last value and say nothing."""
    pairs = json.loads(body.decode(), object_pairs_hook=list)
    return [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]


class Blueprint(flask_smorest.Blueprint):
    ARGUMENTS_PARSER = _StrictParser()

    def arguments(self, schema: Any, *, location: str = "json", **options: Any) -> Callable[[_View], _View]:
        decorate = super().arguments(schema, location=location, **options)

        def marked(view: _View) -> _View:
            reading = decorate(view)
            reading.reads_query = location == "query" or getattr(view, "reads_query", False)
            return cast(_View, reading)

        return marked


def refuse_unread_query() -> None:
    """Where no parameter is known, none may be sent."""
    view = requested_view()
    if view is not None and request.args and not getattr(view, "reads_query", False):
        raise Invalid(*(Fault(name, "Unknown field.") for name in islice(request.args, MAX_FAULTS)))
