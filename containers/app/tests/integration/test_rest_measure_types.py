from collections.abc import Callable

import pytest

from tests.integration.laboratory import ADA, SAM
from tests.integration.rest_api import Api, pointers

Audited = Callable[[], tuple[str, str, str, str]]

MOLALITY = {"name": "mole per kilogram", "symbol": "mol/kg", "quantity": "molality"}


def test_the_units_of_the_si_are_there_from_the_start(api: Api, audited: Audited) -> None:
    answer = api.get(SAM, "/measure-types/")

    assert len(answer.json) == 30
    assert answer.json[0] == {"measure_type_id": 1, "name": "hertz", "symbol": "Hz", "quantity": "frequency"}
    assert {"degree Celsius": "°C", "ohm": "Ω", "katal": "kat"}.items() <= {
        kind["name"]: kind["symbol"] for kind in answer.json
    }.items()
    assert audited() == ("S001", "measure_type.list", "measure_type", "success")


def test_an_admin_adds_a_measure_type(api: Api, audited: Audited) -> None:
    answer = api.post(ADA, "/measure-types/", json=MOLALITY)

    number = answer.json["measure_type_id"]
    assert (answer.status_code, answer.json) == (201, {"measure_type_id": number, **MOLALITY})
    assert audited() == ("A001", "measure_type.create", f"measure_type:{number}", "success")
    assert api.get(SAM, "/measure-types/").json[-1] == answer.json


def test_a_name_is_given_once_and_compared_byte_for_byte(api: Api, audited: Audited) -> None:
    assert api.post(ADA, "/measure-types/", json={**MOLALITY, "name": "hertz"}).status_code == 409
    assert audited() == ("A001", "measure_type.create", "measure_type", "refused")
    assert api.post(ADA, "/measure-types/", json={**MOLALITY, "name": "Hertz"}).status_code == 201


@pytest.mark.parametrize("limit", [7, 10, 30])
def test_pages_of_measure_types_have_no_gaps_and_no_repeats(api: Api, limit: int) -> None:
    pages = api.pages(SAM, f"/measure-types/?limit={limit}")

    assert [kind["measure_type_id"] for page in pages for kind in page] == list(range(1, 31))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("name", value) for value in ("", " x", "x\n", "x\0", "x" * 65, None, 1, ...)],
        *[("symbol", value) for value in ("", "x ", "x\u2028", "x" * 33, [], ...)],
        *[("quantity", value) for value in ("", "\x1b[31m", "x" * 129, {}, ...)],
        *[("measure_type_id", 1), ("factor", 1000)],
    ],
)
def test_a_field_that_breaks_a_rule_is_named(api: Api, field: str, value: object) -> None:
    fields = {name: given for name, given in {**MOLALITY, field: value}.items() if given is not ...}

    answer = api.post(ADA, "/measure-types/", json=fields)

    assert (answer.status_code, pointers(answer)) == (422, [f"/{field}"])
    assert len(api.get(SAM, "/measure-types/").json) == 30
