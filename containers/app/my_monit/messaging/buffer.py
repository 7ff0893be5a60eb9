"""Deliveries on their way from the thread that reads them to the one that stores them."""

import threading
from collections import deque
from collections.abc import Sequence

from my_monit.messaging.isolation import company
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
        self._waiting: deque[Delivery] = deque()
        self._changed = threading.Condition()
        self._ended = self._abandoned = False
        self._put_bytes = self._done_bytes = 0
        #: Deliveries that may be under way, all in all: nobody waits for more of them.
        self.most = batch

    def put(self, deliveries: Sequence[Delivery]) -> None:
        with self._changed:
            self._put_bytes += _size(deliveries)
            self._waiting.extend(deliveries)
            self._changed.notify()

    def end(self) -> None:
        """There will be no more: what is here is still taken."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def abandon(self) -> None:
        """Nothing more is to be taken: the broker will deliver it again."""
        self._abandoned = True
        self.end()

    def next_batch(self) -> list[Delivery]:
        """What is here, up to a batch, after a moment's wait for more. Empty when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            self._changed.wait_for(self._is_enough, timeout=self._batch_secs)
            return [] if self._abandoned else self._take()

    def done(self, batch: Sequence[Delivery]) -> None:
        """A batch needs no memory any more."""
        self._done_bytes += _size(batch)

    @property
    def full(self) -> bool:
        return self._put_bytes - self._done_bytes > FULL_BYTES

    @property
    def abandoned(self) -> bool:
        return self._abandoned

    def _is_enough(self) -> bool:
        return self._ended or len(self._waiting) >= min(self._batch, self.most)

    def _take(self) -> list[Delivery]:
        batch: list[Delivery] = []
        room, commas = self._batch, 0
        while self._waiting and commas < FULL_COMMAS:
            if returns := self._waiting[0].returns:
                room = min(room, company(returns, self._batch))
            if len(batch) >= room:
                break
            batch.append(self._waiting.popleft())
            commas += batch[-1].body.count(b",")
        return batch


def _size(deliveries: Sequence[Delivery]) -> int:
    return sum(len(delivery.body) for delivery in deliveries)
