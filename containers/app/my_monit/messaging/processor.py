"""Deliveries of the broker become messages of the domain, and go into storage."""

import json
from functools import partial
from typing import Any, NamedTuple

from pika.spec import BasicProperties

from my_monit.messaging.isolation import GIVEN_UP_AFTER
from my_monit.model import Message
from my_monit.services.ingestion import IngestionService, Outcome, Read

#: Tables within tables of headers that are told.
MAX_DEPTH = 32

_PROPERTIES = (
    "content_type", "content_encoding", "delivery_mode", "priority", "correlation_id", "reply_to", "expiration",
    "message_id", "timestamp", "type", "user_id", "app_id", "headers",
)


class Delivery(NamedTuple):
    """`returns` is how often it came back to its queue before, `parked` that the broker gave up delivering it."""

    tag: int
    routing_key: str | bytes
    properties: BasicProperties
    body: bytes
    returns: int = 0
    parked: bool = False


class Work(NamedTuple):
    """Deliveries that share a transaction, and what is in them."""

    deliveries: list[Delivery]
    contents: list[Read]


class RabbitMessageProcessor:
    def __init__(self, ingestion: IngestionService) -> None:
        self._ingestion = ingestion

    def read(self, deliveries: list[Delivery]) -> Work:
        """Without the database: it may be done while the deliveries before these are being stored."""
        return Work(deliveries, self._ingestion.read([_message(delivery) for delivery in deliveries]))

    def process(self, work: Work) -> Outcome:
        """Store or quarantine all of it; on return that is committed. Raises as IngestionService.store does."""
        return self._ingestion.store_read(work.contents)


def _message(delivery: Delivery) -> Message:
    key, properties = delivery.routing_key, delivery.properties
    return Message(  # by position: it is made for every message
        delivery.body,
        key if isinstance(key, str) else key.decode(errors="surrogateescape"),
        None if properties.message_id is None else _bytes(properties.message_id),
        None if properties.user_id is None else _bytes(properties.user_id),
        properties.content_type,
        properties.content_encoding,
        properties.type,
        partial(_headers, properties),
        delivery.parked or delivery.returns >= GIVEN_UP_AFTER,
    )


# Short strings should be UTF-8, but nobody makes a publisher write it: Pika gives bytes for the others.


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="backslashreplace")


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _headers(properties: BasicProperties) -> str:
    """All properties as JSON; what JSON has no form for is told as Python shows it."""
    present = {name: getattr(properties, name) for name in _PROPERTIES if getattr(properties, name) is not None}
    return json.dumps(_plain(present))


def _plain(value: Any, depth: int = MAX_DEPTH) -> Any:
    match value:
        case dict() | list() if depth == 0:
            return "..."
        case dict():
            return {_text(key): _plain(item, depth - 1) for key, item in value.items()}
        case list():
            return [_plain(item, depth - 1) for item in value]
        case bytes():
            return _text(value)
        case None | bool() | int() | float() | str():
            return value
        case _:
            return repr(value)
