"""Blueprints whose requests are read strictly: a query parameter that nobody knows is a mistake, not decoration."""

import flask_smorest
from marshmallow import RAISE
from webargs.flaskparser import FlaskParser


class _StrictParser(FlaskParser):
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE, "json": RAISE}


class Blueprint(flask_smorest.Blueprint):
    ARGUMENTS_PARSER = _StrictParser()
