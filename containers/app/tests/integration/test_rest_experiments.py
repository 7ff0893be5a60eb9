from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest

from tests.integration.laboratory import ADA, SAM, SUE, Laboratory
from tests.integration.rest_api import Api, pointers

Audited = Callable[[], tuple[str, str, str, str]]

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@pytest.fixture(name="vibrations")
def vibrations_id(laboratory: Laboratory) -> int:
    return laboratory.vibrations.experiment_id


@pytest.fixture(name="holes")
def black_holes_id(laboratory: Laboratory) -> int:
    return laboratory.black_holes.experiment_id


def test_an_admin_makes_an_experiment_and_reads_it_back(api: Api, audited: Audited) -> None:
    answer = api.post(ADA, "/experiments/", json={"name": "dark-matter"})

    number = answer.json["experiment_id"]
    assert (answer.status_code, answer.json) == (201, {"experiment_id": number, "name": "dark-matter"})
    assert answer.headers["Location"] == f"/experiments/{number}"
    assert audited() == ("A001", "experiment.create", f"experiment:{number}", "success")
    assert api.get(ADA, answer.headers["Location"]).json == answer.json
    assert audited() == ("A001", "experiment.read", f"experiment:{number}", "success")


@pytest.mark.parametrize(
    "name", ["", "-x", "_x", "a b", "é", "x" * 65, "a\n", "a\0", 7, None, ["a"], {}], ids=repr
)
def test_a_name_that_breaks_the_rule_is_refused(api: Api, vibrations: int, name: object) -> None:
    for answer in (
        api.post(ADA, "/experiments/", json={"name": name}),
        api.put(ADA, f"/experiments/{vibrations}", json={"name": name}),
    ):
        assert (answer.status_code, pointers(answer)) == (422, ["/name"])


def test_an_experiment_takes_no_other_field(api: Api) -> None:
    answer = api.post(ADA, "/experiments/", json={"name": "dark-matter", "experiment_id": 7, "owner": "A001"})

    assert (answer.status_code, sorted(pointers(answer))) == (422, ["/experiment_id", "/owner"])


def test_an_admin_lists_all_experiments_and_a_scientist_the_associated_ones(
    api: Api, laboratory: Laboratory, audited: Audited
) -> None:
    vibrations = {"experiment_id": laboratory.vibrations.experiment_id, "name": "device-vibrations"}
    holes = {"experiment_id": laboratory.black_holes.experiment_id, "name": "black-holes"}

    assert api.get(ADA, "/experiments/").json == [vibrations, holes]
    assert audited() == ("A001", "experiment.list", "experiment", "success")
    assert api.get(SAM, "/experiments/").json == [vibrations]
    assert api.get(SUE, "/experiments/").json == [holes]
    assert audited() == ("S002", "experiment.list", "experiment", "success")


def test_pages_of_experiments_have_no_gaps_and_no_repeats(api: Api, vibrations: int, holes: int) -> None:
    numbers = [vibrations, holes]
    for name in ("c", "a", "b"):
        numbers.append(api.post(ADA, "/experiments/", json={"name": name}).json["experiment_id"])
    for number in numbers[1:]:
        api.post(ADA, f"/scientists-experiments/{number}/S001")

    for who in (ADA, SAM):
        pages = api.pages(who, "/experiments?limit=2")
        assert [[experiment["experiment_id"] for experiment in page] for page in pages] == [
            numbers[:2], numbers[2:4], numbers[4:]
        ]


def test_an_experiment_of_others_looks_as_if_it_were_not_there(api: Api, holes: int, audited: Audited) -> None:
    def told(path: str) -> tuple[int, dict[str, object], dict[str, str]]:
        answer = api.get(SAM, path)
        headers = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
        body = {name: value for name, value in answer.json.items() if name not in ("instance", "trace_id")}
        return answer.status_code, body, headers

    for resource in ("experiments", "measures", "series"):
        assert told(f"/{resource}/{holes}") == told(f"/{resource}/4000000000")
        assert told(f"/{resource}/{holes}")[0] == 404
    assert audited() == ("S001", "series.read", f"experiment:{holes}", "not_found")


def test_a_former_name_goes_on_meaning_the_experiment(
    api: Api, vibrations: int, holes: int, audited: Audited
) -> None:
    answer = api.put(ADA, f"/experiments/{vibrations}", json={"name": "tremors"})

    assert answer.json == {"experiment_id": vibrations, "name": "tremors"}
    assert audited() == ("A001", "experiment.change", f"experiment:{vibrations}", "success")
    assert api.post(ADA, "/experiments/", json={"name": "device-vibrations"}).status_code == 409
    assert api.put(ADA, f"/experiments/{holes}", json={"name": "device-vibrations"}).status_code == 409
    assert audited() == ("A001", "experiment.change", f"experiment:{holes}", "refused")
    assert api.put(ADA, f"/experiments/{vibrations}", json={"name": "device-vibrations"}).status_code == 200


def test_an_experiment_that_is_missing_cannot_be_renamed(api: Api) -> None:
    assert api.put(ADA, "/experiments/4000000000", json={"name": "x"}).status_code == 404


def test_names_that_differ_in_case_are_two_experiments(api: Api) -> None:
    assert api.post(ADA, "/experiments/", json={"name": "Black-Holes"}).status_code == 201
    assert api.post(ADA, "/experiments/", json={"name": "black-holes"}).status_code == 409


@pytest.mark.parametrize("body", [b"", b'""', b' "" \n', b'{"until": null}', f'{{"until": "{TOMORROW}"}}'.encode()])
def test_an_association_opens_an_experiment_to_a_scientist(
    api: Api, holes: int, vibrations: int, body: bytes, audited: Audited
) -> None:
    assert api.get(SAM, f"/measures/{holes}").status_code == 404

    answer = api.post(ADA, f"/scientists-experiments/{holes}/S001", data=body, content_type="application/json")

    assert (answer.status_code, answer.json["experiment_id"], answer.json["user_id"]) == (201, holes, "S001")
    assert audited() == ("A001", "association.create", f"experiment:{holes} user:S001", "success")
    assert api.get(SAM, f"/measures/{holes}").json == []
    assert api.get(ADA, "/scientists-experiments/").json == {
        str(vibrations): {"users": ["S001"]}, str(holes): {"users": ["S001", "S002"]}
    }
    assert audited() == ("A001", "association.list", "association", "success")


@pytest.mark.parametrize("body", [{}, {"json": {"until": None}}], ids=["none", "null"])
def test_an_association_that_ends_closes_the_experiment_at_once(
    api: Api, vibrations: int, audited: Audited, body: dict[str, Any]
) -> None:
    answer = api(ADA, "DELETE", f"/scientists-experiments/{vibrations}/S001", **body)

    assert (answer.status_code, answer.data) == (204, b"")
    assert audited() == ("A001", "association.end", f"experiment:{vibrations} user:S001", "success")
    assert api.get(SAM, f"/measures/{vibrations}").status_code == 404
    assert api(ADA, "DELETE", f"/scientists-experiments/{vibrations}/S001").status_code == 404
    assert api.post(ADA, f"/scientists-experiments/{vibrations}/S001").status_code == 201
    assert len(api.get(SAM, f"/measures/{vibrations}").json) == 3


def test_an_association_can_end_later(api: Api, vibrations: int) -> None:
    path = f"/scientists-experiments/{vibrations}/S001"

    assert api(ADA, "DELETE", path, json={"until": TOMORROW}).status_code == 204
    assert api.get(SAM, f"/measures/{vibrations}").status_code == 200
    assert api.post(ADA, path).status_code == 409


@pytest.mark.parametrize(
    "until",
    [
        "2020-01-01T00:00:00Z", "2030-01-31", "2030-01-31T12:00:00", "tomorrow", "", "2030-13-31T12:00:00Z",
        "2030-01-31T12:00:60Z", "٢030-01-31T12:00:00Z", 1_900_000_000, True, ["x"],
    ],
    ids=repr,
)
def test_an_end_must_be_a_moment_to_come(api: Api, holes: int, until: object) -> None:
    for method in ("POST", "DELETE"):
        answer = api(ADA, method, f"/scientists-experiments/{holes}/S002", json={"until": until})
        assert (answer.status_code, pointers(answer)) == (422, ["/until"])


class SlowClock(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "SlowClock":
        return super().now(tz) - timedelta(hours=1)


def test_an_end_is_after_the_beginning_by_the_database_s_clock(
    api: Api, holes: int, vibrations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("my_monit.rest.fields.datetime", SlowClock)
    just_over = {"until": datetime.now(UTC).isoformat()}

    answer = api.post(ADA, f"/scientists-experiments/{holes}/S001", json=just_over)
    assert (answer.status_code, pointers(answer)) == (422, ["/until"])
    assert api(ADA, "DELETE", f"/scientists-experiments/{vibrations}/S001", json=just_over).status_code == 204

    [history] = api.pages(ADA, "/users/S001/associations")
    assert [(one["experiment_id"], one["until"] > just_over["until"]) for one in history] == [(vibrations, True)]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [("[]", ""), ("null", ""), ('"x"', ""), ("7", ""), ('{"until": "2040-01-01T00:00:00Z", "since": 1}', "/since")],
)
def test_an_association_takes_no_other_body(api: Api, holes: int, body: str, pointer: str) -> None:
    for method in ("POST", "DELETE"):
        answer = api(
            ADA, method, f"/scientists-experiments/{holes}/S002", data=body, content_type="application/json"
        )
        assert (answer.status_code, pointers(answer)) == (422, [pointer])


def test_a_body_that_asks_for_something_must_be_told_to_be_json(api: Api, holes: int) -> None:
    answer = api.post(ADA, f"/scientists-experiments/{holes}/S001", data=f'{{"until": "{TOMORROW}"}}')

    assert answer.status_code == 415


def test_only_a_scientist_can_be_associated(api: Api, vibrations: int, audited: Audited) -> None:
    for staff_id in ("A001", "U001"):
        assert api.post(ADA, f"/scientists-experiments/{vibrations}/{staff_id}").status_code == 409
    assert audited() == ("A001", "association.create", f"experiment:{vibrations} user:U001", "refused")


def test_what_is_missing_cannot_be_associated(api: Api, vibrations: int, audited: Audited) -> None:
    assert api.post(ADA, f"/scientists-experiments/{vibrations}/S999").status_code == 404
    assert api.post(ADA, "/scientists-experiments/4000000000/S001").status_code == 404
    assert audited() == ("A001", "association.create", "experiment:4000000000 user:S001", "not_found")
