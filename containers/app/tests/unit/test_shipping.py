import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from threading import Event, Thread

import pytest

import my_monit
from my_monit.logs import shipping
from my_monit.logs.facets import MASK
from my_monit.logs.logger import get_logger
from my_monit.logs.setup import Logging, setup_logging

APPLICATION = Path(my_monit.__file__).parents[1]
LOCALHOST = "127.0.0.1"
WAIT_SECS = 20
#: Waiting for Logstash would take about a second a line, ten times as long as this.
LINES = 600
BLOCKED_SECS = 60

log = get_logger("test")


@dataclass(frozen=True)
class Configuration:
    logstash_port: int
    logstash_host: str | None = LOCALHOST
    log_level: str = "INFO"


@contextmanager
def logging_to(port: int) -> Iterator[Logging]:
    with redirect_stderr(TextIOWrapper(BytesIO())):
        installed = setup_logging(Configuration(port))
    try:
        yield installed
    finally:
        installed.close()


@pytest.fixture(name="closed")
def socket_that_does_not_listen() -> Iterator[socket.socket]:
    """Its port refuses connections, and meanwhile is nobody else's."""
    with socket.socket() as server:
        # Small, so that a server that does not read is noticed soon.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind((LOCALHOST, 0))
        server.settimeout(WAIT_SECS)
        yield server


@pytest.fixture(name="logstash")
def listening_socket(closed: socket.socket) -> socket.socket:
    closed.listen()
    return closed


def read_lines(server: socket.socket, number: int) -> list[dict[str, object]]:
    connection, _ = server.accept()
    connection.settimeout(WAIT_SECS)
    with connection, connection.makefile("rb") as stream:
        return [json.loads(stream.readline()) for _ in range(number)]


def wait_until_dropped(installed: Logging) -> int:
    deadline = time.monotonic() + WAIT_SECS
    while not installed.dropped and time.monotonic() < deadline:
        time.sleep(0.05)
    return installed.dropped


def test_logstash_gets_what_standard_error_gets(logstash: socket.socket) -> None:
    with logging_to(logstash.getsockname()[1]) as installed:
        with log.bound(message_id="m1"):
            log.info("batch_stored", stored=12, email="ada@example.org")
        logging.getLogger("pika").warning("lost %s", "ada@example.org")
        logging.getLogger("pika").info("unimportant")
        log.info("last")

        ours, foreign, last = read_lines(logstash, 3)
        dropped = installed.dropped

    assert ours["mymonit"] == {"message_id": "m1", "stored": 12, "email": MASK}
    assert (foreign["message"], last["message"]) == (f"lost {MASK}", "last")
    assert dropped == 0


def test_lines_that_wait_are_sent_before_closing_returns(logstash: socket.socket) -> None:
    with logging_to(logstash.getsockname()[1]):
        for number in range(20):
            log.info("line", number=number)

    assert [line["mymonit"] for line in read_lines(logstash, 20)] == [{"number": number} for number in range(20)]


def test_a_logstash_that_refuses_connections_costs_lines_but_no_time(closed: socket.socket) -> None:
    started = time.monotonic()
    with logging_to(closed.getsockname()[1]) as installed:
        for _ in range(LINES):
            log.info("line")
        assert wait_until_dropped(installed) > 0

    assert time.monotonic() - started < BLOCKED_SECS


def test_a_logstash_that_reads_nothing_costs_lines_but_no_time(
    logstash: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a server that lets anybody connect and then reads nothing, and a short queue
    monkeypatch.setattr(shipping, "QUEUE_LINES", 10)
    fields = {f"field_{number}": "x" * 200 for number in range(50)}

    # When more is logged than the network buffers
    started = time.monotonic()
    with logging_to(logstash.getsockname()[1]) as installed:
        for _ in range(LINES):
            log.info("line", error=None, **fields)
        dropped = wait_until_dropped(installed)

    # Then lines are dropped and counted, and neither logging nor closing waited for their turn
    assert 0 < dropped < LINES
    assert time.monotonic() - started < BLOCKED_SECS


def test_a_name_server_that_hangs_costs_lines_but_holds_up_neither_logging_nor_closing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a short queue, and a connection that is never made
    monkeypatch.setattr(shipping, "QUEUE_LINES", 10)
    monkeypatch.setattr(shipping, "CLOSE_SECS", 0.1)
    is_over = Event()

    def hang(*_: object, **__: object) -> None:
        is_over.wait()
        raise OSError

    monkeypatch.setattr(socket, "create_connection", hang)

    # When more is logged than fits
    dropped: list[int] = []

    def work() -> None:
        with logging_to(9) as installed:
            for _ in range(30):
                log.info("line")
            dropped.append(installed.dropped)

    worker = Thread(target=work)
    worker.start()
    worker.join(WAIT_SECS)
    is_over.set()

    # Then what does not fit is dropped at once: the queue has ten, and the sender may have taken one
    assert dropped in ([19], [20])


def test_lines_arrive_again_when_logstash_is_back(closed: socket.socket) -> None:
    with logging_to(closed.getsockname()[1]) as installed:
        log.info("lost")
        assert wait_until_dropped(installed) == 1

        closed.listen()
        closed.settimeout(0.2)
        line = repeat_until_accepted(closed)

    assert line["message"] == "again"


def repeat_until_accepted(server: socket.socket) -> dict[str, object]:
    """The sender tries to connect only when there is a line to send, and not again within a second."""
    for _ in range(5 * WAIT_SECS):
        log.info("again")
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        with connection, connection.makefile("rb") as stream:
            return dict(json.loads(stream.readline()))
    raise AssertionError("nobody connected")


def test_a_process_that_ends_without_closing_sends_what_waits(logstash: socket.socket) -> None:
    port = logstash.getsockname()[1]
    script = (
        "from my_monit.logs.setup import setup_logging; from my_monit.logs.logger import get_logger\n"
        f"class Configuration: log_level, logstash_host, logstash_port = 'INFO', '{LOCALHOST}', {port}\n"
        "setup_logging(Configuration()); get_logger('script').info('last_words')"
    )

    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, cwd=APPLICATION, capture_output=True, timeout=WAIT_SECS, check=True)

    assert read_lines(logstash, 1)[0]["message"] == json.loads(done.stderr)["message"] == "last_words"
