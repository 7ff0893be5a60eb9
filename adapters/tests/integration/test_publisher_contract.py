"""What every publisher promises, the real one and its in-memory twin."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mymonit_adapters.messages import MessageWriter
from mymonit_adapters.model import Reading, Series
from mymonit_adapters.publishing import Publisher
from mymonit_adapters.rabbit import RabbitPublisher
from mymonit_adapters.settings import read_settings
from mymonit_adapters.spool import Spool
from mymonit_adapters.testing import MemoryPublisher
from rabbit_server import EXPERIMENT, Account

DEADLINE_SECS = 30.0
NOWHERE = {"RABBIT_URL": "amqp://localhost:1", "RABBIT_USER": "adapter", "RABBIT_PASSWORD": "unused"}

MakePublisher = Callable[[str], Publisher]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool-1.sqlite", max_bytes=64 << 20, keep_secs=86_400)


@pytest.fixture(params=["memory", "rabbit"])
def make(request: pytest.FixtureRequest, spool: Spool) -> Iterator[MakePublisher]:
    """Makes a publisher whose broker is "here", "away" or "hostile"."""
    made: list[Publisher] = []

    def make_publisher(broker: str) -> Publisher:
        made.append(
            _in_memory(broker, spool) if request.param == "memory" else _on_rabbit(broker, spool, request)
        )
        return made[-1]

    yield make_publisher
    for publisher in made:
        publisher.close()


def _in_memory(broker: str, spool: Spool) -> Publisher:
    publisher = MemoryPublisher(spool, away=broker != "here")
    if broker == "hostile":
        publisher.fail("the broker refuses the account")
    return publisher


def _on_rabbit(broker: str, spool: Spool, request: pytest.FixtureRequest) -> Publisher:
    request.getfixturevalue("queue")
    account: Account = request.getfixturevalue("account")
    settings = {
        "here": account.environment(),
        "away": NOWHERE,
        "hostile": {**account.environment(), "RABBIT_PASSWORD": "wrong horse"},
    }
    return RabbitPublisher(read_settings(settings[broker]), spool, report=lambda _: None)


def keep(spool: Spool, count: int) -> None:
    series = Series(experiment=EXPERIMENT, measure="hertz")
    messages = []
    writer = MessageWriter(routing="measures")
    for number in range(count):
        writer.add([Reading(series, float(number), 1_649_228_400_000_000_000 + number)])
        messages += writer.finish()
    spool.commit(messages, None)


def never() -> bool:
    return False


def test_what_waited_before_it_came_is_confirmed_when_draining_ends(make: MakePublisher, spool: Spool) -> None:
    keep(spool, 3_000)
    publisher = make("here")

    publisher.drain(timeout_secs=DEADLINE_SECS, given_up=never)

    assert spool.waiting == 0
    assert publisher.failure is None


def test_what_comes_later_is_confirmed_when_it_is_told_so(make: MakePublisher, spool: Spool) -> None:
    publisher = make("here")
    for _ in range(3):
        keep(spool, 10)
        publisher.wake()

        publisher.drain(timeout_secs=DEADLINE_SECS, given_up=never)

        assert spool.waiting == 0


def test_nothing_counts_as_confirmed_while_the_broker_is_away(make: MakePublisher, spool: Spool) -> None:
    keep(spool, 1)
    publisher = make("away")

    publisher.drain(timeout_secs=0.2, given_up=never)

    assert spool.waiting == 1
    assert publisher.failure is None


def test_a_broker_that_will_never_take_it_is_a_failure_that_ends_the_draining(
    make: MakePublisher, spool: Spool
) -> None:
    keep(spool, 1)
    publisher = make("hostile")

    publisher.drain(timeout_secs=DEADLINE_SECS, given_up=never)

    assert "refuses the account" in str(publisher.failure)
    assert spool.waiting == 1


def test_closing_twice_does_no_harm(make: MakePublisher) -> None:
    publisher = make("here")

    publisher.close()
    publisher.close()

    assert publisher.failure is None
