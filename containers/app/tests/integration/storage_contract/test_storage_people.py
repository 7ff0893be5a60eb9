from datetime import UTC, datetime

import pytest

from my_monit.errors import Conflict
from my_monit.model import Role
from tests.integration.people import add_users, make_user
from tests.integration.storage_contract.records import SKEW

#: Names that a case-blind, accent-blind or blank-padding comparison takes for "Jürgen".
RESEMBLING = ["jürgen", "JÜRGEN", "Jurgen", "Jürgen ", " Jürgen", "Ju\u0308rgen", "Jürge\u0144", "Jürgen\u200b"]


def test_a_user_is_found_by_id_and_by_username_as_added(storage):
    ann = make_user("S001", name="Ann O'Neill 😀", username="Ann\\1", email="%s@example.org", active=False)

    add_users(storage, ann, make_user("S002"))

    with storage.unit() as unit:
        assert unit.users.get("S001") == ann
        assert unit.users.by_username("Ann\\1").user == ann
        assert unit.users.get("S003") is None
        assert unit.users.by_username("S001") is None


@pytest.mark.parametrize("other", RESEMBLING)
def test_a_username_that_only_resembles_another_is_nobody_s(storage, other):
    add_users(storage, make_user("S001", username="Jürgen"))

    with storage.unit() as unit:
        assert unit.users.by_username(other) is None


@pytest.mark.parametrize("other", ["s001", "S001 ", " S001", "Ś001", "S001\u200b", "S00１"])
def test_a_user_id_that_only_resembles_another_is_nobody_s(storage, other):
    add_users(storage, make_user("S001"))

    with storage.unit() as unit:
        assert unit.users.get(other) is None


def test_people_whose_ids_and_usernames_differ_in_case_or_accent_alone_are_different_people(storage):
    people = [
        make_user(f"{prefix}{number}", username=username)
        for number, username in enumerate(name for name in ["Jürgen", *RESEMBLING] if name == name.strip())
        for prefix in ("a", "A")
        for username in [f"{prefix}{username}"]
    ]

    add_users(storage, *people)

    with storage.unit() as unit:
        assert [unit.users.by_username(one.username).user for one in people] == people


def test_pages_of_users_go_by_id_in_the_order_of_its_bytes(storage):
    ids = ["-", "0", "10", "9", "A", "AB", "Z", "_", "a", "a-", "a0", "aA", "z"]
    add_users(storage, *map(make_user, reversed(ids)))

    pages, after = [], ""
    with storage.unit() as unit:
        while page := unit.users.page(after=after, limit=4):
            pages.append([user.user_id for user in page])
            after = pages[-1][-1]

    assert [len(page) for page in pages] == [4, 4, 4, 1]
    assert sum(pages, []) == ids


@pytest.mark.parametrize("second", [make_user("S001", username="other"), make_user("S002", username="uid-S001")])
def test_an_id_or_a_username_that_is_taken_is_a_conflict(storage, second):
    first = make_user("S001")
    add_users(storage, first)

    with pytest.raises(Conflict):
        add_users(storage, make_user("S000"), second)

    with storage.unit() as unit:
        assert unit.users.page(after="", limit=10) == [first]


def test_a_change_replaces_the_whole_record(storage):
    add_users(storage, make_user("S001"), make_user("S002"))
    changed = make_user("S001", name="Bea", username="bea", email="b@example.org", role=Role.AUDITOR, active=False)

    with storage.unit() as unit:
        unit.users.change(changed)

    with storage.unit() as unit:
        assert unit.users.get("S001") == changed
        assert unit.users.get("S002") == make_user("S002")
        assert unit.users.by_username("uid-S001") is None


def test_a_change_that_changes_nothing_is_fine(storage):
    add_users(storage, make_user("S001"))

    with storage.unit() as unit:
        unit.users.change(make_user("S001"))
        assert unit.users.get("S001") == make_user("S001")


def since(storage, username):
    with storage.unit() as unit:
        return unit.users.by_username(username).since


def changed(storage, **changes):
    with storage.unit() as unit:
        unit.users.change(make_user("S001", **changes))


def test_a_username_is_its_user_s_since_the_user_was_added_or_last_renamed(storage):
    add_users(storage, make_user("S001"))
    added = since(storage, "uid-S001")
    assert abs(added - datetime.now(UTC)) < SKEW

    changed(storage, name="Bea", email="b@example.org", role=Role.AUDITOR, active=False)
    assert since(storage, "uid-S001") == added

    changed(storage, username="bea")
    later = since(storage, "bea")
    changed(storage, username="BEA")
    changed(storage)

    assert added < later < since(storage, "uid-S001")
    assert abs(since(storage, "uid-S001") - datetime.now(UTC)) < SKEW


def test_a_username_that_was_another_s_is_not_the_next_one_s_since_then(storage):
    add_users(storage, make_user("S001"), make_user("S002"))
    before, other = since(storage, "uid-S001"), since(storage, "uid-S002")
    with storage.unit() as unit:
        unit.users.erase("S001")

    add_users(storage, make_user("S003", username="uid-S001"))

    assert since(storage, "uid-S001") > before
    assert since(storage, "uid-S002") == other


def test_a_change_to_the_username_of_somebody_else_is_a_conflict(storage):
    add_users(storage, make_user("S001"), make_user("S002"))

    with pytest.raises(Conflict), storage.unit() as unit:
        unit.users.change(make_user("S002", username="uid-S001"))

    with storage.unit() as unit:
        assert unit.users.get("S002") == make_user("S002")


def test_the_locked_ones_are_the_active_users_of_the_role_by_id(storage):
    add_users(
        storage,
        make_user("A3", role=Role.ADMIN),
        make_user("A1", role=Role.ADMIN),
        make_user("A2", role=Role.ADMIN, active=False),
        make_user("S1"),
    )

    with storage.unit() as unit:
        assert unit.users.lock_active(Role.ADMIN) == ["A1", "A3"]
        assert unit.users.lock_active(Role.AUDITOR) == []


def test_an_erased_user_is_no_user_any_more_and_nobody_gets_the_id(storage):
    add_users(storage, make_user("S001"), make_user("S002"))
    with storage.unit() as unit:
        assert unit.users.erased("S001") is None
        unit.users.erase("S001")

    with storage.unit() as unit:
        assert unit.users.get("S001") is unit.users.get("S001", lock=True) is unit.users.by_username("uid-S001") is None
        assert unit.users.page(after="", limit=9) == [make_user("S002")]
        assert abs(unit.users.erased("S001") - datetime.now(UTC)) < SKEW
        assert unit.users.erased("s001") is unit.users.erased("S002") is unit.users.erased("S003") is None
    with pytest.raises(Conflict):
        add_users(storage, make_user("S001", username="other"))


def test_the_username_of_an_erased_user_is_free_and_several_can_be_erased(storage):
    add_users(storage, make_user("S001"), make_user("S002"), make_user("A001", role=Role.ADMIN))
    with storage.unit() as unit:
        for user_id in ("S001", "S002", "A001"):
            unit.users.erase(user_id)

    add_users(storage, make_user("S003", username="uid-S001"))

    with storage.unit() as unit:
        assert unit.users.by_username("uid-S001").user.user_id == "S003"
        assert unit.users.lock_active(Role.ADMIN) == []
