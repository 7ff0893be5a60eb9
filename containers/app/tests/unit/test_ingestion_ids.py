"""A message is known by its publisher, its id and its body, and is dealt with once however often it comes."""

import pytest

from my_monit.services.ingestion import Outcome
from tests.unit.receiving import Laboratory, make_ingestion, message, reading, store


@pytest.fixture
def storage():
    return Laboratory()


def test_a_message_that_comes_again_is_not_stored_again_f13(storage, ingestion):
    again = message(reading(), message_id=b"1")

    assert store(ingestion, again) == Outcome(stored=1)
    assert store(ingestion, again, again) == Outcome(duplicates=2)
    assert store(make_ingestion(storage), again) == Outcome(duplicates=1)
    assert len(storage.stored()) == 1


def test_a_message_that_comes_twice_in_one_batch_is_stored_once(storage, ingestion):
    again = message(reading(), message_id=b"1")

    assert store(ingestion, again, message(reading(), message_id=b"2"), again) == Outcome(stored=2, duplicates=1)
    assert len(storage.stored()) == 2


def test_an_id_that_is_used_for_another_body_is_a_conflict_f13(storage, ingestion):
    first, second = message(reading(), message_id=b"1"), message(reading(value=2.5), message_id=b"1")

    assert store(ingestion, first) == Outcome(stored=1)
    assert store(ingestion, second) == Outcome(quarantined=1)

    [item] = storage.quarantined()
    assert (item.reason, item.body, item.message_id, item.element) == ("id_conflict", second.body, b"1", None)
    assert [value for *_, value in storage.stored()] == [1.5]


def test_the_first_of_a_batch_decides_what_its_id_means(storage, ingestion):
    first, second = message(reading(), message_id=b"1"), message(reading(value=2.5), message_id=b"1")

    outcome = store(ingestion, first, second, first, second)

    assert outcome == Outcome(stored=1, quarantined=2, duplicates=1)
    assert store(ingestion, second, first) == Outcome(quarantined=1, duplicates=1)
    assert storage.reasons() == ["id_conflict"] * 3


def test_a_quarantined_message_that_comes_again_is_not_quarantined_again(storage, ingestion):
    bad = message(b"rubbish", message_id=b"1")

    assert store(ingestion, bad, bad) == Outcome(quarantined=1, duplicates=1)
    assert store(ingestion, bad) == Outcome(duplicates=1)
    assert storage.reasons() == ["bad_json"]


def test_one_publisher_s_ids_do_not_hide_another_s_messages_p35(storage, ingestion):
    publishers = [
        {"user_id": b"a"}, {"user_id": b"b"}, {"user_id": b"A"}, {"user_id": None},
        {"user_id": None, "routing_key": "measures.lab"}, {"user_id": None, "routing_key": "measures.old-lab"},
    ]

    outcome = store(ingestion, *(message(reading(), message_id=b"1", **each) for each in publishers))

    assert outcome == Outcome(stored=len(publishers))


def test_routing_keys_of_no_experiment_make_up_no_publishers(storage, ingestion):
    keys = ["measures.unknown", "measures.x.y", "elsewhere", "measures."]

    store(ingestion, *(message(reading(), user_id=None, routing_key=key) for key in keys))

    assert {item.publisher for item in storage.quarantined()} == {b""}


def test_a_parked_message_that_had_been_stored_after_all_is_a_duplicate(storage, ingestion):
    store(ingestion, message(reading(), message_id=b"1"))

    assert store(ingestion, message(reading(), message_id=b"1", parked=True)) == Outcome(duplicates=1)
    assert (len(storage.stored()), storage.quarantined()) == (1, [])


@pytest.mark.parametrize("message_id", [b"1", b"i" * 239, b"i" * 240, b"i" * 255])
def test_a_message_of_an_experiment_that_was_created_meanwhile_is_known_again(storage, ingestion, message_id):
    early = message(reading(experiment="new"), routing_key="measures.new", user_id=None, message_id=message_id)
    assert store(ingestion, early) == Outcome(quarantined=1)

    with storage.unit() as unit:
        unit.experiments.add("new")

    assert store(ingestion, early) == store(make_ingestion(storage), early) == Outcome(duplicates=1)


def test_ids_of_routing_keys_are_told_apart_however_long_they_are(storage, ingestion):
    ids = [b"1" * length for length in (1, 2, 16, 17, 32, 239, 240, 255)]
    keys = ["measures.lab", "measures.old-lab", "measures"]

    outcome = store(ingestion, *(
        message(reading(), user_id=None, message_id=one, routing_key=key) for one in ids for key in keys
    ))

    assert outcome == Outcome(stored=len(ids) * len(keys))


def test_the_same_id_and_body_under_two_unknown_routing_keys_are_two_messages(storage, ingestion):
    same = {"message_id": b"1", "user_id": None}

    store(ingestion, message(b"", routing_key="measures.x", **same), message(b"", routing_key="measures.y", **same))

    assert [(item.reason, item.routing_key) for item in storage.quarantined()] == [
        ("bad_json", "measures.x"), ("bad_json", "measures.y")
    ]
