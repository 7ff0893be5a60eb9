"""Tokens for people, made at the console where the identity provider is our own."""

from datetime import timedelta

from my_monit.errors import ConfigurationError, NotFound
from my_monit.identity.local import LocalIdentity
from my_monit.identity.provider import IdentityProvider
from my_monit.logs.audit import Audit
from my_monit.model import Actor
from my_monit.permissions import Verb


class TokenService:
    def __init__(self, audit: Audit, identity: IdentityProvider) -> None:
        self._audit = audit
        self._identity = identity

    def mint(self, actor: Actor, user_id: str, *, lifetime: timedelta) -> str:
        """A token of an active user. Raises NotFound without one, ConfigurationError when others make the tokens."""
        if not isinstance(self._identity, LocalIdentity):
            raise ConfigurationError("IDENTITY is not local: tokens come from the identity provider")
        with self._audit.act(actor, Verb.TOKEN_MINT, f"user:{user_id}") as act:
            # Locked: nobody else is given the username before the token is made, and so dated.
            user = act.unit.users.get(user_id, lock=True)
            if user is None or not user.active:
                raise NotFound("there is no such active user")
            return self._identity.mint(user.username, lifetime=lifetime)
