"""Replays on the real database: exact, once, with the receipt and the publisher that the message had."""

import json
import threading
from collections.abc import Callable

import pytest

from my_monit.errors import NotFound
from my_monit.model import CONSOLE, Message, QuarantineSelection, Reason
from my_monit.services.ingestion import IngestionService
from my_monit.services.quarantine import Replayed
from my_monit.storage.connector import Session
from my_monit.storage.storage import Storage
from my_monit.wiring import Container

RECEIVED = 1_700_000_000
#: Elements of each of the arrays that two replays fight for.
ELEMENTS, ARRAYS = 200, 5
NEW = QuarantineSelection(reason=Reason.UNKNOWN_EXPERIMENT)


@pytest.fixture(name="receive")
def receiving(storage: Storage) -> Callable[..., None]:
    ingestion = IngestionService(storage, routing="measures", max_future=86_400)

    def receive(body: object, *, user_id: bytes | None = None) -> None:
        told = "{}" if user_id is None else json.dumps({"user_id": user_id.decode()})
        message = Message(
            json.dumps(body).encode(), "measures.new", None, user_id, None, None, None, lambda: told
        )
        ingestion.store([message])

    return receive


def reading(number: int) -> dict[str, object]:
    return {"experiment": "new", "measure": "hertz", "value": number / 7, "timestamp": f"2023-01-01T00:00:00.{number:09}Z"}


def add_experiment(storage: Storage) -> None:
    with storage.unit() as unit:
        unit.experiments.add("new")


def test_measures_keep_the_receipt_and_the_publisher_of_their_message(
    container: Container, storage: Storage, administrator: Session, receive: Callable[..., None]
) -> None:
    receive(reading(1), user_id=b"vibrometer")
    administrator.execute(f"UPDATE QUARANTINE SET received = FROM_UNIXTIME({RECEIVED}.75)")
    add_experiment(storage)

    assert [one.stored for one in container.quarantine_service().replay(CONSOLE, NEW)] == [1]

    [(value, received, publisher)] = administrator.rows(
        "SELECT value, received, name FROM MEASURES JOIN PUBLISHERS USING (publisher_id)"
    )
    assert (value, received, bytes(publisher)) == (1 / 7, RECEIVED, b"vibrometer")
    assert administrator.rows("SELECT measures FROM SERIES_COUNTS") == [(1,)]


def test_two_replays_at_once_store_everything_once(
    container: Container, storage: Storage, administrator: Session, receive: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("my_monit.services.quarantine.PORTION_ITEMS", 50)
    for array in range(ARRAYS):
        receive([reading(array * ELEMENTS + number) for number in range(ELEMENTS)])
    add_experiment(storage)
    done: list[Replayed] = []
    failures: list[BaseException] = []

    def replay() -> None:
        try:
            done.extend(container.quarantine_service().replay(CONSOLE, NEW))
        except BaseException as error:  # pylint: disable=broad-exception-caught  # it is looked at below
            failures.append(error)

    threads = [threading.Thread(target=replay) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert sum(one.stored for one in done) == ARRAYS * ELEMENTS
    assert administrator.rows("SELECT COUNT(*), COUNT(DISTINCT time) FROM MEASURES") == [(ARRAYS * ELEMENTS,) * 2]
    assert administrator.rows("SELECT COUNT(*) FROM QUARANTINE") == [(0,)]
    assert administrator.rows("SELECT items, bytes FROM QUARANTINE_USAGE") == [(0, 0)]
    assert administrator.rows("SELECT SUM(measures) FROM SERIES_COUNTS")[0][0] == ARRAYS * ELEMENTS


def test_a_discard_and_a_replay_of_one_item_do_not_both_succeed(
    container: Container, storage: Storage, administrator: Session, receive: Callable[..., None]
) -> None:
    for number in range(20):
        receive(reading(number))
    add_experiment(storage)
    with storage.unit() as unit:
        ids = [one.quarantine_id for one in unit.quarantine.page(after=0, limit=100)]
    service = container.quarantine_service()
    outcomes: list[str] = []

    def each(deed: Callable[[int], object], name: str) -> None:
        for number in ids:
            try:
                deed(number)
                outcomes.append(name)
            except NotFound:
                pass

    threads = [
        threading.Thread(target=each, args=(lambda number: service.replay_one(CONSOLE, number), "stored")),
        threading.Thread(target=each, args=(lambda number: service.discard_one(CONSOLE, number), "discarded")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(outcomes) == len(ids)
    assert administrator.rows("SELECT COUNT(*) FROM MEASURES") == [(outcomes.count("stored"),)]
    assert administrator.rows("SELECT COUNT(*) FROM QUARANTINE") == [(0,)]
