"""What could not be stored, for those who find out why."""

from my_monit.errors import NotFound
from my_monit.logs.audit import Audit
from my_monit.model import Actor, Quarantined, QuarantineRecord, Reason
from my_monit.permissions import Verb


class QuarantineService:
    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def page(self, actor: Actor, *, after: int, limit: int, reason: Reason | None = None) -> list[QuarantineRecord]:
        with self._audit.act(actor, Verb.QUARANTINE_LIST) as act:
            return act.unit.quarantine.page(after=after, limit=limit, reason=reason)

    def show(self, actor: Actor, quarantine_id: int) -> tuple[QuarantineRecord, Quarantined]:
        """One item with its raw bytes."""
        with self._audit.act(actor, Verb.QUARANTINE_READ, f"quarantine:{quarantine_id}") as act:
            found = act.unit.quarantine.get(quarantine_id)
            if found is None:
                raise NotFound("there is no such item in the quarantine")
        return found
