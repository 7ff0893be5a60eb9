"""The de-duplication window: old ids go, in small steps, whatever happens to the database meanwhile."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from my_monit.errors import StorageUnavailable
from my_monit.services import forgetting
from my_monit.services.forgetting import Forgetting
from my_monit.storage.memory import MemoryStorage
from my_monit.storage.ports import MessageId

OLD, YOUNG = range(25), range(25, 30)


@pytest.fixture
def storage(monkeypatch):
    """With old ids and young ones, of which ten are forgotten at a time."""
    monkeypatch.setattr(forgetting, "STEP_IDS", 10)
    now = datetime.now(UTC)
    storage = MemoryStorage(clock=lambda: now)
    for numbers, age in ((OLD, 31), (YOUNG, 29)):
        storage._clock = lambda age=age: now - timedelta(days=age)
        with storage.unit() as unit:
            unit.messages.remember({MessageId(1, b"%d" % number): b"h" * 16 for number in numbers})
    storage._clock = lambda: now
    return storage


def remembered(storage):
    return sorted(int(key.message_id) for key in storage._data.message_ids)


def test_ids_older_than_the_window_are_forgotten_step_by_step(storage):
    forgetting_ = Forgetting(storage, days=30)

    assert [forgetting_.step() for _ in range(3)] == [True, True, False]
    assert remembered(storage) == list(YOUNG)


def test_the_window_is_as_wide_as_the_setting_says(storage):
    Forgetting(storage, days=32).step()
    assert len(remembered(storage)) == 30


def test_it_runs_beside_other_work_and_ends_with_it(storage, eventually):
    with Forgetting(storage, days=30).running():
        eventually(lambda: remembered(storage) == list(YOUNG))
    assert "forgetting" not in [thread.name for thread in threading.enumerate()]


def test_it_goes_on_when_the_database_was_away(storage, eventually, monkeypatch):
    monkeypatch.setattr(forgetting, "IDLE_SECS", 0.01)
    unit, failures = storage.unit, [StorageUnavailable("away")] * 2

    def sometimes():
        if failures:
            raise failures.pop()
        return unit()

    monkeypatch.setattr(storage, "unit", sometimes)
    with Forgetting(storage, days=30).running():
        eventually(lambda: remembered(storage) == list(YOUNG))

    assert failures == []
    assert remembered(storage) == list(YOUNG)
