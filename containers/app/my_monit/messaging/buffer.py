"""Deliveries on their way from the thread that reads them to the one that stores them."""

import time
from queue import Empty, SimpleQueue

from my_monit.messaging.processor import Delivery

#: Bytes of bodies that may wait in memory before no more should be read.
FULL_BYTES = 64 * 1024 * 1024
#: Commas of bodies in one batch before it takes no more: a few for each element of an array, so that a transaction has
#: at most a few hundred thousand rows however short they are written.
FULL_COMMAS = 200_000


class DeliveryBuffer:
    """First in, first out, so that acknowledging a batch's last delivery acknowledges all before it."""

    def __init__(self, *, batch: int, batch_secs: float) -> None:
        """`batch` deliveries at most go together; `batch_secs` is how long the first of them waits for others."""
        self._batch = batch
        self._batch_secs = batch_secs
        self._deliveries: SimpleQueue[Delivery | None] = SimpleQueue()
        self._abandoned = False
        self._put_bytes = 0
        self._done_bytes = 0

    def put(self, delivery: Delivery) -> None:
        self._put_bytes += len(delivery.body)
        self._deliveries.put(delivery)

    def end(self) -> None:
        """There will be no more: what is here is still taken."""
        self._deliveries.put(None)

    def abandon(self) -> None:
        """Nothing more is to be taken: the broker will deliver it again."""
        self._abandoned = True
        self._deliveries.put(None)

    def next_batch(self) -> list[Delivery]:
        """What is here, up to a batch, after a moment's wait for more. Empty when there will be no more."""
        first = self._deliveries.get()
        batch = [] if first is None else [first]
        commas = first.body.count(b",") if first else 0
        deadline = time.monotonic() + self._batch_secs
        while batch and len(batch) < self._batch and commas < FULL_COMMAS:
            try:
                delivery = self._deliveries.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                break
            if delivery is None:
                self._deliveries.put(None)
                break
            batch.append(delivery)
            commas += delivery.body.count(b",")
        return [] if self._abandoned else batch

    def done(self, batch: list[Delivery]) -> None:
        """A batch needs no memory any more."""
        self._done_bytes += sum(len(delivery.body) for delivery in batch)

    @property
    def full(self) -> bool:
        return self._put_bytes - self._done_bytes > FULL_BYTES

    @property
    def abandoned(self) -> bool:
        return self._abandoned
