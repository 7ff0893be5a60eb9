"""API keys: what is one and what is not, how long, for what, and who may make one for whom."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from my_monit.errors import Conflict, Forbidden, NotFound, Unauthenticated
from my_monit.identity import api_keys
from my_monit.model import CONSOLE, Actor, Role, Selection
from my_monit.services.keys import MAX_KEYS
from my_monit.storage.memory import MemoryStorage
from tests.unit.by_hand import ADA, BEN, SAM, SUE, UMA, Clock, Services, actor, change, outcomes
from tests.unit.forged_keys import FORGED, Forger, b64


@pytest.fixture(name="clock")
def stopped_clock() -> Clock:
    return Clock()


@pytest.fixture(name="services")
def laboratory(clock: Clock) -> Services:
    """SAM is associated with experiment 1, SUE with 2."""
    services = Services(MemoryStorage(clock=clock))
    services.add_users(ADA, BEN, SAM, SUE, UMA)
    with services.storage.unit() as unit:
        for name, user in (("one", SAM), ("two", SUE)):
            unit.associations.add(unit.experiments.add(name).experiment_id, user.user_id, until=None)
    return services


def make(
    services: Services, who: Actor = actor(SAM), user_id: str = "S001", *,
    experiment_id: int | None = None, days: int = 90,
) -> str:
    return services.keys.create(who, user_id, label="on pc-17", experiment_id=experiment_id, days=days)[1]


def public_id(key: str) -> str:
    return key.split("_")[1]


def refused(services: Services, key: str) -> bool:
    """In the one way in which all of them are."""
    with pytest.raises(Unauthenticated) as refusal:
        services.keys.recognise(key)
    return str(refusal.value) == "the token is not valid"


# What is a key


def test_a_key_is_told_once_and_what_is_kept_cannot_be_used(services: Services) -> None:
    known, key = services.keys.create(actor(SAM), "S001", label="on pc-17", experiment_id=None, days=90)

    assert re.fullmatch(f"mmk_{known.key_id}_[0-9a-f]{{72}}", key)
    assert services.keys.recognise(key) == Actor("S001", Role.SCIENTIST, known)
    with services.storage.unit() as unit:
        stored = unit.keys.get(known.key_id)
    assert stored is not None and stored.digest == hashlib.sha256(key.encode()).digest()
    assert key[4 + 16 :] not in repr(stored) and "on pc-17" not in repr(stored)


def test_no_two_keys_are_alike() -> None:
    made = [api_keys.make() for _ in range(1000)]

    assert len({key_id for key_id, _ in made}) == len({text[-72:] for _, text in made}) == 1000


def test_the_digest_and_the_checksum_are_those_that_others_would_compute() -> None:
    text = "mmk_5d41402abc4b2a76_" + "0" * 64 + "2bc46307"

    assert api_keys.key_id_of(text) == "5d41402abc4b2a76"
    assert api_keys.digest(text).hex() == hashlib.new("sha256", text.encode("ascii")).hexdigest()


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_or_mangled_key_is_refused_in_the_same_words(
    services: Services, forge: Callable[[Forger], str]
) -> None:
    forger = Forger(make(services), public_id(make(services, actor(SUE), "S002")))
    before = services.audited()

    assert refused(services, forge(forger))
    assert services.audited() == before
    assert services.keys.recognise(forger.good).user_id == "S001"


@pytest.mark.parametrize("kind", ["no secret", "cut", "last digit of the checksum", "checksum of zeros"])
def test_what_has_not_the_form_of_a_key_costs_no_look_into_the_database(services: Services, kind: str) -> None:
    class Untouched(MemoryStorage):
        def unit(self) -> NoReturn:
            raise AssertionError

    forged = FORGED[kind](Forger(make(services), "0" * 16))

    assert refused(Services(Untouched()), forged)


def test_at_least_forty_kinds_were_tried() -> None:
    assert len(FORGED) >= 40


@given(header=st.dictionaries(st.text(), st.text()), blanks=st.sampled_from(["", " ", "\n", "\t", "\r\n"]))
def test_no_token_of_an_identity_provider_is_taken_for_a_key(header: dict[str, str], blanks: str) -> None:
    assert not api_keys.is_api_key(f"{b64(blanks + json.dumps(header))}.e30.AAAA")


# How long


def test_a_key_is_refused_from_the_moment_on_at_which_it_expires_and_that_is_audited(
    services: Services, clock: Clock
) -> None:
    key = make(services, days=1)
    clock.now += timedelta(days=1) - timedelta(microseconds=1)
    assert services.keys.recognise(key).user_id == "S001"

    clock.now += timedelta(microseconds=1)

    assert refused(services, key)
    row = services.audited()[-1]
    assert (*row[:4], row.key_id) == ("S001", "session.open", "user:S001", "denied", public_id(key))


def test_a_revoked_key_is_refused_at_once_and_the_others_are_not(services: Services) -> None:
    key, other = make(services), make(services)

    services.keys.revoke(actor(SAM), public_id(key), user_id="S001")

    assert refused(services, key)
    assert services.keys.recognise(other).user_id == "S001"
    assert [known.key_id for known in services.keys.of(actor(SAM), "S001")] == [public_id(other)]


def test_the_keys_of_an_inactive_user_are_refused_at_once_and_are_good_again_on_the_return(services: Services) -> None:
    key = make(services)

    change(services, actor(ADA), SAM, active=False)
    assert refused(services, key)
    assert outcomes(services)[-1] == ("S001", "session.open", "user:S001", "denied")
    assert services.audited()[-1].key_id == public_id(key)

    change(services, actor(ADA), SAM, active=True)
    assert services.keys.recognise(key).user_id == "S001"


def test_an_erased_user_has_no_keys_and_each_of_them_is_in_the_audit(services: Services) -> None:
    keys = [make(services), make(services)]
    before = len(services.audited())

    services.erasure.erase(actor(ADA), "S001", issued_at=0)

    assert all(refused(services, key) for key in keys)
    with services.storage.unit() as unit:
        assert unit.keys.of("S001") == []
    revoked = [("A001", "key.revoke", f"user:S001 key:{public_id(key)}", "success") for key in sorted(keys)]
    assert sorted(outcomes(services)[before:]) == sorted([
        ("A001", "association.end", "experiment:1 user:S001", "success"), *revoked,
        ("A001", "user.erase", "user:S001", "success"),
    ])


def test_a_key_that_were_left_of_an_erased_user_would_be_refused(services: Services) -> None:
    key = make(services)
    with services.storage.unit() as unit:
        unit.users.erase("S001")

    assert refused(services, key)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR])
def test_who_gets_another_role_loses_the_keys_that_were_made_for_the_old_one(services: Services, role: Role) -> None:
    key = make(services)

    change(services, actor(ADA), SAM, role=role)

    assert refused(services, key)
    assert ("A001", "key.revoke", f"user:S001 key:{public_id(key)}", "success") in outcomes(services)


def test_who_keeps_the_role_keeps_the_keys(services: Services) -> None:
    key = make(services)

    change(services, actor(ADA), SAM, name="New", username="uid-new", email="new@example.org", role=Role.SCIENTIST)

    assert services.keys.recognise(key).user_id == "S001"


# For what


def test_a_key_of_one_experiment_reads_that_and_nothing_else(services: Services) -> None:
    with services.storage.unit() as unit:
        unit.associations.add(2, "S001", until=None)
    program = services.keys.recognise(make(services, experiment_id=1))

    def read(experiment_id: int) -> object:
        return services.measures.page(program, experiment_id, Selection(), after=None, limit=9)

    assert read(1) and services.measures.series(program, 1)
    assert [(*row[1:4], row.key_id) for row in services.audited()[-2:]] == [
        ("measure.read", "experiment:1", "success", program.key.key_id),
        ("series.read", "experiment:1", "success", program.key.key_id),
    ]
    for deed in (
        lambda: read(2), lambda: read(3), lambda: services.measures.series(program, 2),
        lambda: services.experiments.get(program, 1), lambda: services.users.get(program, "S001"),
        lambda: services.measure_types.page(program, after=0, limit=9),
    ):
        with pytest.raises(Forbidden, match="your API key, or your role, does not allow this"):
            deed()
        assert (services.audited()[-1].outcome, services.audited()[-1].key_id) == ("denied", program.key.key_id)


def test_a_key_reads_less_when_its_user_may_read_less(services: Services) -> None:
    program = services.keys.recognise(make(services, experiment_id=1))

    services.experiments.dissociate(actor(ADA), 1, "S001", until=None)

    with pytest.raises(NotFound):
        services.measures.series(program, 1)


def test_no_key_makes_lists_or_revokes_keys(services: Services) -> None:
    key = make(services, actor(ADA), "A001")
    program = services.keys.recognise(key)

    for user_id in ("A001", "S001"):
        for deed in (
            lambda whose=user_id: services.keys.create(program, whose, label="l", experiment_id=None, days=1),
            lambda whose=user_id: services.keys.of(program, whose),
            lambda whose=user_id: services.keys.revoke(program, public_id(key), user_id=whose),
        ):
            with pytest.raises(Forbidden):
                deed()


# Who makes one for whom


@pytest.mark.parametrize(
    ("who", "user_id"), [(SAM, "S001"), (UMA, "U001"), (ADA, "A001"), (ADA, "S001"), (ADA, "A002")]
)
def test_people_make_keys_for_themselves_and_admins_for_everybody(services: Services, who, user_id: str) -> None:
    known, key = services.keys.create(actor(who), user_id, label="on pc-17", experiment_id=None, days=7)

    assert services.keys.recognise(key).user_id == user_id
    assert services.keys.of(actor(who), user_id) == [known]
    assert (known.created_by, known.label, known.expires - known.created) == (
        who.user_id, "on pc-17", timedelta(days=7)
    )
    assert outcomes(services)[0] == (who.user_id, "key.create", f"user:{user_id} key:{known.key_id}", "success")


def test_nobody_else_makes_lists_or_revokes_them(services: Services) -> None:
    key = make(services)

    for deed in (
        lambda: make(services, actor(SUE), "S001"), lambda: services.keys.of(actor(SUE), "S001"),
        lambda: services.keys.revoke(actor(SUE), public_id(key), user_id="S001"),
    ):
        with pytest.raises(Forbidden):
            deed()
    with pytest.raises(NotFound):
        services.keys.revoke(actor(SUE), public_id(key), user_id="S002")
    assert services.keys.recognise(key).user_id == "S001"


def test_a_user_that_there_is_not_has_no_keys_and_gets_none(services: Services) -> None:
    for deed in (
        lambda: make(services, CONSOLE, "S404"), lambda: services.keys.of(CONSOLE, "S404"),
        lambda: services.keys.revoke(CONSOLE, "0" * 16, user_id="S404"),
    ):
        with pytest.raises(NotFound):
            deed()


@pytest.mark.parametrize(("who", "user_id"), [(SAM, "S001"), (ADA, "S001"), (ADA, "A001")])
@pytest.mark.parametrize("experiment_id", [2, 404])
def test_a_key_is_for_an_experiment_of_its_user_and_whether_there_are_others_is_not_told(
    services: Services, who, user_id: str, experiment_id: int
) -> None:
    with pytest.raises(Conflict, match="^the user is not associated with such an experiment$"):
        make(services, actor(who), user_id, experiment_id=experiment_id)
    assert services.keys.of(actor(ADA), user_id) == []


def test_a_user_has_a_hundred_keys_at_most(services: Services) -> None:
    keys = [make(services) for _ in range(MAX_KEYS)]

    with pytest.raises(Conflict, match="revoke some first"):
        make(services, actor(ADA))

    services.keys.revoke(actor(SAM), public_id(keys[0]), user_id="S001")
    assert make(services)
