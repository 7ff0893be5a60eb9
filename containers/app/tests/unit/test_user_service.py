"""Who a caller is, what becomes of users, and their tokens; who may do what is in test_rights.py."""

from datetime import timedelta

import pytest

from my_monit.errors import ConfigurationError, Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from my_monit.model import CONSOLE, Actor, Role, User
from my_monit.services.tokens import TokenService
from tests.unit.by_hand import ADA, BEN, SAM, SUE, UMA, actor, change, outcomes, person, shown


def stored(services, user_id):
    with services.storage.unit() as unit:
        return unit.users.get(user_id)


# Who is calling


@pytest.mark.parametrize("user", [ADA, SAM, UMA], ids=lambda user: user.role.value)
def test_the_caller_is_the_active_user_of_the_token_s_username(services, user):
    services.add_users(ADA, SAM, UMA)

    assert services.users.recognise(shown(user.username)) == Actor(user.user_id, user.role)
    assert services.audited() == []


@pytest.mark.parametrize("username", ["", "S001", "uid-s001", "UID-S001", "uid-S001 ", "name of S001"])
def test_who_has_no_such_username_is_nobody(services, username):
    services.add_users(SAM)

    with pytest.raises(Unauthenticated):
        services.users.recognise(shown(username))

    assert services.audited() == []


def test_an_inactive_user_is_nobody_and_the_attempt_is_audited(services):
    services.add_users(person("S009", Role.SCIENTIST, active=False))

    with pytest.raises(Unauthenticated):
        services.users.recognise(shown("uid-S009"))

    assert outcomes(services) == [("S009", "session.open", "user:S009", "denied")]


def test_a_role_counts_from_the_moment_that_it_is_given_a5(services):
    services.add_users(ADA, SAM)

    change(services, actor(ADA), SAM, role=Role.AUDITOR)
    assert services.users.recognise(shown(SAM.username)).role is Role.AUDITOR

    change(services, actor(ADA), SAM, active=False)
    with pytest.raises(Unauthenticated):
        services.users.recognise(shown(SAM.username))


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


# Tokens


def test_a_token_speaks_for_the_user_that_it_was_made_for(services, identity):
    services.add_users(SAM)

    token = TokenService(services.audit, identity).mint(CONSOLE, "S001", lifetime=timedelta(hours=1))

    assert services.users.recognise(identity.verify(token)) == actor(SAM)
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
