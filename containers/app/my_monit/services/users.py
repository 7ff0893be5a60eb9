"""Who works here: read and changed by admins, and in part by the users themselves."""

from my_monit.errors import Conflict, Forbidden, NotFound, Unauthenticated
from my_monit.identity.provider import Subject
from my_monit.logs.audit import Audit, Outcome, record
from my_monit.model import Actor, Role, User
from my_monit.permissions import Verb
from my_monit.services.access import end_associations
from my_monit.services.keys import revoke_keys
from my_monit.services.versions import Expected, require_version
from my_monit.storage.ports import Holder, StoragePort, Unit


class UserService:
    def __init__(self, storage: StoragePort, audit: Audit) -> None:
        self._storage = storage
        self._audit = audit

    def recognise(self, subject: Subject) -> Actor:
        """The actor whom a verified token speaks for, with the role that the database gives it now.

        Raises Unauthenticated unless an active user has had the username since before the token was issued; a known but
        inactive one is audited.
        """
        with self._storage.unit() as unit:
            holder = unit.users.by_username(subject.username)
            user = holder.user if holder and _was_issued_to(holder, subject) else None
            if user is not None and not user.active:
                record(unit, Actor(user.user_id, user.role), Verb.SESSION_OPEN, f"user:{user.user_id}", Outcome.DENIED)
        if user is None or not user.active:
            raise Unauthenticated("the token is not that of an active user")
        return Actor(user.user_id, user.role)

    def page(self, actor: Actor, *, after: str, limit: int) -> list[User]:
        with self._audit.act(actor, Verb.USER_LIST) as act:
            return act.unit.users.page(after=after, limit=limit)

    def get(self, actor: Actor, user_id: str) -> User:
        with self._audit.act(actor, Verb.USER_READ, f"user:{user_id}", owner=user_id) as act:
            return _existing(act.unit, user_id)

    def add(self, actor: Actor, user: User) -> User:
        with self._audit.act(actor, Verb.USER_CREATE, f"user:{user.user_id}") as act:
            act.unit.users.add(user)
        return user

    def change(
        self, actor: Actor, user_id: str, *,
        name: str, username: str, email: str, role: Role | None, active: bool | None, expected: Expected = None,
    ) -> User:
        """Replace a user's record; `role` and `active` stay as they are when None.

        Who is no SCIENTIST afterwards is associated with nothing any more, and who gets another role loses the API
        keys: they were made for the old one. Raises Forbidden when users change their own username, role or activity,
        and Conflict when the username is taken or the last active ADMIN would be lost.
        """
        with self._audit.act(actor, Verb.USER_CHANGE, f"user:{user_id}", owner=user_id) as act:
            # Every change that could cost an admin waits for the others, so that two cannot remove each other.
            admins = act.unit.users.lock_active(Role.ADMIN)
            old = _existing(act.unit, user_id, lock=True)
            require_version(old, expected)
            new = User(
                user_id, name=name, username=username, email=email,
                role=old.role if role is None else role, active=old.active if active is None else active,
            )
            if admins == [user_id] and not (new.active and new.role is Role.ADMIN):
                raise Conflict("this is the last active ADMIN")
            if actor.user_id == user_id and _authority(old) != _authority(new):
                raise Forbidden("your own username, role and active can only be changed by another ADMIN")
            act.unit.users.change(new)
            if new.role is not Role.SCIENTIST:
                end_associations(act.unit, actor, user_id)
            if new.role is not old.role:
                revoke_keys(act.unit, actor, user_id)
        return new


def _was_issued_to(holder: Holder, subject: Subject) -> bool:
    """Not to somebody who had the username before.

    A token says whole seconds. One of the very second counts: who was just added has no other. Clocks get no leeway:
    within it, tokens of the one before would open what is the next one's.
    """
    return holder.since is None or subject.issued_at >= int(holder.since.timestamp())


def _authority(user: User) -> tuple[str, Role, bool]:
    return user.username, user.role, user.active


def _existing(unit: Unit, user_id: str, *, lock: bool = False) -> User:
    user = unit.users.get(user_id, lock=lock)
    if user is None:
        raise NotFound("there is no such user")
    return user
