from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from my_monit.errors import Conflict, Unauthenticated
from my_monit.identity.local import LocalIdentity
from my_monit.identity.sign_in import SignIn
from my_monit.services.sessions import SessionService
from tests.unit.by_hand import SAM, Services, person


class ByPassword:
    """Everybody's password is "right", and the e-mail address is the username."""

    def __init__(self, identity: LocalIdentity) -> None:
        self._identity = identity

    def token(self, email: str, password: SecretStr) -> str:
        if password.get_secret_value() != "right":
            raise Unauthenticated("wrong")
        return self._identity.mint(email, lifetime=timedelta(hours=1))


class ByCode:
    """Everything that was kept is a username."""

    def __init__(self, identity: LocalIdentity) -> None:
        self._identity = identity

    def begin(self, page: str) -> tuple[str, str]:
        return f"https://issuer.example/?{page}", SAM.username

    def finish(self, kept: str, *, state: str, code: str) -> str:
        if (state, code) != ("state", "code"):
            raise Unauthenticated("wrong")
        return self._identity.mint(kept, lifetime=timedelta(hours=1))


@pytest.fixture(name="identity")
def local_identity(tmp_path: Path) -> LocalIdentity:
    return LocalIdentity(tmp_path / "key.pem", issuer="mymonit", audience="mymonit")


def sessions_of(services: Services, identity: LocalIdentity, sign_in: SignIn) -> SessionService:
    services.add_users(SAM, person("S009", SAM.role, active=False))
    return SessionService(services.audit, services.users, identity, sign_in)


@pytest.fixture(name="sessions")
def sessions_by_password(services: Services, identity: LocalIdentity) -> SessionService:
    return sessions_of(services, identity, SignIn("firebase", by_password=ByPassword(identity)))


@pytest.fixture(name="code_sessions")
def sessions_by_code(services: Services, identity: LocalIdentity) -> SessionService:
    return sessions_of(services, identity, SignIn("oidc", by_code=ByCode(identity)))


RIGHT = SecretStr("right")


def test_signing_in_gives_a_token_and_is_in_the_audit(
    sessions: SessionService, identity: LocalIdentity, services: Services
) -> None:
    token = sessions.by_password(SAM.username, RIGHT)

    assert identity.verify(token).username == SAM.username
    assert [row[:4] for row in services.audited()] == [("S001", "session.open", "user:S001", "success")]


def test_signing_in_with_a_code_is_the_same(
    code_sessions: SessionService, identity: LocalIdentity, services: Services
) -> None:
    location, kept = code_sessions.begin("https://here.example")
    token = code_sessions.finish(kept, state="state", code="code")

    assert location == "https://issuer.example/?https://here.example"
    assert identity.verify(token).username == SAM.username
    assert [row[:4] for row in services.audited()] == [("S001", "session.open", "user:S001", "success")]


def test_an_inactive_user_does_not_get_in_and_that_is_in_the_audit(
    sessions: SessionService, services: Services
) -> None:
    with pytest.raises(Unauthenticated):
        sessions.by_password("uid-S009", RIGHT)

    assert [row[:4] for row in services.audited()] == [("S009", "session.open", "user:S009", "denied")]


def test_whom_only_the_provider_knows_does_not_get_in(sessions: SessionService, services: Services) -> None:
    with pytest.raises(Unauthenticated):
        sessions.by_password("uid-of-nobody", RIGHT)

    assert not services.audited()


def test_a_wrong_password_leaves_nothing_in_the_audit(sessions: SessionService, services: Services) -> None:
    with pytest.raises(Unauthenticated):
        sessions.by_password(SAM.username, SecretStr("wrong"))

    assert not services.audited()


def test_where_there_is_no_such_way_nobody_takes_it(
    sessions: SessionService, services: Services, identity: LocalIdentity
) -> None:
    none = SessionService(services.audit, services.users, identity, SignIn("local"))

    assert none.ways() == {"provider": "local", "way": None}
    assert sessions.ways() == {"provider": "firebase", "way": "password"}
    for service in (none, sessions):
        with pytest.raises(Conflict):
            service.begin("https://here.example")
        with pytest.raises(Conflict):
            service.finish("", state="", code="")
    with pytest.raises(Conflict):
        none.by_password(SAM.username, RIGHT)
