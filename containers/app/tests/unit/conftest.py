import pytest

from my_monit.storage.memory import MemoryStorage
from tests.unit.by_hand import Services


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def services(storage) -> Services:
    return Services(storage)
