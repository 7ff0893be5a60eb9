"""Properties of any message: whatever a publisher wrote into them, the message can be delivered and quarantined.

Pika's decoder raises for a date beyond the year 9999 and for a table nested a thousand levels deep, and it does so
where it reads frames: the connection would break, the broker would deliver the message again, and nothing behind it
would ever be stored.
"""

import struct
from typing import Any

from pika import spec
from pika.spec import BasicProperties

#: The one header of a message whose table cannot be read: its raw bytes.
UNREADABLE = "unreadable"

_EMPTY_TABLE = bytes(4)


class AnyProperties(BasicProperties):  # type: ignore[misc]  # Pika has no types
    def decode(self, encoded: bytes, offset: int = 0) -> Any:
        try:
            return super().decode(encoded, offset)
        except Exception:  # pylint: disable=broad-exception-caught  # nobody says which ones Pika's decoder may raise
            start, end = _table(encoded, offset)
        super().decode(encoded[:start] + _EMPTY_TABLE + encoded[end:], offset)
        self.headers = {UNREADABLE: encoded[start + len(_EMPTY_TABLE) : end]}
        return self


def _table(encoded: bytes, offset: int) -> tuple[int, int]:
    """Where the headers begin, with their length, and where they end."""
    flags = int.from_bytes(encoded[offset : offset + 2])
    offset += 2
    for before in (BasicProperties.FLAG_CONTENT_TYPE, BasicProperties.FLAG_CONTENT_ENCODING):
        if flags & before:
            offset += 1 + encoded[offset]
    return offset, offset + len(_EMPTY_TABLE) + struct.unpack_from(">I", encoded, offset)[0]


def accept_any_properties() -> None:
    """Let Pika read the properties of messages with AnyProperties, in the whole process."""
    spec.props[BasicProperties.INDEX] = AnyProperties
