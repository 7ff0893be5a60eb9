"""A message that kills the process is found and quarantined, and takes none of its neighbours along."""

import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from my_monit.messaging.isolation import GIVEN_UP_AFTER
from my_monit.messaging.topology import DELIVERY_LIMIT
from my_monit.model import Reason
from my_monit.settings import RabbitConfiguration, StorageConfiguration
from my_monit.storage.connector import Session
from my_monit.wiring import Container
from tests.conftest import Eventually
from tests.integration.dying_listener import MARK
from tests.integration.lane import body_of
from tests.integration.service_process import ListenerProcess
from tests.integration.publisher import Account, flood

BATCH = 1000

Start = Callable[[], ListenerProcess]


@pytest.fixture(name="start")
def starter_of_dying_listeners(
    listening_container: Container, environment: dict[str, str], tmp_path: Path
) -> Iterator[Start]:
    started: list[ListenerProcess] = []

    def start() -> ListenerProcess:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        changed = {**environment, "RABBIT_BATCH": str(BATCH)}
        module = "tests.integration.dying_listener"
        started.append(ListenerProcess(changed, health_port=port, log=tmp_path / "listener.log", module=module))
        return started[-1]

    yield start
    for process in started:
        process.close()


class Supervisor:
    """Starts again what has died, and counts how often."""

    def __init__(self, start: Start, processes: int = 1) -> None:
        self._start = start
        self._processes = [start() for _ in range(processes)]
        self.deaths = 0

    def look(self) -> None:
        for number, process in enumerate(self._processes):
            if not process.runs:
                self.deaths += 1
                self._processes[number] = self._start()

    def stop(self) -> None:
        """What is stored is acknowledged, too, and comes back to no later test."""
        for process in self._processes:
            process.terminate()


def stored(session: Session) -> list[int]:
    return [int(value) for (value,) in session.rows("SELECT value FROM MEASURES ORDER BY value")]


def refused(session: Session) -> list[tuple[str, bytes]]:
    return [(row[0], bytes(row[1])) for row in session.rows("SELECT reason, body FROM QUARANTINE")]


@pytest.mark.parametrize(
    ("messages", "killers", "processes"),
    [(2000, [1999], 1), (3000, [777, 1500], 1), (3000, [1234], 2)],
    ids=["last", "several", "two listeners"],
)
def test_what_kills_the_process_is_quarantined_raw_and_everything_else_is_stored(
    start: Start, administrator: Session, rabbit_configuration: RabbitConfiguration, adapter: Account,
    eventually: Eventually, messages: int, killers: list[int], processes: int,
) -> None:
    for table in ("MEASURES", "QUARANTINE", "MESSAGE_IDS"):
        administrator.execute(f"DELETE FROM {table}")
    bodies = {number: MARK + b"%d" % number if number in killers else body_of(value=number) for number in range(messages)}
    run = random.randbytes(4).hex()
    flood(rabbit_configuration, adapter, ((body, f"{run}-{number}") for number, body in bodies.items()))
    innocents = [number for number in bodies if number not in killers]
    supervisor = Supervisor(start, processes)

    def done() -> bool:
        supervisor.look()
        return len(stored(administrator)) + len(refused(administrator)) >= messages

    eventually(done, within=240, every=0.1)
    supervisor.stop()
    assert stored(administrator) == innocents
    assert sorted(refused(administrator)) == sorted((Reason.UNDELIVERABLE, bodies[number]) for number in killers)
    assert supervisor.deaths <= len(killers) * GIVEN_UP_AFTER + processes < len(killers) * DELIVERY_LIMIT
