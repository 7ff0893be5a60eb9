import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from mymonit_adapters.errors import PublishingFailed, PublishingStopped
from mymonit_adapters.messages import Message

MAX_OUTSTANDING = 20_000  # messages, some 12 MB; at one a second, five hours without the broker
POLL_SECS = 0.1  # how soon a wait notices a signal; Windows cannot interrupt a lock


class Outstanding:
    """Messages accepted and not yet confirmed, shared between the thread that submits and the one that publishes."""

    def __init__(self, *, limit: int = MAX_OUTSTANDING) -> None:
        self._limit = limit
        self._changed = threading.Condition(threading.Lock())
        self._waiting: deque[Message] = deque()
        self._count = 0
        self._closed = False
        self.confirmed = 0
        self.failure: PublishingFailed | None = None

    def put(self, message: Message) -> bool:
        """Waits for room. True when nothing else was waiting, so that the publishing thread may be asleep."""
        with self._changed:
            while self._count >= self._limit and not self._closed and self.failure is None:
                self._changed.wait()
            if self.failure is not None:
                raise self.failure
            if self._closed:
                raise PublishingStopped("nothing more is accepted")
            self._count += 1
            self._waiting.append(message)
            return len(self._waiting) == 1

    def take(self, most: int) -> list[Message]:
        """The oldest that wait to be published; they stay outstanding."""
        with self._changed:
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def put_back(self, messages: Iterable[Message]) -> None:
        """To be published again, before all others."""
        with self._changed:
            self._waiting.extendleft(reversed(list(messages)))

    def confirm(self, count: int) -> None:
        with self._changed:
            self._count -= count
            self.confirmed += count
            # Not at every confirmation: the two threads would take turns at every message.
            if self._count <= self._limit // 2:
                self._changed.notify_all()

    def fail(self, failure: PublishingFailed) -> None:
        with self._changed:
            self.failure = self.failure or failure
            self._changed.notify_all()

    def drain(self, *, timeout_secs: float, given_up: Callable[[], bool]) -> None:
        deadline = time.monotonic() + timeout_secs
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            while self._count and self.failure is None and not given_up() and time.monotonic() < deadline:
                self._changed.wait(POLL_SECS)
