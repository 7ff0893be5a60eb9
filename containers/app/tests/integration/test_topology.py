"""What stands at the broker, and what its accounts may do there."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel as Channel
from pika.exceptions import AMQPError
from pydantic import SecretStr

from my_monit.errors import BrokerUnavailable, ConfigurationError
from my_monit.messaging.management import Management
from my_monit.messaging.topology import add_publisher, declare, parking_queue
from my_monit.settings import DemonstrationConfiguration, RabbitAdministration, RabbitConfiguration
from tests.conftest import Eventually
from tests.integration.lane import body_of
from tests.integration.publisher import Account, Publisher, parameters
from tests.integration.refusals import refusal

ACCESS_REFUSED, NOT_FOUND, PRECONDITION_FAILED = 403, 404, 406


@pytest.fixture(name="names", scope="module")
def topology_of_these_tests(
    rabbit_configuration: RabbitConfiguration, management: Management
) -> Iterator[RabbitConfiguration]:
    names = rabbit_configuration.model_copy(
        update={"exchange": "to.pology", "queue": "to.pology", "user": f"{rabbit_configuration.user}-topology"}
    )
    declare(management, names)
    yield names
    management.delete("users", names.user)
    management.delete("exchanges", names.vhost, names.exchange)
    for queue in (names.queue, parking_queue(names.queue)):
        management.delete("queues", names.vhost, queue)


@pytest.fixture(name="adapter")
def adapter_of_these_tests(management: Management, names: RabbitConfiguration) -> Iterator[Account]:
    account = DemonstrationConfiguration(user=f"{names.user}-adapter", password=SecretStr("a good one"))
    add_publisher(management, names, account)
    yield Account(account.user, "a good one")
    management.delete("users", account.user)


@pytest.fixture(name="listener")
def account_of_the_listener(names: RabbitConfiguration) -> Account:
    return Account(names.user, names.password.get_secret_value())


def publish(exchange: str, key: str, **properties: Any) -> Callable[[Channel], None]:
    return lambda channel: channel.basic_publish(
        exchange, key, body_of(), pika.BasicProperties(**properties), mandatory=True
    )


def test_declaring_again_changes_nothing(
    management: Management, names: RabbitConfiguration, broker_administrator: Account, listener: Account
) -> None:
    management.delete("queues", names.vhost, names.queue, "contents")  # of other tests
    publisher = Publisher(names, broker_administrator)
    publisher(body_of())
    declare(management, names)
    publisher.close()

    assert refusal(names, listener, lambda channel: channel.basic_get(names.queue, auto_ack=True)) is None
    with pika.BlockingConnection(parameters(names, listener)) as connection:
        assert connection.channel().queue_declare(names.queue, passive=True).method.message_count == 0


@pytest.mark.parametrize("key", ["measures", "measures.x", "measures.x.y", "other", "", "#", "x" * 255])
def test_whatever_reaches_the_exchange_reaches_the_queue(
    names: RabbitConfiguration, broker_administrator: Account, key: str
) -> None:
    assert refusal(names, broker_administrator, publish(names.exchange, key)) is None


def test_what_is_there_but_different_is_told(management: Management, names: RabbitConfiguration) -> None:
    management.put({"type": "fanout", "durable": True}, "exchanges", names.vhost, "different")
    with pytest.raises(ConfigurationError, match="there, but different"):
        declare(management, names.model_copy(update={"exchange": "different"}))
    management.delete("exchanges", names.vhost, "different")


@pytest.mark.parametrize("header", ["x-death", "x-first-death-queue", "CC", "BCC"])
def test_what_the_broker_parks_keeps_the_key_that_its_publisher_was_allowed_to_use(
    names: RabbitConfiguration, listener: Account, broker_administrator: Account, header: str, eventually: Eventually
) -> None:
    forged = {
        "x-death": [
            {"queue": names.queue, "reason": "delivery_limit", "exchange": names.exchange, "count": 1,
             "routing-keys": ["measures.B"]},
        ],
        "x-first-death-queue": "measures.B", "CC": ["measures.B"], "BCC": ["measures.B"],
    }
    with pika.BlockingConnection(parameters(names, listener)) as connection:
        channel = connection.channel()
        for queue in (names.queue, parking_queue(names.queue)):
            while channel.basic_get(queue, auto_ack=True)[0]:
                pass
        assert refusal(names, broker_administrator, publish(
            names.exchange, "measures.A", headers={header: forged[header]}
        )) is None
        while (method := channel.basic_get(names.queue)[0]) is not None:
            channel.basic_nack(method.delivery_tag, requeue=True)
        method, properties, _ = eventually(
            lambda: (got := channel.basic_get(parking_queue(names.queue), auto_ack=True))[0] and got
        )

    assert method.routing_key == "measures.A"
    assert properties.headers["x-death"][0]["reason"] == "delivery_limit"


class TestTheListenersAccount:
    @pytest.mark.parametrize(
        "action",
        [
            lambda channel: channel.basic_get("to.pology", auto_ack=False),
            lambda channel: channel.basic_get("to.pology.parked", auto_ack=False),
            lambda channel: channel.basic_consume("to.pology", lambda *_: None),
            lambda channel: channel.queue_declare("to.pology", passive=True),
            lambda channel: channel.exchange_declare("to.pology", passive=True),
        ],
        ids=["get", "get parked", "consume", "look at the queue", "look at the exchange"],
    )
    def test_it_reads_its_queues(
        self, names: RabbitConfiguration, listener: Account, action: Callable[[Channel], Any]
    ) -> None:
        assert refusal(names, listener, action) is None

    @pytest.mark.parametrize(
        "action",
        [
            publish("to.pology", "measures"),
            publish("", "to.pology"),
            publish("amq.topic", "measures"),
            lambda channel: channel.basic_get("measures"),
            lambda channel: channel.basic_consume("measures.parked", lambda *_: None),
            lambda channel: channel.queue_declare("mine"),
            lambda channel: channel.queue_declare("", exclusive=True),
            lambda channel: channel.queue_delete("to.pology"),
            lambda channel: channel.queue_bind("to.pology", "amq.topic", "#"),
            lambda channel: channel.queue_unbind("to.pology", "to.pology", "#"),
            lambda channel: channel.exchange_declare("mine"),
            lambda channel: channel.exchange_delete("to.pology"),
        ],
        ids=[
            "publish", "publish to the queue", "publish elsewhere", "read another queue", "consume another queue",
            "make a queue", "make a queue of its own", "delete the queue", "bind", "unbind", "make an exchange",
            "delete the exchange",
        ],
    )
    def test_it_does_nothing_else(
        self, names: RabbitConfiguration, listener: Account, action: Callable[[Channel], Any]
    ) -> None:
        assert refusal(names, listener, action) == ACCESS_REFUSED

    def test_it_enters_no_other_virtual_host(self, names: RabbitConfiguration, listener: Account) -> None:
        with pytest.raises(AMQPError):
            pika.BlockingConnection(parameters(names.model_copy(update={"vhost": "/"}), listener))

    def test_it_is_no_administrator(self, names: RabbitConfiguration, listener: Account) -> None:
        administration = RabbitAdministration().model_copy(
            update={"admin_user": listener.user, "admin_password": SecretStr(listener.password)}
        )
        with pytest.raises(ConfigurationError, match="RABBIT_ADMIN_USER or RABBIT_ADMIN_PASSWORD"):
            Management(administration).put({}, "vhosts", names.vhost)


class TestAnAdaptersAccount:
    @pytest.mark.parametrize("key", ["measures", "measures.x", "measures.device-vibrations", "measures.A_1-b"])
    def test_it_publishes_measures(self, names: RabbitConfiguration, adapter: Account, key: str) -> None:
        assert refusal(names, adapter, publish(names.exchange, key)) is None
        assert refusal(names, adapter, publish(names.exchange, key, user_id=adapter.user)) is None

    @pytest.mark.parametrize(
        "key",
        ["", "other", "measures.", "measures.a.b", "xmeasures", "measuresx", "Measures", "measures.#", "measures.é"],
    )
    def test_it_uses_no_other_routing_key(self, names: RabbitConfiguration, adapter: Account, key: str) -> None:
        assert refusal(names, adapter, publish(names.exchange, key)) == ACCESS_REFUSED

    def test_it_cannot_say_that_it_is_another(
        self, names: RabbitConfiguration, adapter: Account, broker_administrator: Account
    ) -> None:
        forged = publish(names.exchange, "measures", user_id=broker_administrator.user)
        assert refusal(names, adapter, forged) == PRECONDITION_FAILED

    @pytest.mark.parametrize(
        "action",
        [
            publish("", "to.pology"),
            publish("mymonit", "measures"),
            publish("toXpology", "measures"),
            publish("amq.topic", "measures"),
            lambda channel: channel.basic_get("to.pology"),
            lambda channel: channel.basic_consume("to.pology", lambda *_: None),
            lambda channel: channel.queue_purge("to.pology"),
            lambda channel: channel.queue_declare("mine"),
            lambda channel: channel.queue_delete("to.pology"),
            lambda channel: channel.exchange_declare("mine"),
            lambda channel: channel.exchange_delete("to.pology"),
            lambda channel: channel.queue_bind("to.pology", "to.pology", "x"),
        ],
        ids=[
            "publish to the queue", "publish to another exchange", "publish to one with a like name",
            "publish elsewhere", "read", "consume", "purge", "make a queue", "delete the queue", "make an exchange",
            "delete the exchange", "bind",
        ],
    )
    def test_it_does_nothing_else(
        self, names: RabbitConfiguration, management: Management, adapter: Account, action: Callable[[Channel], Any]
    ) -> None:
        management.put({"type": "topic", "durable": True}, "exchanges", names.vhost, "toXpology")
        assert refusal(names, adapter, action) == ACCESS_REFUSED


def test_the_policy_is_for_the_queue_and_for_no_other(
    names: RabbitConfiguration, told_by_broker: Callable[..., Any]
) -> None:
    pattern = told_by_broker("policies", names.vhost, f"mymonit-{names.queue}")["pattern"]

    assert re.search(pattern, names.queue)
    assert not any(re.search(pattern, queue) for queue in (parking_queue(names.queue), "toXpology", "xto.pology"))


class TestTheManagementApi:
    def test_one_that_is_not_there_may_come_back(self, closed_port: int) -> None:
        administration = RabbitAdministration().model_copy(update={"management_url": f"http://127.0.0.1:{closed_port}"})
        with pytest.raises(BrokerUnavailable, match="RABBIT_MANAGEMENT_URL"):
            Management(administration).put({}, "vhosts", "x")

    def test_a_wrong_password_is_told(self) -> None:
        administration = RabbitAdministration().model_copy(update={"admin_password": SecretStr("wrong")})
        with pytest.raises(ConfigurationError, match="RABBIT_ADMIN_PASSWORD"):
            Management(administration).put({}, "vhosts", "x")

    def test_a_proxy_of_the_environment_is_not_used(
        self, management: Management, names: RabbitConfiguration, monkeypatch: pytest.MonkeyPatch, closed_port: int
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        declare(management, names)

        assert management.get("vhosts", names.vhost)["name"] == names.vhost
