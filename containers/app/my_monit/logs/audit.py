"""Who did what: a closed list of verbs, a staff id, an object and an outcome. Never a name, an e-mail or a secret.

A change and its audit row are one transaction. A denial has a row of its own, and a read has its row before the
first byte of the answer leaves.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from my_monit.errors import Conflict, Forbidden, Invalid, MyMonitError, NotFound, Stale
from my_monit.logs.trace import current_trace_id
from my_monit.model import Actor
from my_monit.permissions import Verb, allowed
from my_monit.storage.ports import AuditRow, StoragePort, Unit

_DENIED = "your role does not allow this"
_DENIED_TO_KEY = "your API key, or your role, does not allow this"


class Outcome(StrEnum):
    SUCCESS = "success"
    DENIED = "denied"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass
class Act:
    """What is being done, in one transaction. `object` may become more exact while it is done, and `outcome` be another
    where what was found out stays although the act itself came to nothing.

    `recorded` when its row is written already: where something is changed that is no part of the transaction.
    """

    unit: Unit
    object: str
    outcome: Outcome = Outcome.SUCCESS
    recorded: bool = False


class Audit:
    def __init__(self, storage: StoragePort) -> None:
        self._storage = storage

    @contextmanager
    def act(
        self, actor: Actor, verb: Verb, subject: str | None = None, *,
        owner: str | None = None, experiment_id: int | None = None,
    ) -> Iterator[Act]:
        """One audited act of `actor` upon `subject`, say "experiment:3" (None: the kind alone), in one transaction.

        Raises Forbidden unless the table of rights allows it; `owner` is the user whose record it concerns, and
        `experiment_id` the experiment whose measures it reads. Whatever error the block raises undoes the act, and is
        recorded as its outcome.
        """
        act: Act | None = None
        try:
            with self._storage.unit() as unit:
                act = Act(unit, subject or verb.noun)
                if not allowed(actor, verb, owner=owner, experiment_id=experiment_id):
                    raise _denial(actor)
                yield act
                if not act.recorded:
                    record(unit, actor, verb, act.object, act.outcome)
        except MyMonitError as error:
            if act is not None and not error.transient:
                with self._storage.unit() as unit:
                    record(unit, actor, verb, act.object, _outcome(error))
            raise

    def require(
        self, actor: Actor, verb: Verb, subject: str, *, owner: str | None = None, experiment_id: int | None = None
    ) -> None:
        """Raises Forbidden, and records it, unless the table of rights allows the act."""
        if not allowed(actor, verb, owner=owner, experiment_id=experiment_id):
            with self._storage.unit() as unit:
                record(unit, actor, verb, subject, Outcome.DENIED)
            raise _denial(actor)


def record(unit: Unit, actor: Actor, verb: Verb, subject: str, outcome: Outcome) -> None:
    """The only way into the audit: the row is part of the transaction of `unit`."""
    key_id = actor.key.key_id if actor.key else None
    unit.audit.record(AuditRow(actor.user_id, verb.value, subject, outcome.value, current_trace_id(), key_id))


def _denial(actor: Actor) -> Forbidden:
    return Forbidden(_DENIED_TO_KEY if actor.key else _DENIED)


def _outcome(error: MyMonitError) -> Outcome:
    match error:
        case Forbidden():
            return Outcome.DENIED
        case NotFound():
            return Outcome.NOT_FOUND
        case Conflict() | Invalid() | Stale():
            return Outcome.REFUSED
        case _:
            return Outcome.FAILED
