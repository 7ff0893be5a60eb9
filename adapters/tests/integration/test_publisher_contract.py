"""What every publisher promises, the real one and its in-memory twin."""

from collections.abc import Callable, Iterator

import pytest
from mymonit_adapters.errors import PublishingFailed, PublishingStopped
from mymonit_adapters.messages import Message, MessageWriter
from mymonit_adapters.model import Reading, Series
from mymonit_adapters.publishing import Publisher
from mymonit_adapters.rabbit import RabbitPublisher
from mymonit_adapters.settings import read_settings
from mymonit_adapters.testing import MemoryPublisher
from rabbit_server import EXPERIMENT, Account

DEADLINE_SECS = 30.0
NOWHERE = {"RABBIT_URL": "amqp://localhost:1", "RABBIT_USER": "adapter", "RABBIT_PASSWORD": "unused"}

MakePublisher = Callable[[str], Publisher]


@pytest.fixture(params=["memory", "rabbit"])
def make(request: pytest.FixtureRequest) -> Iterator[MakePublisher]:
    """Makes a publisher whose broker is "here", "away" or "hostile"."""
    made: list[Publisher] = []

    def make_publisher(broker: str) -> Publisher:
        made.append(_in_memory(broker) if request.param == "memory" else _on_rabbit(broker, request))
        return made[-1]

    yield make_publisher
    for publisher in made:
        publisher.close()


def _in_memory(broker: str) -> Publisher:
    publisher = MemoryPublisher(away=broker == "away")
    if broker == "hostile":
        publisher.fail("the broker refuses the account")
    return publisher


def _on_rabbit(broker: str, request: pytest.FixtureRequest) -> Publisher:
    request.getfixturevalue("queue")
    account: Account = request.getfixturevalue("account")
    settings = {
        "here": account.environment(),
        "away": NOWHERE,
        "hostile": {**account.environment(), "RABBIT_PASSWORD": "wrong horse"},
    }
    return RabbitPublisher(read_settings(settings[broker]), report=lambda _: None)


def messages(count: int) -> list[Message]:
    writer, series = MessageWriter(routing="measures"), Series(experiment=EXPERIMENT, measure="hertz")
    return [writer.write(Reading(series, float(number), 1_649_228_400_000_000_000 + number)) for number in range(count)]


def never() -> bool:
    return False


def test_everything_that_was_accepted_is_confirmed_when_draining_ends(make: MakePublisher) -> None:
    publisher = make("here")
    for message in messages(3_000):
        publisher.submit(message)

    publisher.drain(timeout_secs=DEADLINE_SECS, given_up=never)

    assert publisher.confirmed == 3_000
    assert publisher.failure is None


def test_nothing_is_accepted_once_draining_has_begun(make: MakePublisher) -> None:
    publisher = make("here")

    publisher.drain(timeout_secs=DEADLINE_SECS, given_up=never)

    with pytest.raises(PublishingStopped):
        publisher.submit(*messages(1))


def test_nothing_counts_as_confirmed_while_the_broker_is_away(make: MakePublisher) -> None:
    publisher = make("away")
    publisher.submit(*messages(1))

    publisher.drain(timeout_secs=0.2, given_up=never)

    assert publisher.confirmed == 0
    assert publisher.failure is None


def test_a_broker_that_will_never_take_it_is_a_failure_that_ends_the_draining(make: MakePublisher) -> None:
    publisher = make("hostile")
    try:
        publisher.submit(*messages(1))  # accepted as long as the refusal is not known
    except PublishingFailed:
        pass

    publisher.drain(timeout_secs=DEADLINE_SECS, given_up=never)

    assert "refuses the account" in str(publisher.failure)
    with pytest.raises(PublishingFailed):
        publisher.submit(*messages(1))


def test_closing_twice_does_no_harm(make: MakePublisher) -> None:
    publisher = make("here")

    publisher.close()
    publisher.close()
