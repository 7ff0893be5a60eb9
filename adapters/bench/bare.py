"""What Pika alone can do: messages in memory, published with pipelined confirms."""

from collections.abc import Sequence
from typing import Any

import pika
from mymonit_adapters.messages import Message
from mymonit_adapters.settings import Broker

WINDOW, WINDOW_BYTES = 2_000, 16 << 20  # as the adapter's


class BarePublisher:
    def __init__(self, broker: Broker, messages: Sequence[Message]) -> None:
        self._broker = broker
        self._messages = messages
        self._sent = 0
        self._pending: dict[int, int] = {}  # sizes by delivery tag
        self._pending_bytes = 0
        self._channel: Any = None
        parameters = pika.ConnectionParameters(
            host=broker.host,
            port=broker.port,
            credentials=pika.PlainCredentials(broker.user, broker.password),
            ssl_options=pika.SSLOptions(broker.tls, broker.host) if broker.tls else None,
        )
        self._connection = pika.SelectConnection(
            parameters, on_open_callback=lambda connection: connection.channel(on_open_callback=self._on_channel)
        )

    def run(self) -> None:
        """Returns when all are confirmed."""
        self._connection.ioloop.start()
        assert self._sent == len(self._messages) and not self._pending

    def _on_channel(self, channel: Any) -> None:
        self._channel = channel
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._publish())

    def _publish(self) -> None:
        while self._sent < len(self._messages) and self._has_room():
            message = self._messages[self._sent]
            self._sent += 1
            self._pending[self._sent] = len(message.body)
            self._pending_bytes += len(message.body)
            properties = pika.BasicProperties(
                content_type="application/json",
                delivery_mode=2,
                message_id=message.message_id,
                timestamp=message.created,
                type="measure.v1",
                user_id=self._broker.user,
            )
            self._channel.basic_publish(
                self._broker.exchange, message.routing_key, message.body, properties, mandatory=True
            )

    def _has_room(self) -> bool:
        return len(self._pending) < WINDOW and self._pending_bytes < WINDOW_BYTES

    def _on_confirm(self, frame: Any) -> None:
        tag = frame.method.delivery_tag
        tags = [each for each in self._pending if each <= tag] if frame.method.multiple else [tag]
        self._pending_bytes -= sum(self._pending.pop(each) for each in tags)
        if self._sent == len(self._messages) and not self._pending:
            self._connection.ioloop.stop()
        else:
            self._publish()
