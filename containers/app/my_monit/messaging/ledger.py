"""The ledger of ingestion as Prometheus metrics: what became of every message that the broker delivered.

received = stored + quarantined + duplicate + returned + in flight, at every moment that anybody looks. `returned` are
those whose connection was lost before their commit: the broker delivers them again, and they are received again.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from my_monit.services.ingestion import Outcome

#: Upper bounds of batches, told apart.
SIZES = (1, 10, 100, 500, 1000, 2000, 5000, 10_000, 100_000)
#: Seconds that a publisher's clock may be ahead before its timestamp property says nothing about the lag.
MAX_AHEAD_SECS = 60
#: Nor does one that is older than ten years.
MAX_LAG_SECS = 10 * 366 * 86_400


class Ledger:
    def __init__(self, ready: Callable[[], bool]) -> None:
        self._ready = ready
        self._lock = threading.Lock()
        self._registry = registry = CollectorRegistry()
        self._messages = _Messages(registry)
        self._batches = _Batches(registry)
        self._connections = Counter(
            "mymonit_ingest_connections", "Connections to the broker: all but the first are reconnects",
            registry=registry,
        )
        self._is_ready = Gauge("mymonit_ingest_ready", "1 while it consumes and can store", registry=registry)

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        ready = self._ready()
        with self._lock:
            self._is_ready.set(ready)
            return generate_latest(self._registry)

    def connected(self) -> None:
        self._connections.inc()

    def received(self, messages: int) -> None:
        with self._lock:
            self._messages.receive(messages)

    def committed(self, messages: int, outcome: Outcome, *, secs: float, published: object) -> None:
        """`published` is the timestamp property of the first, in seconds since 1970, if it is what it should be."""
        with self._lock:
            self._messages.settle("stored", messages - outcome.refused - outcome.duplicates)
            self._messages.settle("quarantined", outcome.refused)
            self._messages.settle("duplicate", outcome.duplicates)
            self._batches.observe(messages, outcome, secs)
            self._batches.observe_lag(published)

    def returned(self, messages: int) -> None:
        with self._lock:
            self._messages.settle("returned", messages)


class _Messages:
    """The ledger itself: every message has one outcome, or is in flight."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = self._done = 0
        #: How many had been received, and when.
        self._arrivals: deque[tuple[int, float]] = deque()
        self._received = Counter(
            "mymonit_ingest_received_messages", "Messages that the broker delivered", registry=registry
        )
        self._outcomes = Counter(
            "mymonit_ingest_messages", "Messages by what became of them", ["outcome"], registry=registry
        )
        for outcome in ("stored", "quarantined", "duplicate", "returned"):
            self._outcomes.labels(outcome)
        for name, text, value in (
            ("in_flight_messages", "Messages delivered and not committed yet", lambda: self._count - self._done),
            ("oldest_unstored_seconds", "Age of the oldest of them since its delivery", self._oldest_secs),
        ):
            Gauge(f"mymonit_ingest_{name}", text, registry=registry).set_function(value)

    def receive(self, messages: int) -> None:
        self._count += messages
        self._arrivals.append((self._count, time.monotonic()))
        self._received.inc(messages)

    def settle(self, outcome: str, messages: int) -> None:
        self._done += messages
        self._outcomes.labels(outcome).inc(messages)
        while self._arrivals and self._arrivals[0][0] <= self._done:
            self._arrivals.popleft()

    def _oldest_secs(self) -> float:
        return time.monotonic() - self._arrivals[0][1] if self._arrivals else 0.0


class _Batches:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._measures = Counter("mymonit_ingest_measures", "Measures stored", registry=registry)
        self._items = Counter(
            "mymonit_ingest_quarantined_items", "Messages or elements quarantined, by reason", ["reason"],
            registry=registry,
        )
        self._messages = Histogram(
            "mymonit_ingest_batch_messages", "Messages of a batch", buckets=SIZES, registry=registry
        )
        self._rows = Histogram(
            "mymonit_ingest_batch_rows", "Measures stored of a batch", buckets=SIZES, registry=registry
        )
        self._secs = Histogram(
            "mymonit_ingest_commit_seconds", "Seconds from a batch's begin to its commit", registry=registry
        )
        self._lag = Gauge(
            "mymonit_ingest_lag_seconds", "From the timestamp property of the last batch's first message to its commit",
            registry=registry,
        )

    def observe(self, messages: int, outcome: Outcome, secs: float) -> None:
        self._messages.observe(messages)
        self._rows.observe(outcome.stored)
        self._secs.observe(secs)
        self._measures.inc(outcome.stored)
        for refusal, items in outcome.refusals.items():
            self._items.labels(refusal.reason.value).inc(items)

    def observe_lag(self, published: object) -> None:
        """A publisher may write any time, or none: what is senseless says nothing."""
        if isinstance(published, int) and -MAX_AHEAD_SECS < (lag := time.time() - published) < MAX_LAG_SECS:
            self._lag.set(max(0.0, lag))
