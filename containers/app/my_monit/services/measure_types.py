"""What can be measured, and in which unit."""

from my_monit.logs.audit import Audit
from my_monit.model import Actor, MeasureType
from my_monit.permissions import Verb


class MeasureTypeService:
    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def page(self, actor: Actor, *, after: int, limit: int) -> list[MeasureType]:
        with self._audit.act(actor, Verb.MEASURE_TYPE_LIST) as act:
            return act.unit.measure_types.page(after=after, limit=limit)

    def add(self, actor: Actor, *, name: str, symbol: str, quantity: str) -> MeasureType:
        with self._audit.act(actor, Verb.MEASURE_TYPE_CREATE) as act:
            measure_type = act.unit.measure_types.add(name=name, symbol=symbol, quantity=quantity)
            act.object = f"measure_type:{measure_type.measure_type_id}"
        return measure_type
