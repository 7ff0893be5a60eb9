"""What users, experiments, associations, tokens and the demonstration mean; who may do it is in test_rights.py."""

from datetime import UTC, datetime, timedelta

import pytest

from my_monit.errors import ConfigurationError, Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from my_monit.identity.local import LocalIdentity
from my_monit.model import CONSOLE, Actor, Experiment, Quarantined, QuarantineSelection, Reason, Role, Selection, User
from my_monit.rest.formats import json_layout
from my_monit.services.demonstration import Demonstration
from my_monit.services.ingestion import IngestionService
from my_monit.services.tokens import TokenService
from my_monit.storage.memory import MemoryStorage
from tests.unit.by_hand import ADA, BEN, SAM, SUE, UMA, Services, actor, person


def outcomes(services):
    return [(row.actor, row.verb, row.object, row.outcome) for row in services.audited()]


def change(services, who, whom, **changes):
    record = {"name": whom.name, "username": whom.username, "email": whom.email, "role": None, "active": None}
    return services.users.change(who, whom.user_id, **{**record, **changes})


def stored(services, user_id):
    with services.storage.unit() as unit:
        return unit.users.get(user_id)


# Who is calling


@pytest.mark.parametrize("user", [ADA, SAM, UMA], ids=lambda user: user.role.value)
def test_the_caller_is_the_active_user_of_the_token_s_username(services, user):
    services.add_users(ADA, SAM, UMA)

    assert services.users.recognise(user.username) == Actor(user.user_id, user.role)
    assert services.audited() == []


@pytest.mark.parametrize("username", ["", "S001", "uid-s001", "UID-S001", "uid-S001 ", "name of S001"])
def test_who_has_no_such_username_is_nobody(services, username):
    services.add_users(SAM)

    with pytest.raises(Unauthenticated):
        services.users.recognise(username)

    assert services.audited() == []


def test_an_inactive_user_is_nobody_and_the_attempt_is_audited(services):
    services.add_users(person("S009", Role.SCIENTIST, active=False))

    with pytest.raises(Unauthenticated):
        services.users.recognise("uid-S009")

    assert outcomes(services) == [("S009", "session.open", "user:S009", "denied")]


def test_a_role_counts_from_the_moment_that_it_is_given_a5(services):
    services.add_users(ADA, SAM)

    change(services, actor(ADA), SAM, role=Role.AUDITOR)
    assert services.users.recognise(SAM.username).role is Role.AUDITOR

    change(services, actor(ADA), SAM, active=False)
    with pytest.raises(Unauthenticated):
        services.users.recognise(SAM.username)


# Users


def test_users_are_listed_by_id_page_by_page(services):
    services.add_users(UMA, SAM, ADA)

    assert services.users.page(actor(ADA), after="", limit=2) == [ADA, SAM]
    assert services.users.page(actor(ADA), after="S001", limit=2) == [UMA]


def test_a_user_who_is_not_there_is_not_found(services):
    services.add_users(ADA)

    with pytest.raises(NotFound):
        services.users.get(actor(ADA), "S404")
    with pytest.raises(NotFound):
        change(services, actor(ADA), person("S404", Role.SCIENTIST))

    assert outcomes(services) == [
        ("A001", "user.read", "user:S404", "not_found"), ("A001", "user.change", "user:S404", "not_found")
    ]


def test_an_id_and_a_username_are_given_once(services):
    services.add_users(ADA, SAM)
    same_id = User("S001", name="N", username="other", email="e@example.org", role=Role.ADMIN)
    same_username = User("S009", name="N", username=SAM.username, email="e@example.org", role=Role.ADMIN)

    for taken in (same_id, same_username):
        with pytest.raises(Conflict):
            services.users.add(actor(ADA), taken)

    assert (stored(services, "S001"), stored(services, "S009")) == (SAM, None)
    assert outcomes(services) == [("A001", "user.create", f"user:{number}", "refused") for number in ("S001", "S009")]


def test_an_admin_changes_everything_but_the_id_of_others(services):
    services.add_users(ADA, SAM)

    changed = change(
        services, actor(ADA), SAM, name="N", username="u", email="e@example.org", role=Role.AUDITOR, active=False
    )

    assert stored(services, "S001") == changed
    assert (changed.user_id, changed.name, changed.username, changed.email, changed.role, changed.active) == (
        "S001", "N", "u", "e@example.org", Role.AUDITOR, False
    )


def test_role_and_activity_stay_as_they_are_unless_told_otherwise(services):
    off = person("U009", Role.AUDITOR, active=False)
    services.add_users(ADA, off)

    changed = change(services, actor(ADA), off, name="N")

    assert (changed.role, changed.active) == (Role.AUDITOR, False)


def test_a_username_that_is_taken_is_refused(services):
    services.add_users(ADA, SAM, SUE)

    with pytest.raises(Conflict):
        change(services, actor(ADA), SUE, username=SAM.username)

    assert stored(services, "S002") == SUE
    assert outcomes(services) == [("A001", "user.change", "user:S002", "refused")]


@pytest.mark.parametrize("user", [ADA, SAM, UMA], ids=lambda user: user.role.value)
@pytest.mark.parametrize("field", ["username", "role", "active"])
def test_nobody_changes_their_own_authority_a8(services, user, field):
    services.add_users(ADA, BEN, SAM, UMA)
    other_role = Role.SCIENTIST if user.role is Role.ADMIN else Role.ADMIN
    changes = {"username": "other", "role": other_role, "active": False}

    with pytest.raises(Forbidden):
        change(services, actor(user), user, **{field: changes[field]})

    assert stored(services, user.user_id) == user
    assert outcomes(services) == [(user.user_id, "user.change", f"user:{user.user_id}", "denied")]


def test_one_s_own_authority_may_be_repeated(services):
    services.add_users(SAM)

    assert change(services, actor(SAM), SAM, role=Role.SCIENTIST, active=True, name="N").name == "N"


@pytest.mark.parametrize("changes", [{"role": Role.SCIENTIST}, {"active": False}], ids=["role", "active"])
@pytest.mark.parametrize("who", [CONSOLE, actor(ADA)], ids=["console", "self"])
def test_the_last_active_admin_cannot_be_lost(services, who, changes):
    services.add_users(ADA, person("A009", Role.ADMIN, active=False), SAM)

    with pytest.raises(Conflict):
        change(services, who, ADA, **changes)

    assert stored(services, "A001") == ADA
    assert outcomes(services) == [(who.user_id, "user.change", "user:A001", "refused")]


def test_the_last_active_admin_can_still_get_another_name(services):
    services.add_users(ADA)

    assert change(services, CONSOLE, ADA, username="new", role=Role.ADMIN, active=True).username == "new"


def test_an_admin_who_is_not_the_last_one_can_go(services):
    services.add_users(ADA, BEN)

    assert not change(services, actor(ADA), BEN, active=False).active
    with pytest.raises(Conflict):
        change(services, CONSOLE, ADA, active=False)


# Experiments and associations


@pytest.fixture
def experiments(services):
    """Experiments 1 (SAM), 2 (SUE) and 3 (nobody)."""
    services.add_users(ADA, SAM, SUE, UMA)
    with services.storage.unit() as unit:
        for name in ("one", "two", "three"):
            unit.experiments.add(name)
        unit.associations.add(1, SAM.user_id, until=None)
        unit.associations.add(2, SUE.user_id, until=None)
    return services.experiments


def test_an_admin_sees_all_experiments_and_a_scientist_the_associated_ones(experiments):
    def names(who):
        return [one.name for one in experiments.page(actor(who), after=0, limit=9)]

    assert names(ADA) == ["one", "two", "three"]
    assert (names(SAM), names(SUE)) == (["one"], ["two"])
    assert experiments.get(actor(SAM), 1) == Experiment(1, "one")
    assert experiments.get(actor(ADA), 3) == Experiment(3, "three")


def test_an_experiment_of_others_answers_like_one_that_does_not_exist_a9(services, experiments):
    refusals = []
    for experiment_id in (2, 404):
        with pytest.raises(NotFound) as refusal:
            experiments.get(actor(SAM), experiment_id)
        refusals.append(str(refusal.value))

    assert refusals[0] == refusals[1]
    assert outcomes(services) == [
        ("S001", "experiment.read", f"experiment:{number}", "not_found") for number in (2, 404)
    ]


def test_a_renamed_experiment_keeps_its_number_and_its_former_name(services, experiments):
    assert experiments.rename(actor(ADA), 1, "uno") == Experiment(1, "uno")

    assert experiments.get(actor(SAM), 1).name == "uno"
    with services.storage.unit() as unit:
        assert unit.experiments.ids_by_name(["one", "uno"]) == {"one": 1, "uno": 1}


def test_a_name_that_is_taken_or_was_is_refused(services, experiments):
    experiments.rename(actor(ADA), 1, "uno")

    for name in ("one", "uno"):
        with pytest.raises(Conflict):
            experiments.add(actor(ADA), name)
        with pytest.raises(Conflict):
            experiments.rename(actor(ADA), 2, name)

    assert [row[-1] for row in outcomes(services)[1:]] == ["refused"] * 4


def test_what_does_not_exist_can_be_neither_renamed_nor_associated(experiments):
    with pytest.raises(NotFound):
        experiments.rename(actor(ADA), 404, "new")
    with pytest.raises(NotFound):
        experiments.associate(actor(ADA), 404, SAM.user_id, until=None)
    with pytest.raises(NotFound):
        experiments.associate(actor(ADA), 1, "S404", until=None)


@pytest.mark.parametrize("user", [ADA, UMA], ids=lambda user: user.role.value)
def test_only_a_scientist_can_be_associated(services, experiments, user):
    with pytest.raises(Conflict):
        experiments.associate(actor(ADA), 1, user.user_id, until=None)

    assert outcomes(services) == [("A001", "association.create", f"experiment:1 user:{user.user_id}", "refused")]


def test_an_association_is_made_listed_and_ended(experiments):
    experiments.associate(actor(ADA), 3, SAM.user_id, until=None)
    with pytest.raises(Conflict):
        experiments.associate(actor(ADA), 3, SAM.user_id, until=None)
    assert [(one.experiment_id, one.user_id) for one in experiments.associations(actor(ADA), after=0, limit=9)] == [
        (1, "S001"), (2, "S002"), (3, "S001")
    ]

    experiments.dissociate(actor(ADA), 3, SAM.user_id, until=None)

    with pytest.raises(NotFound):
        experiments.get(actor(SAM), 3)
    with pytest.raises(NotFound):
        experiments.dissociate(actor(ADA), 3, SAM.user_id, until=None)


class Clock:
    """The database's clock, in the hands of a test."""

    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.now


def test_an_association_ends_by_itself_when_its_time_has_come():
    clock = Clock()
    services = Services(MemoryStorage(clock=clock))
    services.add_users(ADA, SAM)
    services.experiments.add(actor(ADA), "one")
    end = clock.now + timedelta(hours=2)

    services.experiments.associate(actor(ADA), 1, SAM.user_id, until=None)
    services.experiments.dissociate(actor(ADA), 1, SAM.user_id, until=end)
    clock.now = end - timedelta(microseconds=1)
    assert services.experiments.get(actor(SAM), 1).name == "one"

    clock.now = end
    with pytest.raises(NotFound):
        services.experiments.get(actor(SAM), 1)
    assert services.experiments.associations(actor(ADA), after=0, limit=9) == []


# Measure types and the quarantine


def test_a_measure_type_is_added_and_listed_once(services):
    added = services.measure_types.add(actor(ADA), name="bar", symbol="bar", quantity="pressure")

    assert services.measure_types.page(actor(SAM), after=30, limit=9) == [added]
    with pytest.raises(Conflict):
        services.measure_types.add(actor(ADA), name="bar", symbol="b", quantity="p")
    assert outcomes(services)[-1] == ("A001", "measure_type.create", "measure_type", "refused")


def test_the_quarantine_shows_its_items_and_each_with_its_bytes(services):
    items = [
        Quarantined(reason, b"p", "measures", b"id", 3, None, "{}", b"\x00\xff")
        for reason in (Reason.BAD_JSON, Reason.DUP_KEY)
    ]
    with services.storage.unit() as unit:
        unit.quarantine.add(items)

    assert [one.reason for one in services.quarantine.page(actor(ADA), after=0, limit=9)] == ["bad_json", "dup_key"]
    [record] = services.quarantine.page(actor(ADA), after=0, limit=9, selection=QuarantineSelection(reason=Reason.DUP_KEY))
    assert services.quarantine.show(actor(ADA), record.quarantine_id) == (record, items[1])
    with pytest.raises(NotFound):
        services.quarantine.show(actor(ADA), 404)
    assert outcomes(services)[-1] == ("A001", "quarantine.read", "quarantine:404", "not_found")


# Tokens


@pytest.fixture
def identity(tmp_path):
    return LocalIdentity(tmp_path / "key.pem", issuer="mymonit", audience="mymonit")


def test_a_token_speaks_for_the_user_that_it_was_made_for(services, identity):
    services.add_users(SAM)

    token = TokenService(services.audit, identity).mint(CONSOLE, "S001", lifetime=timedelta(hours=1))

    assert services.users.recognise(identity.verify(token).username) == actor(SAM)
    assert outcomes(services) == [("@console", "token.mint", "user:S001", "success")]
    assert token not in repr(services.audited())


@pytest.mark.parametrize("user_id", ["S404", "S009"], ids=["unknown", "inactive"])
def test_there_is_no_token_for_who_is_not_an_active_user(services, identity, user_id):
    services.add_users(person("S009", Role.SCIENTIST, active=False))

    with pytest.raises(NotFound):
        TokenService(services.audit, identity).mint(CONSOLE, user_id, lifetime=timedelta(hours=1))

    assert outcomes(services) == [("@console", "token.mint", f"user:{user_id}", "not_found")]


def test_a_token_that_would_live_too_long_is_refused(services, identity):
    services.add_users(SAM)

    with pytest.raises(Invalid):
        TokenService(services.audit, identity).mint(CONSOLE, "S001", lifetime=timedelta(hours=25))

    assert outcomes(services) == [("@console", "token.mint", "user:S001", "refused")]


def test_tokens_are_not_ours_to_make_when_another_provider_makes_them(services):
    class Elsewhere:
        def verify(self, token):
            raise Unauthenticated

    services.add_users(SAM)

    with pytest.raises(ConfigurationError, match="IDENTITY is not local"):
        TokenService(services.audit, Elsewhere()).mint(CONSOLE, "S001", lifetime=timedelta(hours=1))


# Demonstration


@pytest.fixture
def demonstration(services):
    ingestion = IngestionService(services.storage, routing="measures", max_future=86_400)
    return Demonstration(services.audit, ingestion, "measures")


def everything(services):
    with services.storage.unit() as unit:
        return (
            unit.users.page(after="", limit=99), unit.experiments.page(after=0, limit=99, visible_to=None),
            [(one.experiment_id, one.user_id) for one in unit.associations.current()],
            [unit.series.extents(1, visible_to="S001"), unit.series.extents(2, visible_to="S002")],
            unit.quarantine.page(after=0, limit=99),
        )


def test_the_demonstration_has_four_users_and_two_experiments_with_measures_of_the_past(services, demonstration):
    demonstration.load(CONSOLE)

    users, experiments, associations, extents, quarantined = everything(services)
    assert {user.user_id: user.role.value for user in users} == {
        "A001": "ADMIN", "S001": "SCIENTIST", "S002": "SCIENTIST", "U001": "AUDITOR"
    }
    assert [one.name for one in experiments] == ["device-vibrations", "black-holes"]
    assert associations == [(1, "S001"), (2, "S002")]
    assert [[extent.measures for extent in each] for each in extents] == [[100], [100]]
    assert all(extent.last < datetime.now(UTC).timestamp() * 1e9 for each in extents for extent in each)
    assert quarantined == []
    assert outcomes(services) == [("@console", "demonstration.load", "demonstration", "success")]


def test_loading_the_demonstration_again_changes_nothing(services, demonstration):
    demonstration.load(CONSOLE)
    change(services, CONSOLE, person("S001", Role.SCIENTIST), name="Changed")
    services.experiments.rename(CONSOLE, 1, "renamed")
    before = everything(services)

    demonstration.load(CONSOLE)
    fresh = IngestionService(services.storage, routing="measures", max_future=86_400)
    Demonstration(services.audit, fresh, "measures").load(CONSOLE)

    assert everything(services) == before


def test_the_demonstration_s_scientists_read_their_own_measures_only(services, demonstration):
    demonstration.load(CONSOLE)

    sam = actor(SAM)
    assert services.measures.page(sam, 1, Selection(), json_layout, after=None, limit=999).measures == 100
    with pytest.raises(NotFound):
        services.measures.page(sam, 2, Selection(), json_layout, after=None, limit=999)
