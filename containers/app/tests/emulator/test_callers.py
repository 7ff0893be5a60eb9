"""What tests/callers.py says, and A5, for people whom Firebase's emulator vouches for."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import requests
from dependency_injector import providers

from my_monit.identity.firebase import FirebaseIdentity
from my_monit.storage.memory import MemoryStorage
from my_monit.wiring import Container
from tests.callers import CallersContract, bearing
from tests.firebase_emulator import Emulator
from tests.integration.laboratory import SAM, Laboratory, furnish
from tests.integration.rest_api import Api
from tests.integration.test_taken_away import AT_ONCE_SECS, TAKEN, after_taking

PASSWORD = "correct horse"


@pytest.fixture(name="storage")
def storage_in_the_process() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture(name="laboratory")
def furnished_laboratory(storage: MemoryStorage) -> Laboratory:
    with storage.unit() as unit:
        return furnish(unit)


@pytest.fixture(name="api")
def api_of_the_emulator(
    emulator: Emulator, identity: FirebaseIdentity, storage: MemoryStorage, laboratory: Laboratory
) -> Iterator[Api]:
    container = Container()
    container.storage.override(providers.Object(storage))
    container.identity.override(providers.Object(identity))
    container.wire()
    yield Api(container.rest_application(), signing_in_at(emulator))
    container.unwire()


def signing_in_at(emulator: Emulator) -> Callable[[str], str]:
    def token(uid: str) -> str:
        email = f"{uid.encode().hex()}@example.org"
        with suppress(requests.HTTPError):  # there already
            emulator.add(uid, email, PASSWORD)
        return emulator.token(email, PASSWORD)

    return token


class TestCallers(CallersContract):
    @pytest.mark.parametrize("what", TAKEN)
    def test_what_is_taken_away_is_gone_within_a_second_a5(self, api: Api, laboratory: Laboratory, what: str) -> None:
        path = f"/measures/{laboratory.vibrations.experiment_id}"
        status, secs = after_taking(api, path, bearing(api.token(SAM)), what)

        assert status in TAKEN[what][1]
        assert secs < AT_ONCE_SECS
