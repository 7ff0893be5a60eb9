"""The listener as a process: nothing is lost and nothing stored twice, however it ends."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from my_monit.settings import RabbitConfiguration
from my_monit.storage.connector import Session
from my_monit.wiring import Container
from tests.conftest import Eventually
from tests.integration.database import administrating
from tests.integration.lane import body_of
from tests.integration.service_process import ListenerProcess
from tests.integration.publisher import Account, flood

OUTCOMES = ("stored", "quarantined", "duplicate", "returned")
#: How often the listener is ended in the middle, and how often it must have been: how long that lasts is the machine's.
KILLS, STOPS, LEAST = 5, 2, 2

Start = Callable[..., ListenerProcess]


@pytest.fixture(name="start")
def starter_of_listeners(
    listening_container: Container, environment: dict[str, str], tmp_path: Path
) -> Iterator[Start]:
    started: list[ListenerProcess] = []

    def start(**changes: str) -> ListenerProcess:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        started.append(ListenerProcess({**environment, **changes}, health_port=port, log=tmp_path / "listener.log"))
        return started[-1]

    yield start
    for process in started:
        process.close()


@pytest.fixture(name="values")
def stored_values(
    storage_configuration, storage_administration, listening_container
) -> Iterator[Callable[[], list[int]]]:
    """What is in MEASURES: the numbers of the messages, which are their values."""
    with administrating(storage_configuration, storage_administration) as session:
        for table in ("MEASURES", "QUARANTINE", "MESSAGE_IDS"):
            session.execute(f"DELETE FROM {table}")
        yield lambda: [int(value) for (value,) in session.rows("SELECT value FROM MEASURES")]


@pytest.fixture(name="count")
def stored_count(storage_configuration, storage_administration) -> Iterator[Callable[[], int]]:
    with administrating(storage_configuration, storage_administration) as session:
        yield lambda: session.rows("SELECT COUNT(*) FROM MEASURES")[0][0]


def test_kill_9_in_the_middle_loses_nothing_and_stores_nothing_twice(
    start: Start, values: Callable[[], list[int]], count: Callable[[], int], administrator: Session,
    rabbit_configuration: RabbitConfiguration, adapter: Account, eventually: Eventually,
) -> None:
    total, kills = 20_000, 0
    sent = flood(
        rabbit_configuration, adapter, ((body_of(value=number), f"message-{number}") for number in range(total))
    )
    assert sent == total

    while kills < KILLS and count() < total:
        process = start()
        eventually(lambda: count() > kills * total // (2 * KILLS), within=60, every=0.02)
        process.kill()
        kills += count() < total
    process = start()
    eventually(lambda: count() >= total, within=60)

    assert kills >= LEAST, "the listener was done before it could be killed"
    assert process.terminate() == 0
    assert sorted(values()) == list(range(total))
    assert administrator.rows("SELECT reason FROM QUARANTINE") == []


def test_sigterm_under_load_finishes_what_was_begun(
    start: Start, values: Callable[[], list[int]], count: Callable[[], int],
    rabbit_configuration: RabbitConfiguration, adapter: Account, eventually: Eventually,
) -> None:
    """The messages have no ids, so nothing would hide one that is delivered again."""
    total, stops = 15_000, 0
    flood(rabbit_configuration, adapter, ((body_of(value=number), None) for number in range(total)))

    while stops < STOPS and count() < total:
        process = start()
        eventually(lambda: count() > stops * total // (2 * STOPS), within=60, every=0.02)
        assert process.terminate() == 0
        stops += count() < total
    process = start()
    eventually(lambda: count() >= total, within=60)

    assert stops >= LEAST, "the listener was done before it could be stopped"
    assert process.terminate() == 0
    assert sorted(values()) == list(range(total))


def test_the_process_tells_its_health_and_ends_when_it_is_idle(start: Start) -> None:
    process = start()

    process.wait_until_ready()
    assert [process.health("live"), process.health("x")] == [200, 404]
    assert process.terminate(within=5) == 0
    assert process.health() is None


def test_what_no_retry_can_mend_ends_the_start_with_one_line(start: Start) -> None:
    process = start(RABBIT_PASSWORD="wrong")

    assert process.wait() == 1
    (line,) = process.log.splitlines()
    assert line.startswith("Error: ") and "RABBIT_PASSWORD" in line


def test_its_metrics_add_up_while_it_works_and_when_it_is_done(
    start: Start, values: Callable[[], list[int]], rabbit_configuration: RabbitConfiguration, adapter: Account,
    eventually: Eventually,
) -> None:
    total, bad = 3000, 10
    process = start()
    process.wait_until_ready()
    messages = [(body_of(value=number), f"ledger-{number}") for number in range(total)]
    flood(rabbit_configuration, adapter, [*messages, *((b"bad", None) for _ in range(bad)), *messages[:100]])

    def is_done() -> bool:
        found = process.metrics()
        by_outcome = sum(value for name, value in found.items() if name.startswith("mymonit_ingest_messages_total"))
        in_flight = found["mymonit_ingest_in_flight_messages"]
        assert found["mymonit_ingest_received_messages_total"] == by_outcome + in_flight
        return by_outcome == total + bad + 100

    def told_of_rubbish() -> list[str]:
        return [line for line in process.log.splitlines() if '"message":"quarantined"' in line]

    eventually(is_done, within=30, every=0.01)
    [line, *_] = eventually(told_of_rubbish)  # after it was counted
    found = process.metrics()
    assert [found[f'mymonit_ingest_messages_total{{outcome="{one}"}}'] for one in OUTCOMES] == [total, bad, 100, 0]
    assert found["mymonit_ingest_ready"] == 1
    assert len(values()) == found["mymonit_ingest_measures_total"] == total
    assert """"publishers":"'measures' """ in line and '"reasons":"bad_json ' in line
    assert process.terminate() == 0
