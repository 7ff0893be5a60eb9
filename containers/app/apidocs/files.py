"""Which files are made from the description, and where they are."""

import json
from pathlib import Path

from apidocs.page import page
from apidocs.postman import collection
from my_monit.rest.application import create_app

DOCS = Path(__file__).parents[3] / "docs"


def generated() -> dict[Path, str]:
    """The text of each file as it has to be."""
    description = create_app().extensions["openapi"]
    return {
        DOCS / "api.html": page(description),
        DOCS / "mymonit.postman_collection.json": json.dumps(collection(description), indent=2) + "\n",
    }


def write() -> None:
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
