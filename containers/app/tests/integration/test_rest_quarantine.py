import re
from collections.abc import Callable

import pytest

from my_monit.model import Quarantined, Reason
from my_monit.storage.storage import Storage
from tests.integration.laboratory import ADA, SAM, UMA, Laboratory
from tests.integration.rest_api import Api, pointers

Audited = Callable[[], tuple[str, str, str, str]]


@pytest.fixture(name="refused")
def refused_messages(storage: Storage) -> list[Quarantined]:
    messages = [
        Quarantined(Reason.BAD_JSON, b"adapter", "measures", b"id-1", None, None, "{}", b"canary rubbish"),
        Quarantined(Reason.DUP_KEY, b"measures.black-holes", "measures", None, 3, "black-holes", "{}", b"{}"),
        Quarantined(Reason.BAD_JSON, b"\xff\xfe\x1b", "measures", None, None, None, "{}", b""),
    ]
    with storage.unit() as unit:
        unit.quarantine.add(messages)
    return messages


def test_an_admin_sees_what_could_not_be_stored_but_not_its_bytes(
    api: Api, refused: list[Quarantined], audited: Audited
) -> None:
    answer = api.get(ADA, "/quarantine/")

    first, second, third = answer.json
    assert first == {
        "id": first["id"], "reason": "bad_json", "time": first["time"], "publisher": "adapter", "size": 14,
        "experiment": None,
    }
    assert (second["reason"], second["experiment"]) == ("dup_key", "black-holes")
    assert third["publisher"] == "\ufffd\ufffd\x1b"
    assert first["id"] < second["id"] < third["id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", first["time"])
    assert audited() == ("A001", "quarantine.list", "quarantine", "success")


def test_one_reason_can_be_asked_for(api: Api, refused: list[Quarantined]) -> None:
    assert [item["size"] for item in api.get(ADA, "/quarantine/?reason=bad_json").json] == [14, 0]
    assert api.get(ADA, "/quarantine/?reason=forbidden").json == []
    assert pointers(api.get(ADA, "/quarantine/?reason=tired")) == ["reason"]


def test_pages_of_the_quarantine_have_no_gaps_and_no_repeats(api: Api, refused: list[Quarantined]) -> None:
    pages = api.pages(ADA, "/quarantine/?limit=1&reason=bad_json")

    assert [[item["size"] for item in page] for page in pages] == [[14], [0]]


@pytest.mark.parametrize(("query", "sizes"), [
    ("publisher=adapter", [14]),
    ("publisher=", []),
    ("experiment=black-holes", [2]),
    ("experiment=black-holes&reason=bad_json", []),
    *((f"experiment=black-holes{more}", []) for more in ("%20", "%00", "%09", "%C2%A0")),
    ("experiment=Black-Holes", []),
    ("from=2020-01-01T00:00:00%2B01:00&to=2100-01-01T00:00:00Z", [14, 2, 0]),
    ("to=2020-01-01T00:00:00Z", []),
    ("from=2100-01-01T00:00:00Z", []),
])
def test_it_can_be_searched(api: Api, refused: list[Quarantined], query: str, sizes: list[int]) -> None:
    assert [item["size"] for item in api.get(ADA, f"/quarantine/?{query}").json] == sizes


@pytest.mark.parametrize(("query", "pointer"), [
    ("from=yesterday", "from"), ("to=2026-01-31T12:00:00", "to"), ("to=9999-12-31T23:59:59.999999999Z", "to"),
    (f"publisher={'x' * 256}", "publisher"), (f"experiment={'x' * 65}", "experiment"), ("since=1", "since"),
])
def test_a_filter_that_means_nothing_is_named(api: Api, query: str, pointer: str) -> None:
    answer = api.get(ADA, f"/quarantine/?{query}")

    assert (answer.status_code, pointers(answer)) == (422, [pointer])


BODY = b'{"experiment": "late", "measure": "hertz", "value": 1, "timestamp": 1649228400}'


@pytest.fixture(name="late")
def message_before_its_experiment(storage: Storage) -> int:
    with storage.unit() as unit:
        unit.quarantine.add([Quarantined(Reason.UNKNOWN_EXPERIMENT, b"", "measures", None, 0, "late", "{}", BODY)])
        return unit.quarantine.newest_id()


def test_an_item_is_replayed_when_its_cause_is_gone(
    api: Api, late: int, storage: Storage, audited: Audited
) -> None:
    early = api.post(ADA, f"/quarantine/{late}/replay")
    assert (early.status_code, early.json["detail"]) == (409, "it is still refused: unknown_experiment")
    assert audited() == ("A001", "quarantine.replay", f"quarantine:{late}", "refused")
    with storage.unit() as unit:
        unit.experiments.add("late")

    answer = api.post(ADA, f"/quarantine/{late}/replay")
    assert (answer.status_code, answer.json) == (200, {"stored": 1, "refused": {}})
    assert audited() == ("A001", "quarantine.replay", f"quarantine:{late}", "success")
    assert api.post(ADA, f"/quarantine/{late}/replay").status_code == 404
    assert audited()[3] == "not_found"


def test_an_item_is_deleted_for_good(api: Api, late: int, audited: Audited) -> None:
    assert api(ADA, "DELETE", f"/quarantine/{late}").status_code == 204
    assert audited() == ("A001", "quarantine.discard", f"quarantine:{late}:unknown_experiment", "success")
    assert api(ADA, "DELETE", f"/quarantine/{late}").status_code == 404
    assert api.get(ADA, "/quarantine/").json == []


def test_only_an_admin_replays_and_deletes(api: Api, late: int, laboratory: Laboratory) -> None:
    for user in (SAM, UMA):
        assert api.post(user, f"/quarantine/{late}/replay").status_code == 403
        assert api(user, "DELETE", f"/quarantine/{late}").status_code == 403
    assert len(api.get(ADA, "/quarantine/").json) == 1
