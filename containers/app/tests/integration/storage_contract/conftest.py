"""What ports.py says, asked of both that obey it: the twin in the process, and MySQL or MariaDB."""

from datetime import timedelta

import pytest

from my_monit.storage.memory import MemoryStorage
from tests.integration.storage_contract.lab import Lab


@pytest.fixture(params=["memory", "mysql"])
def storage(request):
    return MemoryStorage() if request.param == "memory" else request.getfixturevalue("container").storage()


@pytest.fixture
def later(request, storage):
    """Lets days pass, as far as the ids of messages can see."""

    def later(*, days):
        if isinstance(storage, MemoryStorage):
            clock = storage._clock
            storage._clock = lambda: clock() + timedelta(days=days)
        else:
            sql = "UPDATE MESSAGE_IDS SET seen = seen - %s"
            request.getfixturevalue("administrator").execute(sql, (days * 86_400,))

    return later


@pytest.fixture
def lab(storage):
    return Lab(storage)
