"""Whoever asks for changes misses nothing, however late and in whatever order transactions are committed."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from my_monit.errors import StorageContention
from my_monit.logs.audit import Audit
from my_monit.model import Actor, Role, User
from my_monit.services.changes import ChangeService
from my_monit.storage.connector import StorageConnector
from my_monit.storage.ports import Place
from my_monit.storage.series import SeriesTable
from my_monit.storage.storage import Storage
from tests.integration.database import rows_read
from tests.measures import NewMeasure, by_origin, read_measures

STUCK_SECS = 30
WRITERS = 4
BATCHES = 25
SECOND = 10**9


class Changed(Exception):
    """Makes a transaction roll back."""


@pytest.fixture(name="scientist")
def experiment_of_two_series(storage):
    with storage.unit() as unit:
        unit.users.add(User("S001", name="Ann", username="ann", email="a@example.org", role=Role.SCIENTIST))
        experiment_id = unit.experiments.add("lab").experiment_id
        unit.associations.add(experiment_id, "S001", until=None)
        series = [unit.series.find_or_add(experiment_id, 1, sensor) for sensor in ("one", "other")]
    return Reader(storage, experiment_id, series)


class Reader:
    """Keeps a copy of an experiment by asking for changes."""

    def __init__(self, storage, experiment_id, series):
        self._storage = storage
        self.experiment_id = experiment_id
        self.series = series
        self.copy = []
        self._place = Place()

    def look(self):
        while True:
            with self._storage.unit() as unit:
                columns, place = unit.measures.changes(
                    self.experiment_id, self.series, visible_to="S001", after=self._place,
                    until=unit.measures.arrivals(self.experiment_id), limit=37,
                )
            if place == self._place:
                return self.copy
            self._place = place
            self.copy += columns.values.tolist()


def store(storage, series, values, *, before_commit=lambda: None, seed=0):
    pick = random.Random(seed)
    with storage.unit() as unit:
        unit.measures.add(by_origin([
            NewMeasure(pick.choice(series), pick.choice([10**18, 10**17]) + pick.randrange(1000) * SECOND, value, 1)
            for value in values
        ]))
        before_commit()


def test_what_is_committed_late_is_not_overtaken(storage, scientist, storage_configuration, eventually, administrator):
    """The one that stores first, and commits last, keeps the other waiting: there is no order to be missed."""
    second_storage = Storage(StorageConnector(storage_configuration))
    stored, may_commit = threading.Event(), threading.Event()

    def late():
        store(storage, scientist.series[:1], [1.0], before_commit=lambda: stored.set() or may_commit.wait(STUCK_SECS))

    def waiting():
        return administrator.rows("SELECT 1 FROM information_schema.processlist WHERE info LIKE '%INTO ARRIVAL_COUNTS%'"
                                  " AND info NOT LIKE '%processlist%'")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(late)
        assert stored.wait(STUCK_SECS)
        second = threads.submit(store, second_storage, scientist.series[1:], [2.0])
        eventually(waiting)
        assert scientist.look() == []
        assert not second.done()
        may_commit.set()
        first.result(STUCK_SECS)
        second.result(STUCK_SECS)
    second_storage.close()

    assert scientist.look() == [1.0, 2.0]


def test_a_copy_is_whole_while_many_write_commit_late_and_roll_back(storage, scientist, storage_configuration):
    done = threading.Event()
    stores = [Storage(StorageConnector(storage_configuration)) for _ in range(WRITERS)]

    def write(number):
        pick = random.Random(number)
        kept = []
        for batch in range(BATCHES):
            values = [float(number * 10**6 + batch * 1000 + n) for n in range(pick.randint(1, 30))]

            def end():
                threading.Event().wait(pick.random() * 0.02)
                if pick.random() < 0.2:
                    raise Changed

            try:
                store(stores[number], scientist.series, values, before_commit=end, seed=number * 1000 + batch)
                kept += values
            except (Changed, StorageContention):  # rolled back either way; the listener would try again
                pass
        return kept

    def look():
        looks = 0
        while not done.is_set():
            scientist.look()
            looks += 1
        return looks

    with ThreadPoolExecutor(WRITERS + 1) as threads:
        reader = threads.submit(look)
        try:
            writers = [threads.submit(write, number) for number in range(WRITERS)]
            written = [value for writer in writers for value in writer.result(STUCK_SECS)]
        finally:
            done.set()
        assert reader.result(STUCK_SECS) > 1
    for one in stores:
        one.close()

    assert len(written) > WRITERS * BATCHES
    assert sorted(scientist.look()) == sorted(written)
    with storage.unit() as unit:
        found = read_measures(unit, scientist.experiment_id, scientist.series, visible_to="S001")
    assert sorted(one.value for one in found) == sorted(written)


@pytest.mark.parametrize("streamed", [False, True])
def test_the_first_measure_of_a_series_that_comes_while_one_looks_is_not_passed_over(
    storage, scientist, monkeypatch, streamed
):
    changes, reader = ChangeService(storage, Audit(storage)), Actor("S001", Role.SCIENTIST)
    new, series_of = iter(["new"]), SeriesTable.of

    def read(self, *question, **options):
        """The series that there are; then something of a new one comes."""
        found = series_of(self, *question, **options)
        for sensor in new:
            with storage.unit() as unit:
                another = unit.series.find_or_add(scientist.experiment_id, 1, sensor)
                unit.measures.add(by_origin([NewMeasure(another, 2, 2.0, 1)]))
        return found

    def look(after):
        """The values that came, and where to go on."""
        if streamed:
            pieces, place = changes.stream(reader, scientist.experiment_id, after=after)
        else:
            pieces, place = changes.page(reader, scientist.experiment_id, after=after, limit=100)
        return [value for piece in pieces for value in piece.columns.values], place

    monkeypatch.setattr(SeriesTable, "of", read)
    store(storage, scientist.series[:1], [1.0])
    first, place = look(Place())
    second, _ = look(place)

    assert first == [1.0]
    assert second == [2.0]


def test_what_was_there_before_arrivals_were_counted_is_the_first_one(storage, scientist, administrator, storage_administration):
    store(storage, scientist.series, [1.0, -0.0, 3.0])
    administrator.execute("DELETE FROM ARRIVALS")
    administrator.execute("DELETE FROM ARRIVAL_COUNTS")
    [file] = storage_administration.schema_folder.glob("0008_*.sql")
    for statement in file.read_text(encoding="utf-8").split(";\n"):
        if "INSERT IGNORE" in statement:
            administrator.execute(statement)

    assert sorted(scientist.look()) == [-0.0, 1.0, 3.0]
    store(storage, scientist.series, [4.0])
    assert scientist.look()[3:] == [4.0]


def test_an_arrival_is_read_by_its_place_in_the_key(storage, scientist, administrator):
    """Measures that came late are found without reading what lies between them."""
    store(storage, scientist.series, list(map(float, range(20_000))))
    scientist.look()
    before = rows_read(administrator)

    with storage.unit() as unit:
        unit.measures.add(by_origin([
            NewMeasure(scientist.series[0], 10**17 + number * 100 * SECOND, -1.0, 1) for number in range(5)
        ] + [NewMeasure(scientist.series[0], 10**18 + number, -2.0, 1) for number in range(50)]))
    scientist.look()

    assert scientist.copy[-55:].count(-1.0) == 5
    assert rows_read(administrator) - before < 15_000


def test_measures_of_an_arrival_are_found_in_about_the_time_of_reading_them_however_scattered_they_are(storage, scientist):
    """In runs of ten, each apart from the others. To ask each measure about each run took thirty times as long."""
    with storage.unit() as unit:
        unit.measures.add(by_origin([
            NewMeasure(scientist.series[0], 10**18 + (number + number // 10 * 100) * SECOND, float(number), 1)
            for number in range(20_000)
        ]))
    one = Reader(storage, scientist.experiment_id, scientist.series[:1])

    def all_there_is():
        with storage.unit() as unit:
            return read_measures(unit, one.experiment_id, one.series, visible_to="S001")

    def all_that_came():
        with storage.unit() as unit:
            return unit.measures.changes(
                one.experiment_id, one.series, visible_to="S001", after=Place(), until=1, limit=20_000
            )[0]

    assert len(all_that_came()) == 20_000
    assert least_time(all_that_came) < 10 * least_time(all_there_is)


def least_time(work):
    """Seconds, of three times: others may use the machine."""
    def once():
        begun = time.monotonic()
        work()
        return time.monotonic() - begun

    return min(once() for _ in range(3))
