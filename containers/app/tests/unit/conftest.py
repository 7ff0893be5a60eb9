import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from my_monit.identity.local import LocalIdentity
from my_monit.services.ingestion import IngestionService
from my_monit.storage.memory import MemoryStorage
from tests.unit.by_hand import Services
from tests.unit.forgery import AUDIENCE, ISSUER
from tests.unit.receiving import make_ingestion


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def services(storage) -> Services:
    return Services(storage)


@pytest.fixture
def ingestion(storage) -> IngestionService:
    return make_ingestion(storage)


@pytest.fixture(name="key_file")
def path_of_a_key(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "identity.pem"


@pytest.fixture(name="identity")
def local_identity(key_file: Path) -> LocalIdentity:
    return LocalIdentity(key_file, issuer=ISSUER, audience=AUDIENCE)


@pytest.fixture
def no_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No token may make us connect to anything."""
    attempts: list[object] = []

    def refuse(*args: object, **_: object) -> None:
        attempts.append(args)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert not attempts
