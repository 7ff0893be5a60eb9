"""Storage in the process, for those who test or try services without a server: it obeys ports.py as `Storage` does.

A transaction works on a copy of all tables, which takes their place when it commits; there is one at a time.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

from my_monit.errors import StorageUnavailable
from my_monit.model import MeasureType
from my_monit.storage import memory_measures as measures
from my_monit.storage import memory_tables as tables
from my_monit.storage import ports

#: Seconds to wait for the transaction that is under way, as `Storage` waits for a free connection.
BUSY_SECS = 5.0
#: Some of those that the schema brings along, under the same ids; the last one is the last one there, too.
MEASURE_TYPES = (
    MeasureType(1, "hertz", "Hz", "frequency"),
    MeasureType(16, "degree Celsius", "°C", "Celsius temperature"),
    MeasureType(27, "kelvin", "K", "thermodynamic temperature"),
    MeasureType(30, "one", "1", "dimensionless number"),
)


class MemoryUnit:
    def __init__(self, data: tables.Tables, clock: tables.Clock) -> None:
        self.users: ports.Users = tables.Users(data, clock)
        self.keys: ports.Keys = tables.Keys(data, clock)
        self.experiments: ports.Experiments = tables.Experiments(data, clock)
        self.associations: ports.Associations = tables.Associations(data, clock)
        self.measure_types: ports.MeasureTypes = measures.MeasureTypes(data, clock)
        self.series: ports.SeriesTable = measures.SeriesTable(data, clock)
        self.measures: ports.Measures = measures.Measures(data, clock)
        self.messages: ports.Messages = tables.Messages(data, clock)
        self.quarantine: ports.Quarantine = tables.Quarantine(data, clock)
        self.audit: ports.AuditTable = tables.AuditTable(data, clock)


class MemoryStorage:
    def __init__(
        self, *, measure_types: Iterable[MeasureType] = MEASURE_TYPES, clock: tables.Clock = partial(datetime.now, UTC)
    ) -> None:
        """`measure_types` are there from the beginning; `clock` is the database's, in UTC."""
        self._data = tables.Tables(measure_types={one.measure_type_id: one for one in measure_types})
        self._clock = clock
        self._lock = threading.Lock()

    @contextmanager
    def unit(self) -> Iterator[ports.Unit]:
        if not self._lock.acquire(timeout=BUSY_SECS):
            raise StorageUnavailable("another transaction has not ended")
        try:
            data = self._data.copy()
            yield MemoryUnit(data, self._clock)
            self._data = data
        finally:
            self._lock.release()

    def check(self) -> None:
        """It is always there."""

    def check_storing(self) -> None:
        """It can always store."""

    def close(self) -> None:
        """There is nothing to close."""
