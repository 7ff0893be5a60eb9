"""Which messages are new: an id counts once per publisher, and means one body for ever."""

import hashlib
from collections.abc import Sequence
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from my_monit.model import Message
from my_monit.storage.ports import MessageId, Unit

#: Bytes of a body's fingerprint: at 128 bits nobody finds two bodies with the same one.
HASH_BYTES = 16
#: Bytes of an id, as the broker and the database take them.
MAX_ID_BYTES = 255
#: Routing keys whose fingerprints are remembered, for speed alone.
_CACHED_KEYS = 4096


class Identified(NamedTuple):
    """A message, its publisher, and what tells it from others; without an id of its own it is always new."""

    message: Message
    publisher: bytes
    publisher_id: int
    key: MessageId | None
    body_hash: bytes


class Verdict(Enum):
    NEW = auto()
    REPEATED = auto()
    CONFLICTING = auto()


def body_hash(message: Message) -> bytes:
    """What tells its body from others; b"" for a message without an id, which nobody asks."""
    return hashlib.blake2b(message.body, digest_size=HASH_BYTES).digest() if message.message_id else b""


def shared_id(routing_key: str, message_id: bytes) -> bytes:
    """An id among all messages that name no account: these belong to their routing key, known or not.

    What is unknown today may be an experiment tomorrow, so whether it is known must not matter. The id comes first,
    because ids that rise with time are cheap to remember in their order.
    """
    fingerprint = _fingerprint(routing_key)
    if len(message_id) + HASH_BYTES <= MAX_ID_BYTES:
        return message_id + fingerprint
    return hashlib.blake2b(fingerprint + message_id, digest_size=HASH_BYTES).digest()


@lru_cache(maxsize=_CACHED_KEYS)
def _fingerprint(routing_key: str) -> bytes:
    return hashlib.blake2b(routing_key.encode(errors="surrogateescape"), digest_size=HASH_BYTES).digest()


def sift(unit: Unit, messages: Sequence[Identified]) -> list[Verdict]:
    """Remember the ids; tell new messages from repeated ones and from those that use an id for another body."""
    first: dict[MessageId, Identified] = {}
    for one in messages:
        if one.key is not None:
            first.setdefault(one.key, one)
    known = unit.messages.remember({key: one.body_hash for key, one in first.items()}) if first else {}
    return [_verdict(one, first, known) for one in messages]


def _verdict(
    one: Identified, first: dict[MessageId, Identified], known: dict[MessageId, bytes]
) -> Verdict:
    if one.key is None:
        return Verdict.NEW
    meant = known.get(one.key)
    if meant is None:
        if first[one.key] is one:
            return Verdict.NEW
        meant = first[one.key].body_hash
    return Verdict.REPEATED if meant == one.body_hash else Verdict.CONFLICTING
