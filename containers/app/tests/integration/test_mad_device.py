"""A mad device at the real broker is cut off, by its name, and the others' messages go on being stored."""

from collections.abc import Callable, Iterator

import pika
import pytest
from pika.exceptions import AMQPError

from my_monit.health import Health
from my_monit.messaging.management import Management
from my_monit.model import CONSOLE, QuarantineSelection, Reason
from my_monit.services.guard import Guard
from my_monit.settings import RabbitConfiguration
from my_monit.wiring import Container
from tests.conftest import Eventually
from tests.integration.lane import Lane, body_of
from tests.integration.log_lines import LogLines
from tests.integration.publisher import Account, Publisher

OWN, KEY = "device-vibrations", "measures.device-vibrations"
RUBBISH = b"x" * 400_000

Devices = Callable[[str], Publisher]


@pytest.fixture(name="guard")
def guard_of_one_mebibyte(listening_container: Container) -> Guard:
    return Guard(
        listening_container.storage(), listening_container.broker_accounts(), listening_container.adapter_service(),
        Health(), limit_mib=1, routing="measures",
    )


@pytest.fixture(name="device")
def devices(
    listening_container: Container, management: Management, rabbit_configuration: RabbitConfiguration
) -> Iterator[Devices]:
    """Makes the account of a device, and connects as that."""
    made: dict[str, Publisher] = {}

    def device(name: str) -> Publisher:
        password = listening_container.adapter_service().add(CONSOLE, name, [OWN])
        made[name] = Publisher(rabbit_configuration, Account(name, password))
        return made[name]

    yield device
    for name, publisher in made.items():
        publisher.close()
        management.delete("users", name)


def is_cut_off(publisher: Publisher) -> bool:
    try:
        publisher(body_of(), key=KEY)
    except AMQPError:
        return True
    return False


def named(account: str) -> pika.BasicProperties:
    return pika.BasicProperties(user_id=account)


def test_a_mad_device_is_suspended_and_the_others_go_on(
    listening_container: Container, lane: Lane, guard: Guard, device: Devices, log_lines: LogLines,
    eventually: Eventually,
) -> None:
    mad, good = device("mad"), device("good")
    for _ in range(2):
        mad(RUBBISH, key=KEY, properties=named("mad"))
    lane.settle()
    guard.look()
    assert not is_cut_off(mad)

    mad(RUBBISH, key=KEY, properties=named("mad"))
    lane.settle()
    guard.look()

    eventually(lambda: is_cut_off(mad), within=5)
    good(body_of(sensor="good"), key=KEY, properties=named("good"))
    lane.settle()
    assert "good" in {one.sensor for one in lane.stored()}
    (line,) = log_lines.of("publisher_suspended")
    assert (line["log"]["level"], line["mymonit"]["publisher"], line["mymonit"]["items"]) == ("error", "mad", 3)
    with listening_container.storage().unit() as unit:
        (row,) = [row for row in unit.audit.newest(20) if row.verb == "adapter.suspend"][:1]
    assert row[:4] == ("@guard", "adapter.suspend", "adapter:mad", "success")

    guard.look()
    assert len(log_lines.of("publisher_suspended")) == 1
    assert sum(listening_container.quarantine_service().discard(
        CONSOLE, QuarantineSelection(publisher=b"mad", reason=Reason.BAD_JSON)
    )) == 3
    listening_container.adapter_service().resume(CONSOLE, "mad")
    guard.look()
    accounts = {one.name: one for one in listening_container.broker_accounts().publishers()}
    assert (accounts["mad"].suspended, accounts["good"].suspended) == (False, False)


def test_a_mad_device_that_does_not_say_who_it_is_takes_those_along_that_can_use_no_other_key(
    listening_container: Container, lane: Lane, guard: Guard, device: Devices, adapter: Account, log_lines: LogLines,
    eventually: Eventually,
) -> None:
    mad = device("mad")
    for _ in range(3):
        mad(RUBBISH, key=KEY)
    lane.settle()
    guard.look()

    eventually(lambda: is_cut_off(mad), within=5)
    accounts = {one.name: one for one in listening_container.broker_accounts().publishers()}
    assert not accounts[adapter.user].suspended
    (line,) = log_lines.of("quarantine_overflowing")
    assert line["mymonit"]["publisher"] == KEY
    assert [one["mymonit"]["account"] for one in log_lines.of("publisher_suspended")] == ["mad"]
