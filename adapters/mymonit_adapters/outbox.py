import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from mymonit_adapters.errors import PublishingFailed, SpoolFull
from mymonit_adapters.publishing import Store
from mymonit_adapters.spool import Spooled

POLL_SECS = 0.1  # how soon a wait notices a signal; Windows cannot interrupt a lock
MARKED_AT_ONCE = 500  # confirmed messages; one transaction for each would be slower than the broker


class Outbox:
    """What of a store is on its way. For the publishing thread, but for `failure`, `fail` and `drain`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._again: deque[Spooled] = deque()
        self._taken = 0  # up to this number
        self._unmarked: list[Spooled] = []
        self._changed = threading.Condition()
        self.failure: PublishingFailed | None = None

    def take(self, most: int, most_bytes: int) -> list[Spooled]:
        """What was put back comes first."""
        if self._again:
            return [self._again.popleft() for _ in range(min(most, len(self._again)))]
        taken = self._store.take(self._taken, most=most, most_bytes=most_bytes)
        if taken:
            self._taken = taken[-1].number
        return taken

    def put_back(self, messages: Iterable[Spooled]) -> None:
        """To be published again, before all others."""
        self._again.extendleft(reversed(list(messages)))

    def confirm(self, messages: Iterable[Spooled]) -> None:
        self._unmarked.extend(messages)
        if len(self._unmarked) >= MARKED_AT_ONCE:
            self.mark()

    def mark(self) -> bool:
        """Has the store know what is confirmed. False when its disk is full, so that it must be tried again."""
        if self._unmarked:
            try:
                self._store.confirm(self._unmarked)
            except SpoolFull:
                return False
            self._unmarked = []
            with self._changed:
                self._changed.notify_all()
        return True

    def fail(self, failure: PublishingFailed) -> None:
        with self._changed:
            self.failure = self.failure or failure
            self._changed.notify_all()

    def drain(self, *, timeout_secs: float, given_up: Callable[[], bool]) -> None:
        deadline = time.monotonic() + timeout_secs
        with self._changed:
            while self._store.waiting and self.failure is None and not given_up() and time.monotonic() < deadline:
                self._changed.wait(POLL_SECS)
