import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pika
from rabbit_server import Account

SILENCE_SECS = 30.0  # from a broker that has something to deliver


@dataclass(frozen=True)
class Received:
    body: bytes
    properties: Any

    def measures(self) -> list[dict[str, Any]]:
        parsed = json.loads(self.body)
        return parsed if isinstance(parsed, list) else [parsed]


class QueueReader:
    """What the broker has, seen without MyMONIT's code."""

    def __init__(self, channel: Any, *, exchange: str, queue: str) -> None:
        self._channel = channel
        self.exchange = exchange
        self._queue = queue

    def depth(self) -> int:
        return int(self._channel.queue_declare(self._queue, passive=True).method.message_count)

    def take_all(self) -> list[Received]:
        received: list[Received] = []
        expected = self.depth()
        if expected == 0:
            return received
        deliveries = self._channel.consume(self._queue, auto_ack=True, inactivity_timeout=SILENCE_SECS)
        for frame, properties, body in deliveries:
            assert frame is not None, f"only {len(received)} of {expected} messages came"
            received.append(Received(body, properties))
            if len(received) == expected:
                break
        self._channel.cancel()
        return received

    def take_all_measures(self) -> list[dict[str, Any]]:
        return [measure for received in self.take_all() for measure in received.measures()]

    def purge(self) -> None:
        self._channel.queue_purge(self._queue)

    @contextmanager
    def full_neighbour(self, routing_key: str) -> Iterator[None]:
        """A second queue that gets the same messages, and has room for one."""
        arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
        name = self._channel.queue_declare("", exclusive=True, arguments=arguments).method.queue
        self._channel.queue_bind(name, self.exchange, routing_key)
        try:
            yield
        finally:
            self._channel.queue_delete(name)

    def unbind(self, routing_key: str) -> None:
        self._channel.queue_unbind(self._queue, self.exchange, routing_key)

    def bind(self, routing_key: str) -> None:
        self._channel.queue_bind(self._queue, self.exchange, routing_key)


@contextmanager
def channel_of(account: Account) -> Iterator[Any]:
    url = urlsplit(account.url)
    assert url.hostname is not None
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(
            host=url.hostname,
            port=url.port or 5671,
            virtual_host=account.vhost,
            credentials=pika.PlainCredentials(account.user, account.password),
            ssl_options=pika.SSLOptions(ssl.create_default_context(cafile=account.ca_file), url.hostname),
            heartbeat=0,  # nobody serves it while a test waits for something else
        )
    )
    try:
        yield connection.channel()
    finally:
        connection.close()
