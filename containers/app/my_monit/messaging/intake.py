"""What the broker has under way to us: as many messages as may share a fate. And what it is told is done."""

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any

from pika import spec
from pika.adapters.blocking_connection import BlockingChannel

from my_monit.logs.logger import get_logger
from my_monit.messaging.connector import topology_checked
from my_monit.messaging.isolation import company, times_returned
from my_monit.messaging.processor import Delivery
from my_monit.messaging.topology import parking_queue

_log = get_logger("listener")

#: Unacknowledged messages of the parking queue, at most: they are not looked into.
PARKED = 100


class Intake:
    """The consumers of one channel.

    The first consumer takes one message, which tells whether the process before us died of something. Wider and
    narrower ones follow. A consumer is only ended when nothing can be on its way to it: the broker would return that to
    the queue, and its count would rise as if a process had died of it.
    """

    def __init__(self, channel: BlockingChannel, queue: str, *, full: int) -> None:
        """`full` messages at most are unacknowledged at a time."""
        self._channel = channel
        self._queue = queue
        self._full = full
        self._fresh: list[Delivery] = []
        #: Those under way that came back: delivery tag and how often.
        self._returned: deque[tuple[int, int]] = deque()
        self._consumer: str | None = None
        self._unacknowledged = 0
        #: Brakes so far, deliveries to the present one, and the last delivery that was done since the first.
        self._brakes = self._braked = 0
        self._done_tag: int | None = None
        #: How many messages the present consumer may have unacknowledged.
        self.width = 1
        self.cancelled = False

    def open(self) -> None:
        """Raises ConfigurationError when the broker refuses it."""
        self._channel.add_on_cancel_callback(self._on_cancel)
        with topology_checked(self._queue):
            self._channel.basic_qos(prefetch_count=PARKED)
            self._channel.basic_consume(parking_queue(self._queue), partial(self._on_delivery, True))
            self._consume(self.width)
        _log.info("consuming", queue=self._queue, at_most=self._full)

    def take(self) -> list[Delivery]:
        """What was delivered since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def acknowledge(self, batch: Sequence[Delivery]) -> None:
        """These are done, and all before them."""
        if self._brakes:
            self._done_tag = batch[-1].tag
            return
        self._unacknowledged -= sum(1 for delivery in batch if not delivery.parked)
        while self._returned and self._returned[0][0] <= batch[-1].tag:
            self._returned.popleft()
        self._channel.basic_ack(batch[-1].tag, multiple=True)

    def adapt(self) -> None:
        """Be as wide as what is under way allows."""
        if self._consumer and self._unacknowledged >= self.width:
            wanted = company(max((returns for _, returns in self._returned), default=0), self._full)
            if wanted != self.width:
                self._channel.basic_cancel(self._consumer)
                self._consumer, self.width = None, wanted
        if self._consumer is None and not self._unacknowledged:
            self._consume(self.width)

    def brake(self, width: int) -> None:
        """Put a consumer of `width` messages at most before the present one, and end that.

        The broker serves the consumer of higher priority as long as it has credit, so meanwhile nothing is on its way
        to the other. Nothing is acknowledged from now on, since that would give credit again.
        """
        if self._consumer and self.is_open:
            outrun = self._consumer
            self._brakes += 1
            self._braked, self.width = 0, min(width, self.width)
            self._consume(self.width)
            self._cancel(outrun)

    @property
    def takes_more(self) -> bool:
        """Whether the present brake has credit."""
        return self.is_open and self._consumer is not None and self._braked < self.width

    def close(self) -> None:
        """End the consumers, and acknowledge what was done since the first brake. Acknowledging goes on."""
        self._brakes = 0
        if self.is_open:
            for consumer in self._channel.consumer_tags:
                self._cancel(consumer)
            for _ in range(2):  # the broker reads the second when it has sent what reached it before the first's answer
                self._channel.queue_declare(self._queue, passive=True)
            if self._done_tag is not None:
                self._channel.basic_ack(self._done_tag, multiple=True)

    @property
    def is_open(self) -> bool:
        return self._channel.is_open and not self.cancelled

    def _consume(self, width: int) -> None:
        self._channel.basic_qos(prefetch_count=width)
        self._consumer = self._channel.basic_consume(
            self._queue, partial(self._on_delivery, False), arguments={"x-priority": self._brakes}
        )

    def _cancel(self, consumer: str) -> None:
        """Pika's own way would return to the queue what was delivered and not yet dispatched."""
        self._channel._impl._send_method(spec.Basic.Cancel(consumer, nowait=True))  # pylint: disable=protected-access

    def _on_delivery(self, parked: bool, _: object, method: Any, properties: Any, body: bytes) -> None:
        returns = 0
        if not parked:
            self._unacknowledged += 1
            self._braked += method.consumer_tag == self._consumer
            if method.redelivered:
                returns = times_returned(method, properties)
                self._returned.append((method.delivery_tag, returns))
        self._fresh.append(Delivery(method.delivery_tag, method.routing_key, properties, body, returns, parked))

    def _on_cancel(self, _: object) -> None:
        self.cancelled = True
