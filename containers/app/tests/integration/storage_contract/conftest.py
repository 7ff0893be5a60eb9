"""What ports.py says, asked of both that obey it: the twin in the process, and MySQL or MariaDB."""

from datetime import timedelta

import pytest

from my_monit.storage.memory import MemoryStorage
from my_monit.storage.windows import NEGATIVE_ZERO
from tests.integration.storage_contract.lab import KeptMeasure, Lab


@pytest.fixture(params=["memory", "mysql"])
def storage(request):
    return MemoryStorage() if request.param == "memory" else request.getfixturevalue("container").storage()


@pytest.fixture
def later(request, storage):
    """Lets days pass, as far as the ids of messages and API keys can see."""

    def later(*, days):
        if isinstance(storage, MemoryStorage):
            clock = storage._clock
            storage._clock = lambda: clock() + timedelta(days=days)
        else:
            administrator = request.getfixturevalue("administrator")
            administrator.execute("UPDATE MESSAGE_IDS SET seen = seen - %s", (days * 86_400,))
            administrator.execute("UPDATE API_KEYS SET expires = expires - INTERVAL %s DAY", (days,))

    return later


@pytest.fixture
def kept(request, storage):
    """The measures of some series in the order of reading, with their ids, which nobody sees through the port."""

    def kept(series_ids):
        if isinstance(storage, MemoryStorage):
            rows = storage._data.measures
        else:
            sql = "SELECT series_id, time, measure_id, value FROM MEASURES"
            rows = request.getfixturevalue("administrator").rows(sql)
        return sorted(
            KeptMeasure(time, series_id, number, -0.0 if number >= NEGATIVE_ZERO else value)
            for series_id, time, number, value in rows if series_id in series_ids
        )

    return kept


@pytest.fixture
def lab(storage):
    return Lab(storage)
