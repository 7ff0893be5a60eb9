"""Publishes as an instrument does: persistent and mandatory, and nothing counts as sent that was not confirmed."""

import ssl
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pika
from pika import DeliveryMode
from pika.adapters.blocking_connection import BlockingChannel

from my_monit.settings import RabbitConfiguration


class Account(NamedTuple):
    user: str
    password: str


def parameters(names: RabbitConfiguration, account: Account) -> pika.ConnectionParameters:
    host, port = names.address
    tls = pika.SSLOptions(ssl.create_default_context(cafile=names.ca), host) if names.tls else None
    return pika.ConnectionParameters(
        host=host, port=port, virtual_host=names.vhost, credentials=pika.PlainCredentials(*account),
        ssl_options=tls, heartbeat=0, socket_timeout=10, stack_timeout=20, blocked_connection_timeout=60,
    )


class Publisher:
    """One message at a time, each confirmed before the next."""

    def __init__(self, names: RabbitConfiguration, account: Account) -> None:
        self._exchange = names.exchange
        self._connection = pika.BlockingConnection(parameters(names, account))
        self.channel: BlockingChannel = self._connection.channel()
        self.channel.confirm_delivery()

    def __call__(
        self, body: bytes, *, key: str | bytes = "measures", exchange: str | None = None,
        properties: pika.BasicProperties | None = None,
    ) -> None:
        properties = properties or pika.BasicProperties()
        properties.delivery_mode = DeliveryMode.Persistent.value
        self.channel.basic_publish(
            self._exchange if exchange is None else exchange, key, body, properties, mandatory=True
        )

    def close(self) -> None:
        if self._connection.is_open:
            self._connection.close()


class _Flood:
    #: Messages that may be under way without a confirmation.
    WINDOW = 2000

    def __init__(
        self, names: RabbitConfiguration, account: Account, messages: Iterator[tuple[bytes, str | None]]
    ) -> None:
        self._exchange = names.exchange
        self._messages = messages
        self._unconfirmed: set[int] = set()
        self._sent = 0
        self._channel: Any = None
        self.failure: object = None
        self._connection = pika.SelectConnection(
            parameters(names, account),
            on_open_callback=lambda _: self._connection.channel(on_open_callback=self._begin),
            on_open_error_callback=lambda _, error: self._fail(error), on_close_callback=lambda *_: self._stop(),
        )

    def run(self) -> int:
        self._connection.ioloop.start()
        self._connection.ioloop.close()
        if self.failure:
            raise AssertionError(f"publishing failed: {self.failure}")
        return self._sent

    def _begin(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(lambda _, error: self._fail(error) if self._unconfirmed else None)
        channel.add_on_return_callback(lambda *_: self._fail("a message was returned"))
        channel.confirm_delivery(self._confirmed, callback=lambda _: self._send())

    def _send(self) -> None:
        while len(self._unconfirmed) < self.WINDOW and (message := next(self._messages, None)):
            body, message_id = message
            properties = pika.BasicProperties(delivery_mode=DeliveryMode.Persistent.value, message_id=message_id)
            self._channel.basic_publish(self._exchange, "measures", body, properties, mandatory=True)
            self._sent += 1
            self._unconfirmed.add(self._sent)
        if not self._unconfirmed:
            self._connection.close()

    def _confirmed(self, frame: Any) -> None:
        tag = frame.method.delivery_tag
        if isinstance(frame.method, pika.spec.Basic.Nack):
            self._fail("the broker refused a message")
        self._unconfirmed -= {one for one in self._unconfirmed if one <= tag} if frame.method.multiple else {tag}
        if len(self._unconfirmed) <= self.WINDOW // 2:
            self._send()

    def _fail(self, failure: object) -> None:
        self.failure = failure
        self._stop()

    def _stop(self) -> None:
        self._connection.ioloop.stop()


def flood(names: RabbitConfiguration, account: Account, messages: Iterable[tuple[bytes, str | None]]) -> int:
    """Publish many messages (body and id), with many confirmations under way; return how many were confirmed."""
    return _Flood(names, account, iter(messages)).run()
