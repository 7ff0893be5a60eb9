"""For the tests of formats and of what uses a publisher; not needed to publish."""

from collections.abc import Callable

from mymonit_adapters.errors import PublishingFailed
from mymonit_adapters.messages import Message
from mymonit_adapters.outstanding import MAX_OUTSTANDING, Outstanding


class MemoryPublisher:
    """The in-memory twin of RabbitPublisher: keeps what it confirms in `messages`."""

    def __init__(self, *, limit: int = MAX_OUTSTANDING, away: bool = False) -> None:
        self.messages: list[Message] = []
        self._outstanding = Outstanding(limit=limit)
        self._away = away

    @property
    def confirmed(self) -> int:
        return self._outstanding.confirmed

    @property
    def failure(self) -> PublishingFailed | None:
        return self._outstanding.failure

    def submit(self, message: Message) -> None:
        self._outstanding.put(message)
        self._confirm_waiting()

    def come_back(self) -> None:
        """Ends the absence that `away` began."""
        self._away = False
        self._confirm_waiting()

    def fail(self, reason: str) -> None:
        self._outstanding.fail(PublishingFailed(reason))

    def drain(self, *, timeout_secs: float, given_up: Callable[[], bool]) -> None:
        self._outstanding.drain(timeout_secs=timeout_secs, given_up=given_up)

    def close(self) -> None:
        self._away = True

    def _confirm_waiting(self) -> None:
        if not self._away:
            taken = self._outstanding.take(MAX_OUTSTANDING)
            self.messages += taken
            self._outstanding.confirm(len(taken))
