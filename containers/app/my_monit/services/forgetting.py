"""Forgets ids of messages that are older than the de-duplication window, beside the storing and never in its way."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from my_monit.errors import MyMonitError
from my_monit.logs.logger import get_logger
from my_monit.storage.ports import StoragePort

#: Ids forgotten in one transaction: some ten milliseconds of locks that nobody waits for, on ids that are not new.
STEP_IDS = 5000
#: How many times as long as a step took the next one waits, so that storing has the database to itself.
REST = 4
#: Seconds until the next look when nothing old was left, or the database was away.
IDLE_SECS = 60.0

_SECS_PER_DAY = 86_400

_log = get_logger("forgetting")


class Forgetting:
    def __init__(self, storage: StoragePort, *, days: int) -> None:
        self._storage = storage
        self._seconds = days * _SECS_PER_DAY
        self._stopping = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """In a thread within the block. Several processes may do it: what one has forgotten is gone for the other."""
        self._stopping.clear()
        thread = threading.Thread(target=self._run, name="forgetting")
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def step(self) -> bool:
        """Forget the oldest; False when there was no full step of them."""
        with self._storage.unit() as unit:
            return unit.messages.forget(older_than_secs=self._seconds, limit=STEP_IDS) == STEP_IDS

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            started = time.monotonic()
            try:
                more = self.step()
            except MyMonitError as error:
                _log.warning("forgetting_interrupted", error=error)
                more = False
            pause = REST * (time.monotonic() - started) if more else IDLE_SECS
