import re
from collections.abc import Callable

import pytest

from my_monit.model import Quarantined, Reason
from my_monit.storage.storage import Storage
from tests.integration.laboratory import ADA
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
