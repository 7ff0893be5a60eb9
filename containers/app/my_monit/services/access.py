"""Who could see which experiment when, and why somebody can or cannot see one now."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from my_monit.errors import NotFound, Unauthenticated
from my_monit.logs.audit import Act, Audit, Outcome, record
from my_monit.model import Actor, Association, Role, User
from my_monit.permissions import Verb
from my_monit.storage.ports import Unit


class Check(StrEnum):
    """What must hold for somebody to read an experiment's measures, in the order in which a request is checked."""

    USER = "user"
    ACTIVE = "active"
    ROLE = "role"
    ASSOCIATION = "association"


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether one check holds; `since` and `until` are the last association's, or `since` the erasure's."""

    check: Check
    holds: bool
    detail: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Access:
    user_id: str
    experiment_id: int
    findings: tuple[Finding, ...]

    @property
    def allowed(self) -> bool:
        return all(finding.holds for finding in self.findings)


class AccessService:
    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def history(self, actor: Actor, user_id: str, *, after: int, limit: int) -> list[Association]:
        """All associations that a user has or ever had, also one who was erased."""
        with self._audit.act(actor, Verb.ASSOCIATION_LIST, f"user:{user_id}") as act:
            _require_known(act.unit, user_id)
            return act.unit.associations.of(user_id, after=after, limit=limit)

    def explain(self, actor: Actor, user_id: str, experiment_id: int) -> Access:
        """Why a user can or cannot read an experiment's measures. Raises NotFound when either was never there."""
        with self._audit.act(actor, Verb.ACCESS_READ, f"experiment:{experiment_id} user:{user_id}") as act:
            if act.unit.experiments.get(experiment_id, visible_to=None) is None:
                raise NotFound("there is no such experiment")
            return Access(user_id, experiment_id, (*_person(act, user_id), _association(act, user_id, experiment_id)))


def require_standing(unit: Unit, actor: Actor) -> None:
    """For an answer that goes on and on. Raises Unauthenticated once the user is not active any more, or the API key
    was revoked or has expired."""
    user = unit.users.get(actor.user_id)
    stored = unit.keys.get(actor.key.key_id) if actor.key else None
    if user is None or not user.active or (actor.key and (stored is None or stored.key.expired)):
        raise Unauthenticated("whoever asked may not ask any more")


def end_associations(unit: Unit, actor: Actor, user_id: str) -> None:
    """For who cannot have any from now on; each has its own row in the audit."""
    for experiment_id in unit.associations.end_all(user_id):
        record(unit, actor, Verb.ASSOCIATION_END, f"experiment:{experiment_id} user:{user_id}", Outcome.SUCCESS)


def _require_known(unit: Unit, user_id: str) -> None:
    if unit.users.get(user_id) is None and unit.users.erased(user_id) is None:
        raise NotFound("there is no such user")


def _person(act: Act, user_id: str) -> tuple[Finding, ...]:
    _require_known(act.unit, user_id)
    user = act.unit.users.get(user_id)
    if user is None:
        return (Finding(Check.USER, False, "the user was erased", since=act.unit.users.erased(user_id)),)
    return (Finding(Check.USER, True, "there is such a user"), *_authority(user))


def _authority(user: User) -> tuple[Finding, Finding]:
    scientist = user.role is Role.SCIENTIST
    return (
        Finding(Check.ACTIVE, user.active, "the user is active" if user.active else "the user was set inactive"),
        Finding(
            Check.ROLE, scientist,
            "the role is SCIENTIST" if scientist else f"the role is {user.role}, and only a SCIENTIST reads measures",
        ),
    )


def _association(act: Act, user_id: str, experiment_id: int) -> Finding:
    # Whether it is current is asked of the very rule that decides over every request.
    current = act.unit.experiments.get(experiment_id, visible_to=user_id) is not None
    last = act.unit.associations.last(experiment_id, user_id)
    if last is None:
        return Finding(Check.ASSOCIATION, False, "the user was never associated with the experiment")
    detail = "the user is associated with the experiment" if current else "the last association has ended"
    return Finding(Check.ASSOCIATION, current, detail, since=last.since, until=last.until)
