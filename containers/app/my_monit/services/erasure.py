"""Erasure of a person: here and at the identity provider nothing personal is left; the staff id stays for the audit."""

import time

from my_monit.errors import Conflict, Forbidden, NotFound
from my_monit.identity.provider import IdentityProvider
from my_monit.logs.audit import Audit
from my_monit.model import Actor, Role
from my_monit.permissions import Verb
from my_monit.services.access import end_associations
from my_monit.services.keys import revoke_keys
from my_monit.services.versions import Expected, require_version

#: Seconds that a token may be old with which people erase themselves: whoever found one lying about cannot.
FRESH_SECS = 300


class ErasureService:
    def __init__(self, audit: Audit, identity: IdentityProvider) -> None:
        self._audit = audit
        self._identity = identity

    def erase(self, actor: Actor, user_id: str, *, issued_at: int, expected: Expected = None) -> None:
        """`issued_at`: when the actor's token was made, in seconds since 1970 UTC.

        Raises Forbidden when people erase themselves with an old token, Conflict when the last active ADMIN would be
        lost, IdentityUnavailable when the provider cannot be told: then nothing has happened, or all but the answer,
        and it can be asked for again.
        """
        with self._audit.act(actor, Verb.USER_ERASE, f"user:{user_id}", owner=user_id) as act:
            admins = act.unit.users.lock_active(Role.ADMIN)
            user = act.unit.users.get(user_id, lock=True)
            if user is None:
                raise NotFound("there is no such user")
            if actor.user_id == user_id and time.time() - issued_at > FRESH_SECS:
                raise Forbidden("sign in again: to erase yourself, your token must be at most five minutes old")
            require_version(user, expected)
            if admins == [user_id]:
                raise Conflict("this is the last active ADMIN")
            end_associations(act.unit, actor, user_id)
            revoke_keys(act.unit, actor, user_id)
            act.unit.users.erase(user_id)
            # Last, while it can still be undone here. Done twice it does no harm.
            self._identity.forget(user.username)
