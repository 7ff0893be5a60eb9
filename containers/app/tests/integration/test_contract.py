"""The description itself: complete, stable, and true where it gives an example."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from apidocs.operations import Operation
from my_monit.logs.audit import Audit
from my_monit.model import CONSOLE, Quarantined, Reason, Role, User
from my_monit.rest.application import create_app
from my_monit.rest.authentication import PUBLIC
from my_monit.rest.contract import operation_id
from my_monit.services.demonstration import Demonstration
from my_monit.services.ingestion import IngestionService
from my_monit.storage.connector import Session
from my_monit.storage.storage import Storage
from tests.integration.keys import add_key
from tests.integration.rest_api import Api

DESCRIPTION: dict[str, Any] = create_app().extensions["openapi"]
OPERATIONS = [
    (method, path, operation) for path, item in DESCRIPTION["paths"].items() for method, operation in item.items()
]
UNFORESEEN = ("since", "time", "created", "expires", "key_id", "key")
#: Came before its experiment had this name.
EARLY = b'{"experiment": "device-vibrations", "measure": "hertz", "value": 1, "timestamp": 1767225500}'
EACH = pytest.mark.parametrize(
    ("method", "path", "operation"), OPERATIONS, ids=[operation["operationId"] for *_, operation in OPERATIONS]
)

def test_every_resource_is_described() -> None:
    app = create_app()
    served = {
        operation_id(method.lower(), re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & {"GET", "POST", "PUT", "DELETE"}
        if not rule.endpoint.startswith(("description.", "page.", "sign-in."))
    }

    assert {operation["operationId"] for *_, operation in OPERATIONS} == served


@EACH
def test_an_operation_says_who_may_what_comes_and_what_can_go_wrong(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    public = path.strip("/").partition("/")[0] in PUBLIC
    assert operation["operationId"] == operation_id(method, path)
    assert operation["summary"]
    assert ("security" in operation) == public
    successes = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    for answer in successes:
        assert "content" in answer or "204" in operation["responses"]
        for name, media in answer.get("content", {}).items():
            assert media["schema"] != {}
            assert name != "application/json" or "example" in media
    refusals = {status for status in operation["responses"] if status[0] in "45"}
    assert {"400", "411", "413", "414", "422", "429", "431", "500", "503", "504"} <= refusals
    assert {"408", "501"}.isdisjoint(refusals)
    assert public or {"401", "403"} <= refusals
    assert ("{" in path) == ("404" in refusals)


def test_every_refusal_is_a_problem_with_an_example() -> None:
    for status, response in DESCRIPTION["components"]["responses"].items():
        media = response["content"]["application/problem+json"]
        assert obeys(media["example"], {"$ref": "#/components/schemas/Problem"})
        assert media["example"]["status"] == int(status)


def parts(of: Any) -> Iterator[dict[str, Any]]:
    """Every object of the description, at any depth."""
    if isinstance(of, dict):
        yield of
    for inner in of.values() if isinstance(of, dict) else of if isinstance(of, list) else []:
        yield from parts(inner)


def test_the_description_is_valid_openapi() -> None:
    assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(DESCRIPTION)] == []


def test_every_default_is_what_may_be_sent() -> None:
    schemas = [part for part in parts(DESCRIPTION) if {"type", "enum"} & part.keys() and "default" in part]

    assert ["count", "mean"] in [schema["default"] for schema in schemas]
    for schema in schemas:
        assert obeys(schema["default"], schema)


def test_what_is_binary_is_said_to_be_and_a_limit_that_depends_on_the_format_is_told() -> None:
    for path, others in (("", "no limit unless one is given"), ("/changes", "refused")):
        operation = DESCRIPTION["paths"][f"/measures/{{experiment_id}}{path}"]["get"]
        [limit] = [one for one in operation["parameters"] if one["name"] == "limit"]
        kind = "application/vnd.apache.arrow.stream"

        assert operation["responses"]["200"]["content"][kind]["schema"] == {
            "type": "string", "format": "binary", "contentMediaType": kind
        }
        assert limit["description"] == f"JSON: 1,000 by default, 10,000 at most. The other formats: {others}"


def test_every_reference_leads_somewhere() -> None:
    found = {part["$ref"]: resolved(part["$ref"]) for part in parts(DESCRIPTION) if "$ref" in part}

    assert found
    assert [reference for reference, part in found.items() if not isinstance(part, dict)] == []


def resolved(reference: str) -> Any:
    found: Any = DESCRIPTION
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def obeys(body: Any, schema: dict[str, Any]) -> bool:
    whole = {"components": DESCRIPTION["components"], **schema}
    jsonschema_rs.validator_for(whole).validate(body)
    return True


@pytest.fixture(name="laboratory")
def demonstration_data(storage: Storage, administrator: Session) -> None:
    """As `mymonit demo-data` loads it into an empty database."""
    for table in ("EXPERIMENTS", "MEASURE_TYPES", "QUARANTINE"):
        administrator.execute(f"ALTER TABLE {table} AUTO_INCREMENT = 1")
    ingestion = IngestionService(storage, routing="measures", max_future=86_400)
    Demonstration(Audit(storage), ingestion, "measures").load(CONSOLE)
    with storage.unit() as unit:
        add_key(
            unit, "5d41402abc4b2a76", of_the_demonstration("S001", Role.SCIENTIST), experiment_id=1,
            label="nightly export on pc-17",
        )
        unit.quarantine.add([
            Quarantined(
                Reason.UNKNOWN_EXPERIMENT, b"demonstration", "measures", b"early", None, "device-vibrations", "{}", EARLY
            )
        ])


def of_the_demonstration(user_id: str, role: Role) -> User:
    return User(user_id, name="", username=f"demo-{user_id.lower()}", email="", role=role)


@EACH
def test_an_example_is_true_of_the_demonstration_data(
    api: Api, method: str, path: str, operation: dict[str, Any]
) -> None:
    example = Operation(method.upper(), path, operation)
    reads = path.startswith(("/measures", "/series"))
    who = of_the_demonstration("S001", Role.SCIENTIST) if reads else of_the_demonstration("A001", Role.ADMIN)

    answer = api(who, example.method, example.url, json=example.body)

    status, expected = example.success
    assert answer.status_code == int(status), answer.text
    if status != "204":
        media = expected["content"]["application/json"]
        assert obeys(media["example"], media["schema"]) and obeys(answer.json, media["schema"])
        assert timeless(answer.json) == timeless(media["example"])
    for name in expected.get("headers", {}):
        assert name in answer.headers or name == "Link"


def timeless(body: Any) -> Any:
    """Without what the clock says, or chance."""
    if isinstance(body, dict):
        return {name: timeless(value) for name, value in body.items() if name not in UNFORESEEN}
    return [timeless(one) for one in body] if isinstance(body, list) else body
