from collections.abc import Iterable
from itertools import takewhile
from typing import NamedTuple

from mymonit_adapters.messages import Message


class Settled(NamedTuple):
    routed: list[Message]
    returned: list[Message]


class InFlight:
    """What was published over one channel, and what the broker has said of it so far; for one thread."""

    def __init__(self) -> None:
        self._messages: dict[int, Message] = {}  # by delivery tag, in the order of publishing
        self._last_tag = 0
        self._returned: set[str] = set()  # ids; the broker acknowledges a returned message after returning it

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, messages: Iterable[Message]) -> None:
        for self._last_tag, message in enumerate(messages, self._last_tag + 1):
            self._messages[self._last_tag] = message

    def note_returned(self, message_id: str) -> None:
        self._returned.add(message_id)

    def settle(self, delivery_tag: int, *, multiple: bool) -> Settled:
        tags = list(takewhile(lambda tag: tag <= delivery_tag, self._messages)) if multiple else [delivery_tag]
        settled = [self._messages.pop(tag) for tag in tags]
        if not self._returned:
            return Settled(settled, [])
        returned = [message for message in settled if message.message_id in self._returned]
        routed = [message for message in settled if message.message_id not in self._returned]
        self._returned.difference_update(message.message_id for message in returned)
        return Settled(routed, returned)

    def unsettled(self) -> list[Message]:
        return list(self._messages.values())
