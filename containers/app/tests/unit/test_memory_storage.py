"""What only the twin has; what it shares with the real storage is in tests/integration/storage_contract."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from my_monit.errors import StorageUnavailable
from my_monit.model import MeasureType
from my_monit.storage import memory
from my_monit.storage.memory import MemoryStorage


def test_a_transaction_that_must_wait_too_long_for_another_says_so(storage, monkeypatch):
    monkeypatch.setattr(memory, "BUSY_SECS", 0.05)

    with storage.unit(), pytest.raises(StorageUnavailable), storage.unit():
        pass

    with storage.unit() as unit:
        assert unit.audit.newest(1) == []


def test_transactions_of_many_threads_do_not_undo_each_other(storage):
    def add(number):
        with storage.unit() as unit:
            unit.experiments.add(f"experiment-{number}")

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(add, range(200)))

    with storage.unit() as unit:
        found = unit.experiments.page(after=0, limit=1000, visible_to=None)
    assert [one.experiment_id for one in found] == list(range(1, 201))
    assert {one.name for one in found} == {f"experiment-{number}" for number in range(200)}


def test_it_begins_with_the_measure_types_that_it_is_given():
    furlong = MeasureType(7, "furlong", "fur", "length")

    with MemoryStorage(measure_types=[furlong]).unit() as unit:
        added = unit.measure_types.add(name="hand", symbol="h", quantity="length")
        assert unit.measure_types.page(after=0, limit=9) == [furlong, added]
