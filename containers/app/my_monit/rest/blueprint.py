"""Blueprints whose requests are read strictly: a query parameter that nobody knows is a mistake, not decoration."""

from typing import Any

import flask_smorest
import msgspec
from flask import Request
from marshmallow import RAISE, Schema
from webargs.core import missing
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType


class _StrictParser(FlaskParser):
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE, "json": RAISE}

    def load_json(self, req: Request, schema: Schema) -> Any:
        """msgspec knows what the standard library lets through: NaN, half a character, a number of 5,000 digits."""
        body = req.get_data(cache=True)
        if not body:
            return missing
        if not req.is_json:
            raise UnsupportedMediaType("the body must be application/json")
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequest("the body must be JSON in UTF-8") from error


class Blueprint(flask_smorest.Blueprint):
    ARGUMENTS_PARSER = _StrictParser()
