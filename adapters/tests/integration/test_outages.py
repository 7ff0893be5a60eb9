import errno
import json
import os
import select
import signal
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from adapter_process import DEADLINE_SECS, AdapterProcess, StartAdapter, wait_until
from mymonit_adapters.messages import MessageWriter
from mymonit_adapters.model import Reading, Series
from mymonit_adapters.rabbit import RabbitPublisher
from mymonit_adapters.settings import read_settings
from mymonit_adapters.spool import Spool
from queue_reader import QueueReader, channel_of
from rabbit_server import ADAPTER, EXCHANGE, EXPERIMENT, QUEUE, READER, Account, RabbitServer

BEFORE, COUNT = 10_000, 12_000
SPOOL_MIB = 16
LINES = b"1\n" * 1_000
PAUSE_SECS = 0.1


def test_nothing_is_lost_when_the_broker_is_killed_in_the_middle(start: StartAdapter, own_broker: RabbitServer) -> None:
    adapter = start(own_broker.account(ADAPTER), "--wait", f"{DEADLINE_SECS:g}")
    with channel_of(own_broker.account(READER)) as channel:
        queue = QueueReader(channel, exchange=EXCHANGE, queue=QUEUE)
        queue.purge()
        adapter.write(_lines(range(BEFORE)))
        wait_until(lambda: queue.depth() > 0, what="the first message")
    own_broker.kill()
    adapter.write(_lines(range(BEFORE, COUNT)))
    wait_until(lambda: any("no connection" in line for line in adapter.reports()), what="the loss to be noticed")
    own_broker.start()

    assert adapter.wait() == 0
    assert adapter.reports()[-1] == f"read {COUNT}, confirmed {COUNT}, not confirmed 0, rejected 0, missing 0"
    bodies = _bodies_by_id(own_broker)
    measures = [json.loads(body) for (body,) in bodies.values()]  # one body for each id, however often sent
    values = [each["value"] for array in measures for each in (array if isinstance(array, list) else [array])]
    assert sorted(values) == [float(number) for number in range(COUNT)]


def _lines(numbers: range) -> bytes:
    return b"".join(b"%d\n" % number for number in numbers)


def _bodies_by_id(broker: RabbitServer) -> dict[str, set[bytes]]:
    bodies: dict[str, set[bytes]] = defaultdict(set)
    with channel_of(broker.account(READER)) as channel:
        for received in QueueReader(channel, exchange=EXCHANGE, queue=QUEUE).take_all():
            bodies[received.properties.message_id].add(received.body)
    return bodies


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Account]:
    """A broker that is away: its port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"amqp://127.0.0.1:{taken.getsockname()[1]}"
        yield Account(url=url, ca_file=tmp_path, user="adapter", password="unused")


def test_without_the_broker_reading_goes_on_until_the_spool_is_full(start: StartAdapter, nowhere: Account) -> None:
    adapter = start(nowhere, "--wait", "0", SPOOL_MAX_MIB=str(SPOOL_MIB))

    _write_until(lambda: any("is full" in report for report in adapter.reports()), adapter)
    adapter.signal(signal.SIGTERM)

    assert adapter.wait_for_exit() == 1
    assert any("nothing is read until there is room" in report for report in adapter.reports())
    (spool,) = adapter.spool.glob("*/spool-1.sqlite")
    assert spool.stat().st_size <= SPOOL_MIB << 20


def _write_until(condition: Callable[[], bool], adapter: AdapterProcess) -> None:
    descriptor = adapter.stdin.fileno()
    os.set_blocking(descriptor, False)
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + DEADLINE_SECS
        if select.select([], [descriptor], [], PAUSE_SECS)[1]:
            os.write(descriptor, LINES)


def test_a_broker_that_is_gone_as_soon_as_it_was_reached_is_tried_again(
    own_broker: RabbitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[str] = []
    gone = iter([OSError(errno.ENOTCONN, "not connected")])
    true_name = socket.socket.getpeername

    def name_of_peer(connection: socket.socket) -> object:
        for error in gone:
            raise error
        return true_name(connection)

    monkeypatch.setattr(socket.socket, "getpeername", name_of_peer)
    spool = Spool(tmp_path / "spool-1.sqlite", max_bytes=64 << 20, keep_secs=86_400)
    writer = MessageWriter(routing="measures")
    writer.add([Reading(Series(experiment=EXPERIMENT, measure="hertz"), 1.0, time.time_ns())])
    spool.commit(writer.finish(), None)
    publisher = RabbitPublisher(
        read_settings(own_broker.account(ADAPTER).environment()), spool, report=reports.append
    )

    publisher.drain(timeout_secs=DEADLINE_SECS, given_up=lambda: False)
    publisher.close()

    assert publisher.failure is None
    assert spool.waiting == 0
    assert any("no connection to the broker" in report for report in reports)
