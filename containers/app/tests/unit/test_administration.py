"""People who leave, change their role or ask why: erasure, associations that end with them, and access explained."""

import time
from datetime import timedelta

import pytest

from my_monit.errors import Conflict, Forbidden, IdentityUnavailable, NotFound, Stale, Unauthenticated
from my_monit.model import Role, User
from my_monit.services.access import Check
from my_monit.storage.memory import MemoryStorage
from tests.unit.by_hand import ADA, BEN, SAM, SUE, UMA, Clock, Services, actor, change, outcomes, person, shown

OLD = 0
SECOND = timedelta(seconds=1)


def now():
    return int(time.time())


@pytest.fixture(name="clock")
def stopped_clock():
    return Clock()


@pytest.fixture(name="services")
def furnished(clock):
    """SAM is associated with experiments 1 and 3, SUE with 2."""
    services = Services(MemoryStorage(clock=clock))
    services.add_users(ADA, BEN, SAM, SUE, UMA)
    with services.storage.unit() as unit:
        for name in ("one", "two", "three"):
            unit.experiments.add(name)
        for experiment_id, user in ((1, SAM), (2, SUE), (3, SAM)):
            unit.associations.add(experiment_id, user.user_id, until=None)
    return services


def heir():
    """Who is given the username that was SAM's."""
    return User("S007", name="New", username=SAM.username, email="new@example.org", role=Role.ADMIN)


#: How SAM's username becomes free.
FREED = {
    "erased": lambda services: services.erasure.erase(actor(ADA), "S001", issued_at=OLD),
    "renamed": lambda services: change(services, actor(ADA), SAM, username="other"),
}


def associated(services, user):
    with services.storage.unit() as unit:
        return [one.experiment_id for one in unit.associations.current() if one.user_id == user.user_id]


def test_an_erased_user_is_nobody_here_and_at_the_identity_provider(services):
    services.erasure.erase(actor(ADA), "S001", issued_at=OLD)

    assert services.accounts.deleted == [SAM.username]
    with pytest.raises(Unauthenticated):
        services.users.recognise(shown(SAM.username))
    with pytest.raises(NotFound):
        services.users.get(actor(ADA), "S001")
    assert [user.user_id for user in services.users.page(actor(ADA), after="", limit=9)] == [
        "A001", "A002", "S002", "U001"
    ]
    with pytest.raises(NotFound):
        services.erasure.erase(actor(ADA), "S001", issued_at=OLD)


def test_an_erasure_ends_every_association_and_all_of_it_is_in_the_audit_by_staff_id(services):
    services.erasure.erase(actor(ADA), "S001", issued_at=OLD)

    assert associated(services, SAM) == []
    assert outcomes(services) == [
        ("A001", "association.end", "experiment:1 user:S001", "success"),
        ("A001", "association.end", "experiment:3 user:S001", "success"),
        ("A001", "user.erase", "user:S001", "success"),
    ]


def test_the_staff_id_of_an_erased_user_is_given_to_nobody_and_the_username_may_be(services):
    services.erasure.erase(actor(ADA), "S001", issued_at=OLD)

    with pytest.raises(Conflict):
        services.users.add(actor(ADA), person("S001", Role.SCIENTIST))
    again = heir()
    assert services.users.add(actor(ADA), again) == again
    assert services.users.recognise(shown(SAM.username)).user_id == "S007"


@pytest.mark.parametrize("freed", FREED)
def test_a_token_stays_behind_when_the_username_is_given_to_another(services, clock, freed):
    token = shown(SAM.username, clock.now)
    assert services.users.recognise(token) == actor(SAM)
    FREED[freed](services)
    with pytest.raises(Unauthenticated) as of_nobody:
        services.users.recognise(token)

    clock.now += SECOND
    services.users.add(actor(ADA), heir())

    with pytest.raises(Unauthenticated) as of_another:
        services.users.recognise(token)
    assert str(of_nobody.value) == str(of_another.value) == "the token is not that of an active user"
    assert services.users.recognise(shown(SAM.username, clock.now)) == actor(heir())
    assert "session.open" not in {row.verb for row in services.audited()}


def test_a_username_that_another_had_is_a_new_one(services, clock):
    token = shown(SUE.username, clock.now)
    services.erasure.erase(actor(ADA), "S002", issued_at=OLD)

    clock.now += SECOND
    change(services, actor(ADA), SAM, username=SUE.username)

    with pytest.raises(Unauthenticated):
        services.users.recognise(token)
    assert services.users.recognise(shown(SUE.username, clock.now)) == actor(SAM)


def test_who_gets_a_former_username_back_needs_a_new_token(services, clock):
    token = shown(SAM.username, clock.now)
    change(services, actor(ADA), SAM, username="other")

    clock.now += SECOND
    change(services, actor(ADA), SAM)

    with pytest.raises(Unauthenticated):
        services.users.recognise(token)
    assert services.users.recognise(shown(SAM.username, clock.now)) == actor(SAM)


def test_a_token_outlives_every_change_but_that_of_the_username(services, clock):
    token = shown(SAM.username, clock.now)

    clock.now += SECOND
    for changes in ({"name": "N"}, {"email": "e@x"}, {"active": False}, {"active": True}, {"role": Role.ADMIN}):
        change(services, actor(ADA), SAM, **changes)

    assert services.users.recognise(token).role is Role.ADMIN


def test_a_token_of_the_very_second_counts_and_one_of_the_second_before_does_not(services, clock):
    clock.now += SECOND - timedelta(microseconds=1)
    services.users.add(actor(ADA), person("S007", Role.SCIENTIST))
    begun = clock.now.replace(microsecond=0)

    assert services.users.recognise(shown("uid-S007", begun)).user_id == "S007"
    with pytest.raises(Unauthenticated):
        services.users.recognise(shown("uid-S007", begun - SECOND))


def test_an_old_token_is_not_held_against_an_inactive_user_who_has_the_username_now(services, clock):
    token = shown(SAM.username, clock.now)
    services.erasure.erase(actor(ADA), "S001", issued_at=OLD)
    clock.now += SECOND
    services.users.add(actor(ADA), heir())
    change(services, actor(ADA), heir(), active=False)

    with pytest.raises(Unauthenticated):
        services.users.recognise(token)

    assert "session.open" not in {row.verb for row in services.audited()}


@pytest.mark.parametrize("user", [BEN, SAM, UMA], ids=lambda user: user.role.value)
def test_people_erase_themselves_with_a_fresh_token_and_not_with_an_old_one(services, user):
    with pytest.raises(Forbidden, match="sign in again"):
        services.erasure.erase(actor(user), user.user_id, issued_at=now() - 310)
    assert services.users.get(actor(ADA), user.user_id) == user

    services.erasure.erase(actor(user), user.user_id, issued_at=now() - 290)

    with pytest.raises(Unauthenticated):
        services.users.recognise(shown(user.username))


def test_nobody_but_an_admin_erases_others(services):
    with pytest.raises(Forbidden):
        services.erasure.erase(actor(SAM), "S002", issued_at=now())
    assert outcomes(services) == [("S001", "user.erase", "user:S002", "denied")]


def test_the_last_active_admin_cannot_be_erased(services):
    services.erasure.erase(actor(ADA), "A002", issued_at=OLD)

    with pytest.raises(Conflict, match="last active ADMIN"):
        services.erasure.erase(actor(ADA), "A001", issued_at=now())

    assert services.users.recognise(shown(ADA.username)) == actor(ADA)


def test_without_an_answer_of_the_identity_provider_nobody_is_erased_and_it_can_be_tried_again(services):
    services.accounts.away = True
    with pytest.raises(IdentityUnavailable):
        services.erasure.erase(actor(ADA), "S001", issued_at=OLD)
    assert services.users.recognise(shown(SAM.username)) == actor(SAM)
    assert associated(services, SAM) == [1, 3]

    services.accounts.away = False
    services.erasure.erase(actor(ADA), "S001", issued_at=OLD)

    assert services.accounts.deleted == [SAM.username]


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR])
def test_who_stops_being_a_scientist_loses_the_associations_for_good(services, role):
    change(services, actor(ADA), SAM, role=role)

    assert associated(services, SAM) == []
    assert outcomes(services)[:2] == [
        ("A001", "association.end", "experiment:1 user:S001", "success"),
        ("A001", "association.end", "experiment:3 user:S001", "success"),
    ]
    change(services, actor(ADA), SAM, role=Role.SCIENTIST)
    assert associated(services, SAM) == []


def test_who_is_set_inactive_keeps_the_associations_for_the_return(services):
    change(services, actor(ADA), SAM, active=False)

    assert associated(services, SAM) == [1, 3]


def test_a_change_happens_only_to_the_version_that_was_seen(services):
    seen = services.users.get(actor(ADA), "S001").version
    changed = change(services, actor(ADA), SAM, name="New", expected=[seen])
    assert changed.version != seen

    for attempt in (
        lambda: change(services, actor(ADA), SAM, name="Newer", expected=[seen]),
        lambda: services.erasure.erase(actor(ADA), "S001", issued_at=OLD, expected=[seen]),
        lambda: services.experiments.rename(actor(ADA), 1, "uno", expected=["other"]),
        lambda: services.experiments.dissociate(actor(ADA), 1, "S001", until=None, expected=["other"]),
    ):
        with pytest.raises(Stale):
            attempt()

    assert services.users.get(actor(ADA), "S001") == changed
    assert services.experiments.get(actor(SAM), 1).name == "one"
    assert {row.outcome for row in services.audited() if row.verb.endswith((".erase", ".end"))} == {"refused"}


def test_every_field_of_a_record_is_part_of_its_version(services):
    versions = {services.users.get(actor(ADA), "S001").version}
    for changes in ({"name": "N"}, {"username": "u"}, {"email": "e@x"}, {"active": False}, {"role": Role.AUDITOR}):
        versions.add(change(services, actor(ADA), SAM, **changes).version)

    assert len(versions) == 6


class TestAccess:
    def findings(self, services, user_id, experiment_id):
        access = services.access.explain(actor(ADA), user_id, experiment_id)
        assert access.allowed == all(finding.holds for finding in access.findings)
        return {finding.check: finding.holds for finding in access.findings}

    def test_everything_holds_for_who_may_read(self, services):
        assert self.findings(services, "S001", 1) == dict.fromkeys(Check, True)

    def test_each_thing_that_does_not_hold_is_told(self, services):
        change(services, actor(ADA), SUE, active=False)

        assert self.findings(services, "S002", 1) == {
            Check.USER: True, Check.ACTIVE: False, Check.ROLE: True, Check.ASSOCIATION: False
        }
        assert self.findings(services, "A002", 1)[Check.ROLE] is False

    def test_an_association_is_told_with_its_times_while_it_lasts_and_when_it_is_over(self, services, clock):
        begun, end = clock.now, clock.now + timedelta(hours=1)
        services.experiments.dissociate(actor(ADA), 1, "S001", until=end)
        for moment, holds in ((begun, True), (end, False)):
            clock.now = moment
            finding = services.access.explain(actor(ADA), "S001", 1).findings[-1]
            assert (finding.holds, finding.since, finding.until) == (holds, begun, end)

        never = services.access.explain(actor(ADA), "S001", 2).findings[-1]
        assert (never.holds, never.since) == (False, None)

    def test_an_erased_user_was_there_and_one_who_never_was_is_not_found(self, services, clock):
        services.erasure.erase(actor(ADA), "S001", issued_at=OLD)

        access = services.access.explain(actor(ADA), "S001", 1)

        assert [(one.check, one.holds, one.since) for one in access.findings][0] == (Check.USER, False, clock.now)
        assert not access.allowed
        for user_id, experiment_id in (("S999", 1), ("S001", 4)):
            with pytest.raises(NotFound):
                services.access.explain(actor(ADA), user_id, experiment_id)

    def test_the_history_of_associations_outlives_them_and_the_user(self, services):
        services.experiments.dissociate(actor(ADA), 1, "S001", until=None)
        services.experiments.associate(actor(ADA), 1, "S001", until=None)
        services.erasure.erase(actor(ADA), "S001", issued_at=OLD)

        history = services.access.history(actor(ADA), "S001", after=0, limit=9)

        assert [one.experiment_id for one in history] == [1, 3, 1]
        assert all(one.until for one in history)
        assert services.access.history(actor(ADA), "S001", after=history[1].association_id, limit=9) == history[2:]
        with pytest.raises(NotFound):
            services.access.history(actor(ADA), "S999", after=0, limit=9)
