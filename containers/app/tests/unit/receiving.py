"""A laboratory whose storage can fail, and messages as they come to its listener."""

import json
from contextlib import contextmanager

from my_monit.errors import StorageRejected, StorageUnavailable
from my_monit.model import Message
from my_monit.services.ingestion import IngestionService
from my_monit.storage.memory import MemoryStorage
from my_monit.timestamps import NANOSECONDS
from tests.measures import read_measures
from tests.unit.by_hand import SAM

NOW = 1_700_000_000
DAY = 86_400
#: Every experiment of a laboratory, and the names that it bore before.
LAB, FORMER_LAB, OTHER = "lab", "old-lab", "other"


class Laboratory(MemoryStorage):
    """Storage in which something can go wrong when a transaction ends."""

    def __init__(self):
        super().__init__()
        self.transactions = 0
        self.failures = []
        self.lost_replies = 0
        self.poison = None
        self.goes_away_at = None
        self.ids = {}
        with super().unit() as unit:
            unit.users.add(SAM)
            for name in (FORMER_LAB, OTHER):
                self.ids[name] = unit.experiments.add(name).experiment_id
                unit.associations.add(self.ids[name], SAM.user_id, until=None)
            unit.experiments.rename(self.ids[FORMER_LAB], LAB)
        self.ids[LAB] = self.ids[FORMER_LAB]

    def restore(self):
        """As from a backup of before the first measure: there is no series yet."""
        self._data.series.clear()
        self._data.measures.clear()

    @contextmanager
    def unit(self):
        self.transactions += 1
        if self.transactions == self.goes_away_at:
            raise StorageUnavailable("away")
        with super().unit() as unit:
            unit.measures = Poisonable(unit.measures, self.poison)
            yield unit
            if self.failures:
                raise self.failures.pop(0)
        if self.lost_replies:
            self.lost_replies -= 1
            raise StorageUnavailable("was it committed?")

    def stored(self, name=LAB):
        """Sensor, time in seconds and value of each measure, oldest first."""
        with super().unit() as unit:
            series = {one.series_id: one for one in unit.series.of(self.ids[name], visible_to=SAM.user_id)}
            found = read_measures(unit, self.ids[name], list(series), visible_to=SAM.user_id)
        return [(series[one.series_id].sensor, one.time / NANOSECONDS, one.value) for one in found]

    def quarantined(self):
        with super().unit() as unit:
            records = unit.quarantine.page(after=0, limit=100_000)
            return [unit.quarantine.get(record.quarantine_id)[1] for record in records]

    def reasons(self):
        return [item.reason for item in self.quarantined()]


class Poisonable:
    """Refuses measures of one value, as a database does that finds them out of its range."""

    def __init__(self, measures, poison):
        self._measures = measures
        self._poison = poison
        self.read = measures.read

    def add(self, measures, *, received=None):
        if self._poison in [sample.value for samples in measures.values() for sample in samples]:
            raise StorageRejected("out of range")
        self._measures.add(measures, received=received)


def make_ingestion(storage):
    return IngestionService(storage, routing="measures", max_future=DAY, clock=lambda: NOW * NANOSECONDS)


def reading(**changes):
    """A good one; a field that is None is left out."""
    fields = {"experiment": LAB, "measure": "hertz", "value": 1.5, "timestamp": 7, **changes}
    return {name: value for name, value in fields.items() if value is not None}


def message(content, **properties):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    defaults = {
        "routing_key": "measures", "message_id": None, "user_id": b"adapter", "content_type": None,
        "content_encoding": None, "type": None, "headers": lambda: "{}",
    }
    return Message(body=body, **{**defaults, **properties})


def store(ingestion, *messages):
    return ingestion.store(list(messages))
