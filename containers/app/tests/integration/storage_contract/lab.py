"""An experiment with its scientist: how measures are written and read in these tests."""

import struct
from itertools import count
from typing import NamedTuple

from hypothesis import strategies as st

from my_monit.model import Selection
from my_monit.storage.ports import Place
from tests.integration.people import make_user
from tests.measures import NewMeasure, by_origin, measures_of

MINUTE = 60 * 10**9
YEAR = 365 * 24 * 60 * MINUTE
LATEST = 2**63 - 1
#: Times that are close together, minutes apart and far from each other.
TIMES = st.one_of(
    st.integers(0, 3), st.integers(MINUTE - 2, 3 * MINUTE), st.integers(40 * YEAR, 40 * YEAR + 5),
    st.integers(0, LATEST),
)

_numbers = count()


class Lab:
    """An experiment and its scientist."""

    scientist = "S001"

    def __init__(self, storage):
        self._storage = storage
        with storage.unit() as unit:
            if unit.users.get(self.scientist) is None:
                unit.users.add(make_user(self.scientist))
            self.experiment_id = unit.experiments.add(f"lab-{next(_numbers)}").experiment_id
            unit.associations.add(self.experiment_id, self.scientist, until=None)
            self.publisher_id = unit.messages.publisher_id(b"test")

    def add_series(self, *sensors):
        with self._storage.unit() as unit:
            return [unit.series.find_or_add(self.experiment_id, 1, sensor) for sensor in sensors]

    def store(self, *measures):
        """Each a series id, a time and a value."""
        with self._storage.unit() as unit:
            unit.measures.add(by_origin(NewMeasure(*measure, self.publisher_id) for measure in measures))

    def columns(self, series_ids, *, limit=100_000, after=None, span=None, **selection):
        with self._storage.unit() as unit:
            columns = unit.measures.read(
                self.experiment_id, series_ids, Selection(**selection),
                visible_to=self.scientist, after=after, limit=limit, span=span,
            )
        assert len(columns) <= limit
        return columns

    def read(self, series_ids, **options):
        return measures_of(self.columns(series_ids, **options))

    def changes(self, series_ids, place, *, limit=100_000):
        """What came behind a place: values, and the place behind them."""
        with self._storage.unit() as unit:
            columns, place = unit.measures.changes(
                self.experiment_id, series_ids, visible_to=self.scientist, after=place,
                until=unit.measures.arrivals(self.experiment_id), limit=limit,
            )
        assert len(columns) <= limit
        return columns.values.tolist(), place

    def all_changes(self, series_ids, place=Place(), **options):
        found = []
        while True:
            values, following = self.changes(series_ids, place, **options)
            if following == place:
                return found, place
            found += values
            place = following

    def walk(self, series_ids, *, limit, **selection):
        """All of them, page after page, as a reader gets them who tells the span of the page before."""
        found, after, span = [], None, None
        while True:
            columns = self.columns(series_ids, after=after, limit=limit, span=span, **selection)
            found += measures_of(columns)
            after, span = columns.last, columns.span
            if after is None:
                return found


class KeptMeasure(NamedTuple):
    """As it lies in storage; its first three are its place in the order of reading."""

    time: int
    series_id: int
    measure_id: int
    value: float


def bits(value):
    return struct.pack(">d", value)


def exactly(measures):
    """To the bit, and in their order."""
    return [(one.series_id, one.time, bits(one.value)) for one in measures]


def contents(measures):
    return sorted(exactly(measures))
