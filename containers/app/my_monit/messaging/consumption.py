"""One connection's life: what is delivered on it is stored, and acknowledged on it or not at all.

The thread that called `run` owns the connection: it takes deliveries, sends heartbeats and acknowledgements, and never
waits for the database. The worker stores; it reaches the connection only through `add_callback_threadsafe`. The
connection and all that was delivered on it live and die together.
"""

import threading
import time
from functools import partial

from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

from my_monit.errors import BrokerUnavailable
from my_monit.health import Health
from my_monit.messaging.buffer import DeliveryBuffer
from my_monit.messaging.intake import Intake
from my_monit.messaging.ledger import Ledger
from my_monit.messaging.processor import Delivery, RabbitMessageProcessor
from my_monit.messaging.storing import Storing
from my_monit.messaging.storing_thread import StoringThread
from my_monit.settings import RabbitConfiguration

#: Seconds between two looks at what else there is to do than reading from the broker.
TICK_SECS = 0.25
#: Seconds between two reads while the buffer is full: as often as heartbeats need.
THROTTLE_SECS = 2.0
#: Messages that each consumer may take that slows the intake down before its end, and seconds in which they may come:
#: a slower queue has hardly a message on its way at any moment.
BRAKES = ((100, 0.1), (10, 0.1), (1, 0.3))
#: Batches under way: one that is stored, and one that is read or on its way to us.
BATCHES = 2


class Consumption:
    def __init__(
        self, configuration: RabbitConfiguration, connection: BlockingConnection, channel: BlockingChannel,
        processor: RabbitMessageProcessor, storing: Storing, health: Health, ledger: Ledger, stopping: threading.Event,
    ) -> None:
        self._connection = connection
        self._health = health
        self._ledger = ledger
        self._stopping = stopping
        self._intake = Intake(channel, configuration.queue, full=BATCHES * configuration.batch)
        self._buffer = DeliveryBuffer(batch=configuration.batch, batch_secs=configuration.batch_secs)
        self._worker = StoringThread(self._buffer, processor, storing, self._hand_back)
        self._received = self._acknowledged = 0

    def run(self) -> None:
        """Consume until the process stops; raises BrokerUnavailable when the connection is lost, or what the worker
        raised. In every case the worker has ended on return."""
        self._worker.start()
        try:
            self._intake.open()
            self._ledger.connected()
            self._health.succeed()
            while not self._stopping.is_set() and self._worker.is_alive() and self._intake.is_open:
                self._intake.adapt()
                self._buffer.most = self._intake.width
                self._read()
            self._end()
        finally:
            self._buffer.abandon()
            self._worker.join()
            self._ledger.returned(self._received - self._worker.committed)
        if self._worker.failure is not None:
            raise self._worker.failure
        if self._intake.cancelled:
            raise BrokerUnavailable("the broker ended the consumer: its queue moved or was deleted")

    def _read(self) -> None:
        full = self._buffer.full
        if full:
            self._worker.join(THROTTLE_SECS)
        self._pump(0 if full else TICK_SECS)

    def _pump(self, secs: float) -> None:
        self._connection.process_data_events(time_limit=secs)
        if fresh := self._intake.take():
            self._received += len(fresh)
            self._ledger.received(len(fresh))
            self._buffer.put(fresh)

    def _end(self) -> None:
        """Take no more, let the worker finish what was delivered, and send its acknowledgements."""
        for width, secs in BRAKES:
            self._intake.brake(width)
            self._fill_up(secs)
        self._intake.close()
        self._pump(0)
        self._buffer.end()
        while self._worker.is_alive() or self._acknowledged != self._worker.committed:
            self._pump(TICK_SECS)

    def _fill_up(self, secs: float) -> None:
        deadline = time.monotonic() + secs
        while self._intake.takes_more and self._worker.is_alive() and (left := deadline - time.monotonic()) > 0:
            self._pump(left)

    def _hand_back(self, batch: list[Delivery]) -> None:
        self._connection.add_callback_threadsafe(partial(self._acknowledge, batch))

    def _acknowledge(self, batch: list[Delivery]) -> None:
        self._intake.acknowledge(batch)
        self._acknowledged += len(batch)
