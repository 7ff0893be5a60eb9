"""docs/api.html and the Postman collection are what `python -m apidocs` makes of the description today."""

import json
import re
from urllib.parse import urlsplit

import pytest

from apidocs.files import generated
from apidocs.operations import operations
from apidocs.postman import collection
from my_monit.rest.application import create_app

DESCRIPTION = create_app().extensions["openapi"]


@pytest.mark.parametrize(("path", "text"), generated().items(), ids=[path.name for path in generated()])
def test_a_generated_file_is_up_to_date(path, text):
    assert path.read_text(encoding="utf-8") == text, "run: python -m apidocs (in containers/app)"


def test_the_collection_has_a_request_for_each_operation_and_no_token():
    requests = [item["request"] for folder in collection(DESCRIPTION)["item"] for item in folder["item"]]

    assert sorted((one["method"], one["url"]["raw"]) for one in requests) == sorted(
        (one.method, "{{url}}" + one.url) for one in operations(DESCRIPTION)
    )
    assert all(json.loads(one["body"]["raw"]) for one in requests if "body" in one)
    assert {"key": "token", "value": ""} in collection(DESCRIPTION)["variable"]


def test_the_page_names_every_operation_and_loads_nothing():
    page = next(text for path, text in generated().items() if path.suffix == ".html")

    assert all(f'id="{one.details["operationId"]}"' in page for one in operations(DESCRIPTION))
    assert not re.findall(r"<(?:script|link|img|iframe)|@import|url\(", page)
    assert all(urlsplit(link).fragment for link in re.findall(r'href="([^"]*)"', page))
