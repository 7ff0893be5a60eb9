from collections.abc import Iterable
from itertools import takewhile
from typing import NamedTuple

from mymonit_adapters.spool import Spooled


class Settled(NamedTuple):
    routed: list[Spooled]
    returned: list[Spooled]


class InFlight:
    """What was published over one channel, and what the broker has said of it so far; for one thread."""

    def __init__(self) -> None:
        self._messages: dict[int, Spooled] = {}  # by delivery tag, in the order of publishing
        self._last_tag = 0
        self.bytes = 0
        self._returned: set[str] = set()  # ids; the broker acknowledges a returned message after returning it

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, messages: Iterable[Spooled]) -> None:
        for self._last_tag, spooled in enumerate(messages, self._last_tag + 1):
            self._messages[self._last_tag] = spooled
            self.bytes += len(spooled.message.body)

    def note_returned(self, message_id: str) -> None:
        self._returned.add(message_id)

    def settle(self, delivery_tag: int, *, multiple: bool) -> Settled:
        tags = list(takewhile(lambda tag: tag <= delivery_tag, self._messages)) if multiple else [delivery_tag]
        settled = [self._messages.pop(tag) for tag in tags]
        self.bytes -= sum(len(spooled.message.body) for spooled in settled)
        if not self._returned:
            return Settled(settled, [])
        returned = [spooled for spooled in settled if spooled.message.message_id in self._returned]
        routed = [spooled for spooled in settled if spooled.message.message_id not in self._returned]
        self._returned.difference_update(spooled.message.message_id for spooled in returned)
        return Settled(routed, returned)

    def unsettled(self) -> list[Spooled]:
        return list(self._messages.values())
