"""API keys: made for a user, who or an admin asks for it, and shown once. What is kept cannot be used as a key."""

from datetime import timedelta
from hmac import compare_digest

from my_monit.errors import Conflict, NotFound
from my_monit.identity import api_keys
from my_monit.identity.provider import refusal
from my_monit.logs.audit import Audit, Outcome, record
from my_monit.model import Actor, ApiKey
from my_monit.permissions import Verb
from my_monit.storage.ports import StoragePort, Unit

#: Days that a key may live, at most: what nobody needs any more ends by itself.
MAX_DAYS = 366
#: Keys of a user, those that have expired among them.
MAX_KEYS = 100


class KeyService:
    def __init__(self, storage: StoragePort, audit: Audit) -> None:
        self._storage = storage
        self._audit = audit

    def recognise(self, bearer: str) -> Actor:
        """The user whose API key this is, with the role that the database gives now.

        Raises Unauthenticated in the same words whatever is wrong. A true key that has expired, or whose user is not
        active, is audited.
        """
        key_id = api_keys.key_id_of(bearer)
        with self._storage.unit() as unit:
            stored = unit.keys.get(key_id)
            if stored is None or not compare_digest(stored.digest, api_keys.digest(bearer)):
                raise refusal()
            user = unit.users.get(stored.key.user_id)
            if user is None:
                raise refusal()
            actor = Actor(user.user_id, user.role, stored.key)
            good = user.active and not stored.key.expired
            if not good:
                record(unit, actor, Verb.SESSION_OPEN, f"user:{user.user_id}", Outcome.DENIED)
        if not good:
            raise refusal()
        return actor

    def of(self, actor: Actor, user_id: str) -> list[ApiKey]:
        """Oldest first, those that have expired, too."""
        with self._audit.act(actor, Verb.KEY_LIST, f"user:{user_id}", owner=user_id) as act:
            _require_user(act.unit, user_id)
            return act.unit.keys.of(user_id)

    def create(
        self, actor: Actor, user_id: str, *, label: str, experiment_id: int | None, days: int
    ) -> tuple[ApiKey, str]:
        """What is known of a new key, and the key itself, which cannot be had again.

        Raises Conflict when the user has too many, or is not associated with the experiment.
        """
        with self._audit.act(actor, Verb.KEY_CREATE, f"user:{user_id}", owner=user_id) as act:
            _require_user(act.unit, user_id, lock=True)  # two at once must not be one too many
            if len(act.unit.keys.of(user_id)) >= MAX_KEYS:
                raise Conflict(f"a user has at most {MAX_KEYS} keys: revoke some first")
            if experiment_id is not None and act.unit.experiments.get(experiment_id, visible_to=user_id) is None:
                raise Conflict("the user is not associated with such an experiment")
            key_id, text = api_keys.make()
            act.object = f"user:{user_id} key:{key_id}"
            key = act.unit.keys.add(
                key_id, api_keys.digest(text), user_id=user_id, label=label, experiment_id=experiment_id,
                created_by=actor.user_id, lifetime=timedelta(days=days),
            )
        return key, text

    def revoke(self, actor: Actor, key_id: str, *, user_id: str | None) -> str:
        """Whose key it was. `user_id` None: whoever's it is, which takes an ADMIN.

        Raises NotFound when there is no such key, or it is not that user's.
        """
        subject = f"user:{user_id} key:{key_id}" if user_id else f"key:{key_id}"
        with self._audit.act(actor, Verb.KEY_REVOKE, subject, owner=user_id) as act:
            stored = act.unit.keys.get(key_id)
            if stored is None or user_id not in (None, stored.key.user_id) or not act.unit.keys.remove(key_id):
                raise NotFound("there is no such key")
            act.object = f"user:{stored.key.user_id} key:{key_id}"
        return stored.key.user_id


def revoke_keys(unit: Unit, actor: Actor, user_id: str) -> None:
    """For who shall have none from now on; each has its own row in the audit."""
    for key_id in unit.keys.remove_all(user_id):
        record(unit, actor, Verb.KEY_REVOKE, f"user:{user_id} key:{key_id}", Outcome.SUCCESS)


def _require_user(unit: Unit, user_id: str, *, lock: bool = False) -> None:
    if unit.users.get(user_id, lock=lock) is None:
        raise NotFound("there is no such user")
