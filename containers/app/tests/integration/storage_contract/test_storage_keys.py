from datetime import UTC, datetime, timedelta

import pytest

from my_monit.errors import StorageContention, StorageRejected
from tests.integration.people import add_users, make_user
from tests.integration.storage_contract.records import DIGEST, SKEW, add_key


def keys_of(storage, user_id):
    with storage.unit() as unit:
        return [key.key_id for key in unit.keys.of(user_id)]


def test_a_key_comes_back_as_it_was_added_with_its_digest(storage):
    add_users(storage, make_user("S001"))

    with storage.unit() as unit:
        experiment_id = unit.experiments.add("black-holes").experiment_id
        key = add_key(unit, "k1", label="Łódź 'n' 100%", experiment_id=experiment_id)

    with storage.unit() as unit:
        assert unit.keys.get("k1") == (key, DIGEST)
        assert unit.keys.of("S001") == [key]
    assert (key.key_id, key.user_id, key.label, key.experiment_id) == ("k1", "S001", "Łódź 'n' 100%", experiment_id)
    assert (key.created_by, key.expires - key.created, key.expired) == ("A001", timedelta(days=90), False)
    assert abs(datetime.now(UTC) - key.created) < SKEW


def test_keys_are_listed_by_user_oldest_first(storage):
    add_users(storage, make_user("S001"), make_user("S002"))

    for key_id, user_id in (("k9", "S001"), ("k5", "S002"), ("k1", "S001")):
        with storage.unit() as unit:
            add_key(unit, key_id, user_id=user_id)

    assert [keys_of(storage, user_id) for user_id in ("S001", "S002", "S003")] == [["k9", "k1"], ["k5"], []]


def test_a_key_says_when_its_time_is_over(storage, later):
    add_users(storage, make_user("S001"))
    with storage.unit() as unit:
        add_key(unit, "short", days=1)
        add_key(unit, "long", days=3)

    later(days=2)

    with storage.unit() as unit:
        assert {key.key_id: key.expired for key in unit.keys.of("S001")} == {"short": True, "long": False}
        assert unit.keys.get("short").key.expired and not unit.keys.get("long").key.expired


def test_a_key_is_gone_when_it_is_removed_and_can_be_removed_once(storage):
    add_users(storage, make_user("S001"))
    with storage.unit() as unit:
        for key_id in ("k1", "k2"):
            add_key(unit, key_id)

    with storage.unit() as unit:
        assert not unit.keys.remove("k3")
        assert unit.keys.remove("k1")
        assert not unit.keys.remove("k1")

    with storage.unit() as unit:
        assert unit.keys.get("k1") is None
    assert keys_of(storage, "S001") == ["k2"]


def test_all_keys_of_a_user_are_removed_at_once_and_those_of_others_stay(storage):
    add_users(storage, make_user("S001"), make_user("S002"))
    for key_id, user_id in (("k3", "S001"), ("k2", "S002"), ("k1", "S001")):
        with storage.unit() as unit:
            add_key(unit, key_id, user_id=user_id)

    with storage.unit() as unit:
        assert unit.keys.remove_all("S001") == ["k3", "k1"]
        assert unit.keys.remove_all("S001") == []

    assert (keys_of(storage, "S001"), keys_of(storage, "S002")) == ([], ["k2"])


@pytest.mark.parametrize(
    ("reference", "error"),
    [({"user_id": "S404"}, StorageRejected), ({"experiment_id": 404}, StorageRejected), ({}, StorageContention)],
    ids=str,
)
def test_a_key_is_of_a_user_and_an_experiment_that_there_are_and_its_id_is_taken_once(storage, reference, error):
    add_users(storage, make_user("S001"))
    with storage.unit() as unit:
        add_key(unit, "k1")

    with pytest.raises(error), storage.unit() as unit:
        add_key(unit, "k1" if not reference else "k2", **reference)

    assert keys_of(storage, "S001") == ["k1"]
