"""Which messages are new: an id counts once per publisher, and means one body for ever."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from my_monit.model import Message
from my_monit.storage.ports import MessageId, Unit

#: Bytes of a body's fingerprint: at 128 bits nobody finds two bodies with the same one.
HASH_BYTES = 16


class Identified(NamedTuple):
    """A message, its publisher, and what tells it from others; without an id of its own it is always new."""

    message: Message
    publisher: bytes
    publisher_id: int
    key: MessageId | None
    body_hash: bytes


class Sifted(NamedTuple):
    new: list[Identified]
    repeated: list[Identified]
    conflicting: list[Identified]


def identify(message: Message, publisher: bytes, publisher_id: int) -> Identified:
    if not message.message_id:
        return Identified(message, publisher, publisher_id, None, b"")
    body_hash = hashlib.blake2b(message.body, digest_size=HASH_BYTES).digest()
    return Identified(message, publisher, publisher_id, MessageId(publisher_id, _own_id(message, publisher)), body_hash)


def _own_id(message: Message, publisher: bytes) -> bytes:
    """Routing keys of no known experiment share one publisher, so their ids are told apart by the key."""
    own = message.message_id or b""
    if publisher:
        return own
    key = message.routing_key.encode(errors="surrogateescape")
    return hashlib.blake2b(key + b"\0" + own, digest_size=HASH_BYTES).digest()


def sift(unit: Unit, messages: Sequence[Identified]) -> Sifted:
    """Remember the ids; tell new messages from repeated ones and from those that use an id for another body."""
    first = _first_bodies(messages)
    known = unit.messages.remember(first) if first else {}
    sifted = Sifted([], [], [])
    met: set[MessageId] = set()
    for one in messages:
        if one.key is None or (one.key not in known and one.key not in met):
            sifted.new.append(one)
        elif known.get(one.key, first[one.key]) == one.body_hash:
            sifted.repeated.append(one)
        else:
            sifted.conflicting.append(one)
        if one.key is not None:
            met.add(one.key)
    return sifted


def _first_bodies(messages: Iterable[Identified]) -> dict[MessageId, bytes]:
    first: dict[MessageId, bytes] = {}
    for one in messages:
        if one.key is not None:
            first.setdefault(one.key, one.body_hash)
    return first
