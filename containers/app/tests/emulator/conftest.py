"""IDENTITY=firebase with Firebase's own emulator: `./run-checks.sh firebase`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from my_monit.identity.firebase import FirebaseIdentity
from tests.firebase_emulator import Emulator, running_emulator


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("emulator")) as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    running.forget_everybody()
    return running


@pytest.fixture
def identity(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FirebaseIdentity]:
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", emulator.host)
    identity = FirebaseIdentity(None, emulator=emulator.host)
    yield identity
    identity.close()
