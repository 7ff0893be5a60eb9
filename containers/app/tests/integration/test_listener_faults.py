"""The listener outlives its servers: what goes away comes back, and nothing was lost, doubled or quarantined."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import pika
import pytest
from dependency_injector import providers

from my_monit.errors import ConfigurationError, MyMonitError
from my_monit.messaging import back_off, buffer, consumption
from my_monit.messaging import listener as listening
from my_monit.messaging.management import Management
from my_monit.messaging.topology import declare, parking_queue
from my_monit.model import Reason
from my_monit.settings import RabbitConfiguration, StorageConfiguration
from my_monit.storage.connector import Session
from my_monit.wiring import Container
from tests.conftest import Eventually
from tests.integration.lane import ListenerThread, body_of
from tests.integration.laboratory import Laboratory
from tests.integration.log_lines import LogLines
from tests.integration.proxy import Proxy, proxy_to
from tests.integration.publisher import Account, Publisher, flood, parameters


@pytest.fixture(name="names", scope="module")
def topology_of_these_tests(
    rabbit_configuration: RabbitConfiguration, management: Management
) -> Iterator[RabbitConfiguration]:
    names = rabbit_configuration.model_copy(
        update={"exchange": "faults", "queue": "faults", "user": f"{rabbit_configuration.user}-faults"}
    )
    declare(management, names)
    yield names
    management.delete("users", names.user)
    management.delete("exchanges", names.vhost, names.exchange)
    for queue in (names.queue, parking_queue(names.queue)):
        management.delete("queues", names.vhost, queue)


@pytest.fixture(autouse=True)
def quick_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(back_off, "FIRST_RETRY_SECS", 0.05)
    monkeypatch.setattr(back_off, "RETRY_SECS", 0.4)
    monkeypatch.setattr(listening, "REFUSED_SECS", 0.4)


@pytest.fixture(name="database")
def proxy_of_the_database(storage_configuration: StorageConfiguration) -> Iterator[Proxy]:
    with proxy_to(storage_configuration.host, storage_configuration.port) as proxy:
        yield proxy


@pytest.fixture(name="broker")
def proxy_of_the_broker(names: RabbitConfiguration) -> Iterator[Proxy]:
    with proxy_to(*names.address) as proxy:
        yield proxy


class Bench:
    """A listener whose servers stand behind proxies, and what it has done."""

    def __init__(
        self, container: Container, names: RabbitConfiguration, session: Session, account: Account
    ) -> None:
        self.names = names
        self.health = container.health()
        self.listener = ListenerThread(container.rabbit_listener())
        self._session = session
        self._account = account

    def publish(self, numbers: range, *, with_ids: bool = True) -> None:
        flood(self.names, self._account, ((body_of(value=n), f"{n}" if with_ids else None) for n in numbers))

    def values(self) -> list[int]:
        rows = self._session.rows("SELECT value FROM MEASURES WHERE received > 0 ORDER BY value")
        return [int(value) for (value,) in rows]

    def refused(self) -> list[tuple[str, bytes]]:
        return [(row[0], bytes(row[1])) for row in self._session.rows("SELECT reason, routing_key FROM QUARANTINE")]


@pytest.fixture(name="make")
def maker_of_benches(
    laboratory: Laboratory, storage_configuration: StorageConfiguration, names: RabbitConfiguration,
    administrator: Session, broker_administrator: Account, management: Management, database: Proxy, broker: Proxy,
) -> Iterator[Callable[..., Bench]]:
    administrator.execute("DELETE FROM MEASURES")
    for queue in (names.queue, parking_queue(names.queue)):
        management.delete("queues", names.vhost, queue, "contents")
    scheme = "amqps" if names.tls else "amqp"
    proxied = {"url": f"{scheme}://{names.address[0]}:{broker.port}", "port": None}
    made: list[tuple[Container, Bench]] = []

    def make(**changes: object) -> Bench:
        container = Container()
        container.storage_configuration.override(
            providers.Object(storage_configuration.model_copy(update={"host": "127.0.0.1", "port": database.port}))
        )
        container.rabbit_configuration.override(providers.Object(names.model_copy(update={**proxied, **changes})))
        made.append((container, Bench(container, names, administrator, broker_administrator)))
        return made[-1][1]

    yield make
    for container, bench in made:
        bench.listener.stop()
        container.storage().close()


@pytest.fixture(name="bench")
def ready_bench(make: Callable[..., Bench], eventually: Eventually) -> Bench:
    bench = make()
    eventually(lambda: bench.health.problem is None)
    return bench


def test_while_the_database_is_away_messages_are_held_and_then_stored(
    bench: Bench, database: Proxy, eventually: Eventually, log_lines: LogLines
) -> None:
    database.cut()
    bench.publish(range(300), with_ids=False)
    eventually(lambda: bench.health.problem)
    assert bench.listener.alive and bench.values() == []

    database.mend()

    eventually(lambda: len(bench.values()) == 300)
    eventually(lambda: bench.health.problem is None)
    assert bench.values() == list(range(300))
    assert bench.refused() == []
    interruption = log_lines.of("storing_interrupted")[0]
    assert interruption["error"]["type"].endswith("StorageUnavailable") and interruption["mymonit"]["held"] > 0


def test_an_idle_listener_tells_that_the_database_is_away(
    bench: Bench, database: Proxy, eventually: Eventually
) -> None:
    assert bench.health.ask() is None
    database.cut()
    eventually(lambda: "database" in (bench.health.ask() or ""))
    database.mend()
    eventually(lambda: bench.health.ask() is None)


def test_a_database_that_goes_away_again_and_again_loses_nothing(
    bench: Bench, database: Proxy, eventually: Eventually
) -> None:
    total = 3000
    publishing = threading.Thread(target=bench.publish, args=(range(total),))
    publishing.start()
    for part in range(1, 6):
        eventually(lambda: len(bench.values()) > part * total // 7, within=30)
        database.cut()
        database.mend()
    publishing.join()

    eventually(lambda: len(bench.values()) >= total, within=30)
    assert bench.values() == list(range(total))
    assert bench.refused() == []


def test_a_database_connection_that_is_killed_costs_nothing(
    bench: Bench, administrator: Session, storage_configuration: StorageConfiguration, eventually: Eventually
) -> None:
    total = 1000
    ours = "SELECT id FROM information_schema.processlist WHERE user = %s"
    publishing = threading.Thread(target=bench.publish, args=(range(total),))
    publishing.start()
    for part in range(1, 4):
        eventually(lambda: len(bench.values()) > part * total // 5, within=30)
        for (number,) in administrator.rows(ours, (storage_configuration.user,)):
            with suppress(MyMonitError):  # it may have ended by itself
                administrator.execute(f"KILL {number}")
    publishing.join()

    eventually(lambda: len(bench.values()) >= total, within=30)
    assert bench.values() == list(range(total))
    assert bench.refused() == []


def test_a_read_only_database_is_waited_for(bench: Bench, administrator: Session, eventually: Eventually) -> None:
    administrator.execute("SET GLOBAL read_only = 1")
    try:
        bench.publish(range(100))
        eventually(lambda: bench.health.problem)
    finally:
        administrator.execute("SET GLOBAL read_only = 0")

    eventually(lambda: len(bench.values()) == 100)
    eventually(lambda: bench.health.problem is None)
    assert bench.refused() == []


def test_messages_that_are_held_too_long_go_back_to_the_broker_once(
    make: Callable[..., Bench], database: Proxy, eventually: Eventually, log_lines: LogLines
) -> None:
    bench = make(hold_secs=0.3)
    eventually(lambda: bench.health.problem is None)
    database.cut()
    bench.publish(range(250))
    eventually(lambda: log_lines.of("consuming_interrupted"))
    assert bench.listener.alive

    database.mend()

    eventually(lambda: len(bench.values()) == 250)
    assert bench.refused() == []


def test_a_listener_that_is_stopped_while_the_database_is_away_ends_and_loses_nothing(
    make: Callable[..., Bench], database: Proxy, eventually: Eventually
) -> None:
    first = make()
    eventually(lambda: first.health.problem is None)
    database.cut()
    first.publish(range(150), with_ids=False)
    eventually(lambda: first.health.problem)

    first.listener.stop(within=5)
    database.mend()
    second = make()

    eventually(lambda: len(second.values()) == 150)
    assert second.values() == list(range(150))


def test_a_listener_may_start_before_its_servers(
    make: Callable[..., Bench], database: Proxy, broker: Proxy, eventually: Eventually, log_lines: LogLines
) -> None:
    database.cut()
    broker.cut()
    bench = make()
    eventually(lambda: log_lines.of("consuming_interrupted"))
    assert bench.health.problem and "database" in bench.health.problem

    database.mend()
    eventually(lambda: "broker" in (bench.health.problem or ""))

    broker.mend()
    eventually(lambda: bench.health.problem is None)


def test_a_broker_that_goes_away_again_and_again_loses_nothing(
    bench: Bench, broker: Proxy, eventually: Eventually
) -> None:
    total = 3000
    publishing = threading.Thread(target=bench.publish, args=(range(total),))
    publishing.start()
    for part in range(1, 6):
        eventually(lambda: len(bench.values()) > part * total // 7, within=30)
        broker.cut()
        eventually(lambda: bench.health.problem)
        broker.mend()
    publishing.join()

    eventually(lambda: len(bench.values()) >= total, within=30)
    eventually(lambda: bench.health.problem is None)
    assert bench.values() == list(range(total))
    assert bench.refused() == []


def test_a_connection_that_the_broker_closes_is_opened_again(
    bench: Bench, management: Management, told_by_broker: Callable[..., Any], eventually: Eventually,
    log_lines: LogLines,
) -> None:
    def close_all() -> bool:
        """The API lists a connection some seconds late, and one that has ended a while longer."""
        for one in told_by_broker("vhosts", bench.names.vhost, "connections"):
            if one.get("user") == bench.names.user:
                with suppress(ConfigurationError):
                    management.delete("connections", one["name"])
        return bool(log_lines.of("consuming_interrupted"))

    eventually(close_all, within=20, every=0.5)
    bench.publish(range(10))

    eventually(lambda: len(bench.values()) == 10)
    assert log_lines.of("consuming")[-1]["@timestamp"] >= log_lines.of("consuming_interrupted")[-1]["@timestamp"]


def test_a_queue_that_is_deleted_is_told_and_waited_for(
    bench: Bench, names: RabbitConfiguration, management: Management, eventually: Eventually, log_lines: LogLines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refusals() -> list[datetime]:
        lines = log_lines.of("consuming_interrupted")
        return [datetime.fromisoformat(one["@timestamp"]) for one in lines if "mymonit migrate" in str(one["error"])]

    pause_secs = 1.0  # longer than any other pause here
    monkeypatch.setattr(listening, "REFUSED_SECS", pause_secs)
    management.delete("queues", names.vhost, names.queue)

    eventually(lambda: "mymonit migrate" in (bench.health.ask() or ""))
    first, second, *_ = eventually(lambda: refusals()[1:] and refusals())
    declare(management, names)

    eventually(lambda: bench.health.problem is None)
    assert (second - first).total_seconds() > 0.9 * pause_secs
    bench.publish(range(10))
    eventually(lambda: len(bench.values()) == 10)


@pytest.mark.parametrize("kind", ["queues", "exchanges"])
def test_without_its_parking_queue_or_exchange_the_listener_does_not_start(
    make: Callable[..., Bench], names: RabbitConfiguration, management: Management, eventually: Eventually, kind: str
) -> None:
    management.delete(kind, names.vhost, parking_queue(names.queue))
    bench = make()

    eventually(lambda: not bench.listener.alive)
    failure, bench.listener.failure = bench.listener.failure, None
    declare(management, names)
    assert isinstance(failure, ConfigurationError) and "mymonit migrate" in str(failure)
    assert bench.health.problem


def test_rights_that_are_taken_away_are_waited_for_while_it_runs_and_end_a_start(
    bench: Bench, make: Callable[..., Bench], names: RabbitConfiguration, management: Management, broker: Proxy,
    eventually: Eventually,
) -> None:
    nothing = {"configure": "^$", "write": "^$", "read": "^$"}
    management.put(nothing, "permissions", names.vhost, names.user)
    broker.cut()
    broker.mend()
    eventually(lambda: "403" in (bench.health.ask() or ""))
    second = make()
    eventually(lambda: not second.listener.alive)
    failure, second.listener.failure = second.listener.failure, None
    declare(management, names)

    assert isinstance(failure, ConfigurationError) and "RABBIT_USER" in str(failure)
    eventually(lambda: bench.health.problem is None)


def test_what_was_delivered_too_often_is_quarantined_with_its_first_routing_key(
    make: Callable[..., Bench], names: RabbitConfiguration, broker_administrator: Account, eventually: Eventually
) -> None:
    forged = {"queue": names.queue, "reason": "delivery_limit", "routing-keys": ["measures.black-holes"], "count": 1}
    headers = {"x-death": [forged], "x-delivery-count": 3}
    publisher = Publisher(names, broker_administrator)
    publisher(
        body_of(), key="measures.device-vibrations", properties=pika.BasicProperties(message_id="one", headers=headers)
    )
    publisher.close()
    with pika.BlockingConnection(parameters(names, broker_administrator)) as connection:
        channel = connection.channel()

        def give_back() -> bool:
            method, _, _ = channel.basic_get(names.queue)
            if method:
                channel.basic_nack(method.delivery_tag, requeue=True)
            waiting: int = channel.queue_declare(parking_queue(names.queue), passive=True).method.message_count
            return waiting > 0

        eventually(give_back, within=30, every=0.01)
    bench = make()

    eventually(bench.refused)
    assert bench.refused() == [(Reason.UNDELIVERABLE, b"measures.device-vibrations")]
    assert bench.values() == []


@pytest.mark.parametrize("count", [17, 1_000_000, -1, "many", None, [1]])
def test_a_forged_delivery_count_changes_nothing(
    bench: Bench, names: RabbitConfiguration, broker_administrator: Account, broker: Proxy, database: Proxy,
    eventually: Eventually, count: object,
) -> None:
    """Neither at the first delivery nor at the second, for which the broker writes its own count."""
    database.cut()
    publisher = Publisher(names, broker_administrator)
    for number in range(3):
        properties = pika.BasicProperties(message_id=f"{number}", headers={"x-delivery-count": count})
        publisher(body_of(value=number), properties=properties)
    publisher.close()
    eventually(lambda: bench.health.problem)
    broker.cut()
    database.mend()
    broker.mend()

    eventually(lambda: len(bench.values()) == 3)
    assert bench.refused() == []


def test_an_outage_of_the_database_costs_a_message_one_return(
    make: Callable[..., Bench], names: RabbitConfiguration, broker_administrator: Account, database: Proxy,
    eventually: Eventually, log_lines: LogLines,
) -> None:
    bench = make(hold_secs=0.2)
    eventually(lambda: bench.health.problem is None)
    database.cut()
    bench.publish(range(5))
    eventually(lambda: len(log_lines.of("consuming_interrupted")) > 5)
    bench.listener.stop()

    with pika.BlockingConnection(parameters(names, broker_administrator)) as connection:
        channel = connection.channel()
        counts = [(channel.basic_get(names.queue)[1].headers or {}).get("x-delivery-count", 0) for _ in range(5)]
    database.mend()
    assert max(counts) == 1


def test_two_listeners_share_a_queue(make: Callable[..., Bench], eventually: Eventually) -> None:
    """Each id is published twice, so that both may meet the same one at the same time."""
    first, second = make(), make()
    eventually(lambda: first.health.problem is None and second.health.problem is None)

    first.publish(range(1500))
    first.publish(range(1500))
    first.publish(range(1500, 2000))

    eventually(lambda: len(first.values()) >= 2000, within=30)
    assert first.values() == list(range(2000))
    assert first.refused() == []


def test_a_full_buffer_slows_reading_and_loses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr(buffer, "FULL_BYTES", 2000)
    monkeypatch.setattr(consumption, "THROTTLE_SECS", 0.05)

    bench.publish(range(500), with_ids=False)

    eventually(lambda: len(bench.values()) == 500, within=20)
    assert bench.values() == list(range(500))
