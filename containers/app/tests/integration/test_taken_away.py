"""A5 of the list of faults: what is taken away is gone at the next request, whoever vouches for the caller.

Nothing is remembered between two requests, so it does not matter which process takes away and which one serves.
"""

from collections.abc import Callable, Iterator
from time import monotonic

import pytest
from werkzeug.test import TestResponse

from my_monit.errors import Unauthenticated
from my_monit.storage.connector import Session
from my_monit.storage.storage import Storage
from my_monit.wiring import Container
from tests.callers import bearing
from tests.integration.instruments import Instruments
from tests.integration.keys import add_key
from tests.integration.laboratory import ADA, MORNING, SAM, SECOND, Laboratory
from tests.integration.rest_api import Api, vouched_by
from tests.unit.vouching import PROVIDERS, Vouching

KEY_ID = "0123456789abcdef"
RECORD = {"name": SAM.name, "username": SAM.username, "email": SAM.email}
#: From the moment on at which it is taken away; how long a disk takes to write that down is another matter.
AT_ONCE_SECS = 1

pytestmark = pytest.mark.usefixtures("without_waiting_for_the_disk")


@pytest.fixture
def key(storage: Storage, laboratory: Laboratory) -> str:
    with storage.unit() as unit:
        return add_key(unit, KEY_ID, SAM)


@pytest.fixture(name="sam", params=[*PROVIDERS, "key"])
def what_sam_shows(
    request: pytest.FixtureRequest, api: Api, rest_container: Container, vouchings: dict[str, Vouching]
) -> Iterator[dict[str, str]]:
    if request.param == "key":
        yield bearing(request.getfixturevalue("key"))
        return
    with vouched_by(vouchings[request.param], rest_container, api):
        yield bearing(api.token(SAM))


def change(api: Api, **changes: object) -> TestResponse:
    return api.put(ADA, "/users/S001", json={**RECORD, **changes})


#: What an admin does, and how SAM is answered then; a key is gone together with the role that it was made for.
TAKEN: dict[str, tuple[Callable[[Api, str], TestResponse], set[int]]] = {
    "the role": (lambda api, _: change(api, role="AUDITOR"), {401, 403}),
    "the role, for a higher one": (lambda api, _: change(api, role="ADMIN"), {401, 403}),
    "activity": (lambda api, _: change(api, active=False), {401}),
    "everything personal": (lambda api, _: api(ADA, "DELETE", "/users/S001"), {401}),
    "the experiment": (lambda api, number: api(ADA, "DELETE", f"/scientists-experiments/{number}/S001"), {404}),
}


def after_taking(api: Api, path: str, sam: dict[str, str], what: str) -> tuple[int, float]:
    """How SAM, who could read these measures, is answered once it is taken away, and in how many seconds."""
    assert api.get(None, path, headers=sam).status_code == 200
    take, _ = TAKEN[what]

    began = monotonic()
    assert take(api, path.rpartition("/")[2]).status_code < 300
    status = api.get(None, path, headers=sam).status_code

    return status, monotonic() - began


@pytest.mark.parametrize("what", TAKEN)
def test_what_is_taken_away_is_gone_within_a_second_a5(api: Api, path: str, sam: dict[str, str], what: str) -> None:
    status, secs = after_taking(api, path, sam, what)

    assert status in TAKEN[what][1]
    assert secs < AT_ONCE_SECS


def test_a_revoked_key_is_refused_within_a_second_a5(api: Api, path: str, key: str) -> None:
    assert api.get(None, path, headers=bearing(key)).status_code == 200

    began = monotonic()
    assert api(SAM, "DELETE", f"/users/S001/keys/{KEY_ID}").status_code == 204

    assert api.get(None, path, headers=bearing(key)).status_code == 401
    assert monotonic() - began < AT_ONCE_SECS


BREAKS: dict[str, Callable[[Api, Session], object]] = {
    "the user is set inactive": lambda api, _: change(api, active=False),
    "the key is revoked": lambda api, _: api(SAM, "DELETE", f"/users/S001/keys/{KEY_ID}"),
    "the key expires": lambda _, database: database.execute("UPDATE API_KEYS SET expires = UTC_TIMESTAMP(6)"),
}


@pytest.mark.parametrize("what", BREAKS)
@pytest.mark.parametrize("stream", ["?format=csv", "?format=csv&limit=2500", "/changes?format=ndjson"])
def test_a_stream_breaks_off_when_its_reader_is_nobody_any_more(
    api: Api, path: str, key: str, instruments: Instruments, administrator: Session, stream: str, what: str
) -> None:
    instruments.measured(("hertz", "", MORNING + number * SECOND, 1.0) for number in range(3000))
    with api.get(None, path + stream, headers=bearing(key), buffered=False) as answer:
        assert answer.status_code == 200
        pieces = answer.iter_encoded()
        assert next(pieces)

        BREAKS[what](api, administrator)

        with pytest.raises(Unauthenticated):
            list(pieces)
