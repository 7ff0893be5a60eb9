"""What one transaction is going to write: each measurement to its series, or into the quarantine with the reason."""

from typing import NamedTuple

from my_monit.model import Quarantined, Reason
from my_monit.parsing import Parsed, Reading, elements, well_formed
from my_monit.services.catalog import Catalog
from my_monit.services.deduplication import Identified, Verdict
from my_monit.services.properties import Properties
from my_monit.storage.ports import Origin, Unit

#: What a reading says of its series: experiment, measure, sensor, unit.
_Route = tuple[str, str, str, str | None]


class Fate(NamedTuple):
    """What became of one message: how many of its measures were stored, and how many items quarantined."""

    stored: int = 0
    quarantined: int = 0


#: Every new message leaves something behind; one that had been seen before leaves nothing.
DUPLICATE = Fate()

_STORED, _QUARANTINED = Fate(stored=1), Fate(quarantined=1)


class Batch:
    def __init__(self, unit: Unit, catalog: Catalog) -> None:
        self.measures: dict[Origin, list[Reading]] = {}
        self.quarantined: list[Quarantined] = []
        self._unit = unit
        self._catalog = catalog
        # One look-up for each measure: where the last one with the same names went, that came the same way.
        self._lists: dict[tuple[str, int], dict[_Route, list[Reading]]] = {}

    def add(self, one: Identified, verdict: Verdict, content: Reason | Parsed) -> Fate:
        if verdict is Verdict.REPEATED:
            return DUPLICATE
        refusal = Reason.ID_CONFLICT if verdict is Verdict.CONFLICTING else content
        if isinstance(refusal, Reason):
            named = self._catalog.experiment_of_key(one.message.routing_key)
            self._quarantine(one, Properties(one.message), refusal, one.message.body, None, named)
            return _QUARANTINED
        return self._sort(one, refusal)

    def _sort(self, one: Identified, parsed: Parsed) -> Fate:
        way = one.message.routing_key, one.publisher_id
        lists = self._lists.get(way)
        if lists is None:
            lists = self._lists[way] = {}
        misfits: list[tuple[int, Reading, Reason]] = []
        for element, reading in parsed.readings:
            route = reading.experiment, reading.measure, reading.sensor, reading.unit
            series = lists.get(route)
            if series is None:
                found = self._look_up(one, reading)
                if isinstance(found, Reason):
                    misfits.append((element, reading, found))
                    continue
                series = lists[route] = found
            series.append(reading)
        if misfits or parsed.rejected:
            self._quarantine_elements(one, parsed, misfits)
            return Fate(len(parsed.readings) - len(misfits), len(misfits) + len(parsed.rejected))
        return _STORED if len(parsed.readings) == 1 else Fate(len(parsed.readings))

    def _look_up(self, one: Identified, reading: Reading) -> list[Reading] | Reason:
        found = self._catalog.series_id(self._unit, one.message.routing_key, reading)
        if isinstance(found, Reason):
            return found
        return self.measures.setdefault(Origin(found, one.publisher_id), [])

    def _quarantine_elements(
        self, one: Identified, parsed: Parsed, misfits: list[tuple[int, Reading, Reason]]
    ) -> None:
        properties = Properties(one.message)
        named = self._catalog.experiment_of_key(one.message.routing_key)
        for element, reason, experiment, body in parsed.rejected:
            self._quarantine(one, properties, reason, body, element, experiment or named)
        bodies = elements(one.message.body) if misfits else []
        for index, reading, reason in misfits:
            experiment = well_formed(reading.experiment) or named
            self._quarantine(one, properties, reason, bodies[index], index, experiment)

    def _quarantine(
        self, one: Identified, properties: Properties, reason: Reason, body: bytes, element: int | None,
        experiment: str | None,
    ) -> None:
        message = one.message
        self.quarantined.append(Quarantined(
            reason, one.publisher, message.routing_key, message.message_id, element, experiment, properties.next(), body
        ))
