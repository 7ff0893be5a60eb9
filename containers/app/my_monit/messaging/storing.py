"""Batches on their way into storage, however long the database is away."""

import threading
import time
from collections import Counter
from collections.abc import Callable

from my_monit.messaging.descriptors import demand_descriptors
from my_monit.errors import MyMonitError
from my_monit.health import Health
from my_monit.logs.logger import get_logger
from my_monit.messaging.back_off import BackOff
from my_monit.messaging.ledger import Ledger
from my_monit.messaging.processor import Delivery, RabbitMessageProcessor, Work
from my_monit.services.ingestion import Outcome

#: Publishers and reasons that a line about quarantined messages names, those with the most items first.
NAMED = 5

_log = get_logger("listener")


class Storing:
    def __init__(
        self, processor: RabbitMessageProcessor, health: Health, ledger: Ledger, *,
        hold_secs: float, stopping: threading.Event,
    ) -> None:
        """`hold_secs` is how long a batch is tried again before it goes back to the broker."""
        self._processor = processor
        self._health = health
        self._ledger = ledger
        self._hold_secs = hold_secs
        self._stopping = stopping

    def store(self, work: Work, *, is_abandoned: Callable[[], bool]) -> None:
        """Return when all of it is committed. Raises what keeps it from that for too long."""
        back_off, held_since = BackOff(), time.monotonic()
        while True:
            try:
                started = time.monotonic()
                outcome = self._processor.process(work)
                break
            except MyMonitError as error:
                give_up = not error.transient or time.monotonic() - held_since > self._hold_secs
                if give_up or is_abandoned() or self._stopping.is_set():
                    raise
                demand_descriptors()
                self._health.fail(str(error))
                _log.warning("storing_interrupted", error=error, held=len(work.deliveries))
                self._stopping.wait(back_off.next())
        self._health.succeed()
        self._tell(work.deliveries, outcome, time.monotonic() - started)

    def _tell(self, batch: list[Delivery], outcome: Outcome, secs: float) -> None:
        self._ledger.committed(len(batch), outcome, secs=secs, published=batch[0].properties.timestamp)
        _log.debug("batch_stored", messages=len(batch), seconds=secs, stored=outcome.stored)
        if outcome.quarantined:
            publishers: Counter[str] = Counter()
            reasons: Counter[str] = Counter()
            for refusal, items in outcome.refusals.items():
                publishers[repr(refusal.publisher.decode(errors="backslashreplace"))] += items
                reasons[refusal.reason.value] += items
            _log.warning(
                "quarantined", items=outcome.quarantined, publishers=_most(publishers), reasons=_most(reasons)
            )


def _most(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {items}" for name, items in counts.most_common(NAMED))
