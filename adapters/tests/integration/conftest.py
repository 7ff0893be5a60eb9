import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from adapter_process import AdapterProcess, StartAdapter
from queue_reader import QueueReader, channel_of
from rabbit_server import ADAPTER, EXPERIMENT, QUEUE, READER, SERVER, Account, RabbitServer, running_rabbit


@pytest.fixture(scope="session")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    """A broker that may be killed, with accounts that may do little."""
    if not SERVER.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("RabbitMQ is not installed: apt install rabbitmq-server")
    with running_rabbit(tmp_path_factory.mktemp("rabbit")) as server:
        yield server


@pytest.fixture(scope="session")
def account(request: pytest.FixtureRequest) -> Account:
    """The adapter's; of the broker that RABBIT_TEST_URL names, or of the tests' own."""
    if url := os.environ.get("RABBIT_TEST_URL"):
        return Account(
            url=url,
            ca_file=Path(os.environ["RABBIT_TEST_CA"]),
            user=os.environ["RABBIT_TEST_USER"],
            password=os.environ["RABBIT_TEST_PASSWORD"],
            vhost=os.environ.get("RABBIT_TEST_VHOST", "/"),
            exchange=f"adapters-test-{secrets.token_hex(4)}",
        )
    server: RabbitServer = request.getfixturevalue("own_broker")
    return server.account(ADAPTER)


@pytest.fixture
def queue(account: Account, request: pytest.FixtureRequest) -> Iterator[QueueReader]:
    """Bound to the exchange for the experiment of the tests, and empty."""
    if "RABBIT_TEST_URL" not in os.environ:
        server: RabbitServer = request.getfixturevalue("own_broker")
        with channel_of(server.account(READER)) as channel:
            channel.queue_purge(QUEUE)
            yield QueueReader(channel, exchange=account.exchange, queue=QUEUE)
        return
    with channel_of(account) as channel:
        channel.exchange_declare(account.exchange, "topic")
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, account.exchange, f"measures.{EXPERIMENT}")
        yield QueueReader(channel, exchange=account.exchange, queue=queue)
        channel.exchange_delete(account.exchange)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartAdapter]:
    """Starts the command; whatever still runs at the end of a test is ended."""
    started: list[AdapterProcess] = []

    def start_adapter(account: Account, *options: str, **settings: str) -> AdapterProcess:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(AdapterProcess(account, folder, *options, **settings))
        return started[-1]

    yield start_adapter
    for process in started:
        process.kill()
