"""Signing in on the page. Whoever succeeds holds a token and is in the audit; nothing is kept here of a session."""

from pydantic import SecretStr

from my_monit.errors import Conflict
from my_monit.identity.provider import IdentityProvider
from my_monit.identity.sign_in import SignIn
from my_monit.logs.audit import Audit
from my_monit.permissions import Verb
from my_monit.services.users import UserService

_OTHERWISE = "nobody signs in here in this way"


class SessionService:
    def __init__(self, audit: Audit, users: UserService, identity: IdentityProvider, sign_in: SignIn) -> None:
        self._audit = audit
        self._users = users
        self._identity = identity
        self._sign_in = sign_in

    def ways(self) -> dict[str, str | None]:
        """The provider, and the way to sign in: "password", "code" or None."""
        way = "password" if self._sign_in.by_password else "code" if self._sign_in.by_code else None
        return {"provider": self._sign_in.provider, "way": way}

    def by_password(self, email: str, password: SecretStr) -> str:
        """A token of an active user. Raises Unauthenticated, and Conflict where it is not the way."""
        if self._sign_in.by_password is None:
            raise Conflict(_OTHERWISE)
        return self._opened(self._sign_in.by_password.token(email, password))

    def begin(self, page: str) -> tuple[str, str]:
        """Where to sign in, and what the browser keeps meanwhile. Raises Conflict where it is not the way."""
        if self._sign_in.by_code is None:
            raise Conflict(_OTHERWISE)
        return self._sign_in.by_code.begin(page)

    def finish(self, kept: str, *, state: str, code: str) -> str:
        """A token of an active user. Raises Unauthenticated, and Conflict where it is not the way."""
        if self._sign_in.by_code is None:
            raise Conflict(_OTHERWISE)
        return self._opened(self._sign_in.by_code.finish(kept, state=state, code=code))

    def _opened(self, token: str) -> str:
        actor = self._users.recognise(self._identity.verify(token))
        with self._audit.act(actor, Verb.SESSION_OPEN, f"user:{actor.user_id}"):
            return token
