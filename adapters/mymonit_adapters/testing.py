"""For the tests of formats and of what uses a publisher; not needed to publish."""

from collections.abc import Callable

from mymonit_adapters.errors import PublishingFailed
from mymonit_adapters.messages import Message
from mymonit_adapters.outbox import Outbox
from mymonit_adapters.publishing import Store

TAKEN_AT_ONCE, BYTES_AT_ONCE = 2_000, 16 << 20


class MemoryPublisher:
    """The in-memory twin of RabbitPublisher: keeps what it confirms in `messages`."""

    def __init__(self, store: Store, *, away: bool = False) -> None:
        self.messages: list[Message] = []
        self._outbox = Outbox(store)
        self._away = away
        self.wake()

    @property
    def failure(self) -> PublishingFailed | None:
        return self._outbox.failure

    def wake(self) -> None:
        while not self._away and (taken := self._outbox.take(TAKEN_AT_ONCE, BYTES_AT_ONCE)):
            self.messages += [spooled.message for spooled in taken]
            self._outbox.confirm(taken)
            self._outbox.mark()

    def come_back(self) -> None:
        """Ends the absence that `away` began."""
        self._away = False
        self.wake()

    def fail(self, reason: str) -> None:
        self._outbox.fail(PublishingFailed(reason))

    def drain(self, *, timeout_secs: float, given_up: Callable[[], bool]) -> None:
        self._outbox.drain(timeout_secs=timeout_secs, given_up=given_up)

    def close(self) -> None:
        self._away = True
