"""When storage fails: nothing of a batch is left or stored twice, and one bad message does not stop the others."""

import math

import pytest

from my_monit.errors import StorageContention, StorageUnavailable
from my_monit.services.ingestion import ATTEMPTS, Outcome
from tests.unit.receiving import OTHER, Laboratory, make_ingestion, message, reading, store


@pytest.fixture
def storage():
    return Laboratory()


def test_a_batch_is_tried_again_when_another_transaction_was_quicker_f10(storage, ingestion):
    storage.failures = [StorageContention("deadlock")] * (ATTEMPTS - 1)

    assert store(ingestion, message(reading(), message_id=b"1")) == Outcome(stored=1)
    assert len(storage.stored()) == 1


def test_a_batch_that_never_gets_its_turn_says_so_and_can_be_given_again(storage, ingestion):
    storage.failures = [StorageContention("deadlock")] * ATTEMPTS
    batch = [message(reading(), message_id=b"1"), message(b"rubbish")]

    with pytest.raises(StorageContention):
        store(ingestion, *batch)
    assert storage.stored() == storage.quarantined() == []

    assert store(ingestion, *batch) == Outcome(stored=1, quarantined=1)


@pytest.mark.parametrize("error", [StorageUnavailable("away"), RuntimeError("a bug"), KeyboardInterrupt()], ids=repr)
def test_nothing_of_a_failed_batch_is_left_and_the_next_attempt_stores_it_f4(storage, ingestion, error):
    batch = [message(reading(), message_id=b"1"), message(b"rubbish", message_id=b"2"), message([reading(), 42])]
    storage.failures = [error]

    with pytest.raises(type(error)):
        store(ingestion, *batch)
    assert storage.stored() == storage.quarantined() == []

    assert store(ingestion, *batch) == Outcome(stored=2, quarantined=2)


def test_a_commit_whose_reply_was_lost_does_not_store_twice_f4(storage, ingestion):
    batch = [message(reading(), message_id=b"1"), message(b"rubbish", message_id=b"2")]
    storage.lost_replies = 1
    with pytest.raises(StorageUnavailable):
        store(ingestion, *batch)

    assert store(ingestion, *batch) == Outcome(duplicates=2)
    assert (len(storage.stored()), storage.reasons()) == (1, ["bad_json"])


def test_numbers_given_in_a_transaction_that_was_undone_are_forgotten(storage, ingestion):
    storage.failures = [StorageUnavailable("away")]
    with pytest.raises(StorageUnavailable):
        store(ingestion, message(reading(sensor="left"), user_id=b"a", message_id=b"1"))

    # Others take the numbers that the undone series and publisher would have had.
    store(make_ingestion(storage), message(reading(experiment=OTHER), user_id=b"b", message_id=b"1"))
    outcome = store(ingestion, message(reading(sensor="left"), user_id=b"a", message_id=b"1"))

    assert outcome == Outcome(stored=1)
    assert (len(storage.stored()), len(storage.stored(OTHER))) == (1, 1)


@pytest.mark.parametrize("place", [0, 3, 9])
def test_the_one_message_that_the_database_refuses_is_found_and_quarantined_alone(storage, ingestion, place):
    storage.poison = 666.0
    batch = [message(reading(value=float(number)), message_id=b"%d" % number) for number in range(10)]
    batch[place] = message([reading(value=0.5), reading(value=666.0)], message_id=b"poison", routing_key="measures.lab")

    assert store(ingestion, *batch) == Outcome(stored=9, quarantined=1)

    [item] = storage.quarantined()
    assert (item.reason, item.body, item.message_id, item.element) == (
        "undeliverable", batch[place].body, b"poison", None
    )
    assert sorted(value for *_, value in storage.stored()) == [float(n) for n in range(10) if n != place]


def test_two_messages_that_the_database_refuses_are_both_found(storage, ingestion):
    storage.poison = 666.0
    values = [1.0, 666.0, 2.0, 3.0, 666.0]

    assert store(ingestion, *(message(reading(value=value)) for value in values)) == Outcome(stored=3, quarantined=2)
    assert storage.reasons() == ["undeliverable"] * 2


@pytest.mark.parametrize("goes_away_at", range(1, 9))
def test_no_part_of_a_refused_batch_is_stored_when_the_database_goes_away_in_between_f4(
    storage, ingestion, goes_away_at
):
    storage.poison = 666.0
    batch = [message(reading(value=value)) for value in (1.0, 2.0, 3.0, 666.0)]
    storage.goes_away_at = goes_away_at

    try:
        store(ingestion, *batch)
    except StorageUnavailable:
        assert storage.stored() == storage.quarantined() == []
        store(ingestion, *batch)

    assert [value for *_, value in storage.stored()] == [1.0, 2.0, 3.0]
    assert storage.reasons() == ["undeliverable"]


def test_the_one_message_that_the_database_refuses_is_found_in_few_transactions(storage, ingestion):
    storage.poison = 666.0
    batch = [message(reading(value=float(number))) for number in range(1000)]

    store(ingestion, *batch)

    assert storage.transactions <= 2 + 2 * math.ceil(math.log2(len(batch)))


def test_a_batch_that_an_older_backup_refuses_is_stored_under_what_is_there_now(storage, ingestion):
    store(ingestion, message(reading()))
    storage.restore()

    assert store(ingestion, message(reading()), message(reading())) == Outcome(stored=2)


def test_a_message_that_the_database_refuses_is_quarantined_once_however_often_it_comes(storage, ingestion):
    storage.poison = 666.0
    poison = message(reading(value=666.0), message_id=b"1")

    assert store(ingestion, poison) == Outcome(quarantined=1)
    assert store(ingestion, poison) == Outcome(duplicates=1)
    assert storage.reasons() == ["undeliverable"]


def test_what_the_database_refuses_is_quarantined_at_the_next_attempt_if_need_be(storage, ingestion):
    storage.poison = 666.0
    storage.failures = [StorageContention("deadlock")]

    assert store(ingestion, message(reading(value=666.0))) == Outcome(quarantined=1)
