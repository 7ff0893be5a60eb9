"""Consumes measurements: takes them from the broker in batches, and acknowledges each batch after its commit.

Two threads share the work. The one that called `run` owns the connection: it takes deliveries, sends heartbeats and
acknowledgements, and never waits for the database. The worker stores; it reaches the connection only through
`add_callback_threadsafe`. A connection and all that was delivered on it live and die together, in a `_Consumption`.
"""

import random
import threading
import time
from functools import partial

from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import AMQPError

from my_monit.errors import BrokerUnavailable, MyMonitError
from my_monit.health import Health
from my_monit.logs.logger import get_logger
from my_monit.messaging.buffer import DeliveryBuffer
from my_monit.messaging.connector import RabbitConnector
from my_monit.messaging.processor import Delivery, RabbitMessageProcessor
from my_monit.messaging.topology import parking_queue
from my_monit.settings import RabbitConfiguration
from my_monit.storage.ports import StoragePort

#: Seconds between two looks at what else there is to do than reading from the broker.
TICK_SECS = 0.25
#: Seconds that messages are held while the database is away. Then they go back to the broker, once for the whole
#: outage, because it takes a channel away that holds them for 30 minutes.
HOLD_SECS = 300
#: Seconds between two reads while the buffer is full: as often as heartbeats need.
THROTTLE_SECS = 2.0
#: Seconds until the next attempt to reach the broker or the database: random, from this and growing to that.
FIRST_RETRY_SECS = 0.5
RETRY_SECS = 20.0

_log = get_logger("listener")


class RabbitListener:
    def __init__(
        self, configuration: RabbitConfiguration, connector: RabbitConnector, processor: RabbitMessageProcessor,
        storage: StoragePort, health: Health,
    ) -> None:
        self._configuration = configuration
        self._connector = connector
        self._processor = processor
        self._storage = storage
        self._health = health
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Finish what has been delivered, acknowledge it, and return from `run`. May be called by a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Consume until `stop`. Raises ConfigurationError when trying again cannot help."""
        back_off = _BackOff()
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                self._storage.check_storing()
                self._consume()
            except MyMonitError as error:
                if not error.transient:
                    raise
                if time.monotonic() - started > RETRY_SECS:
                    back_off = _BackOff()  # it went well for a while: this is another trouble
                self._health.fail(str(error))
                _log.warning("consuming_interrupted", error=error)
                self._stopping.wait(back_off.next())

    def _consume(self) -> None:
        with self._connector.channel() as (connection, channel):
            consumption = _Consumption(
                self._configuration, connection, channel, self._processor, self._health, self._stopping
            )
            consumption.run()


class _Consumption:
    """One connection's life."""

    def __init__(
        self, configuration: RabbitConfiguration, connection: BlockingConnection, channel: BlockingChannel,
        processor: RabbitMessageProcessor, health: Health, stopping: threading.Event,
    ) -> None:
        self._configuration = configuration
        self._connection = connection
        self._channel = channel
        self._processor = processor
        self._health = health
        self._stopping = stopping
        self._buffer = DeliveryBuffer(batch=configuration.batch, batch_secs=configuration.batch_secs)
        self._worker = threading.Thread(target=self._work, name="storing")
        self._failure: BaseException | None = None
        self._cancelled = False
        #: The last delivery tag that was committed, and the last that was acknowledged.
        self._stored = self._acknowledged = 0

    def run(self) -> None:
        """Consume until the process stops; raises BrokerUnavailable when the connection is lost, or what the worker
        raised. In every case the worker has ended on return."""
        self._worker.start()
        try:
            self._subscribe()
            self._health.succeed()
            while not self._stopping.is_set() and self._worker.is_alive() and self._is_subscribed():
                self._read()
            self._unsubscribe()
            self._drain()
        finally:
            self._buffer.abandon()
            self._worker.join()
        if self._failure is not None:
            raise self._failure
        if self._cancelled:
            raise BrokerUnavailable("the broker ended the consumer: its queue moved or was deleted")

    def _subscribe(self) -> None:
        queue = self._configuration.queue
        self._channel.basic_qos(prefetch_count=2 * self._configuration.batch)
        self._channel.add_on_cancel_callback(self._on_cancel)
        self._channel.basic_consume(queue, partial(self._on_delivery, False))
        self._channel.basic_consume(parking_queue(queue), partial(self._on_delivery, True))
        _log.info("consuming", queue=queue, batch=self._configuration.batch)

    def _is_subscribed(self) -> bool:
        return self._channel.is_open and not self._cancelled

    def _unsubscribe(self) -> None:
        if not self._cancelled:
            for tag in self._channel.consumer_tags:
                self._channel.basic_cancel(tag)

    def _drain(self) -> None:
        """Let the worker finish what was delivered, and send its acknowledgements."""
        self._buffer.end()
        while self._worker.is_alive():
            self._connection.process_data_events(time_limit=TICK_SECS)
        while self._acknowledged != self._stored:
            self._connection.process_data_events(time_limit=TICK_SECS)

    def _read(self) -> None:
        full = self._buffer.full
        if full:
            self._worker.join(THROTTLE_SECS)
        self._connection.process_data_events(time_limit=0 if full else TICK_SECS)

    def _on_delivery(self, parked: bool, channel: object, method: object, properties: object, body: bytes) -> None:
        del channel
        self._buffer.put(Delivery(method, properties, body, parked))

    def _on_cancel(self, _: object) -> None:
        self._cancelled = True

    def _work(self) -> None:
        try:
            while batch := self._buffer.next_batch():
                self._store(batch)
                self._stored = batch[-1].method.delivery_tag
                self._connection.add_callback_threadsafe(partial(self._acknowledge, self._stored))
        except AMQPError:
            pass  # the connection is gone, and the thread that owns it knows; what was stored is known by its ids
        except BaseException as error:  # pylint: disable=broad-exception-caught  # it is raised again by `run`
            self._failure = error

    def _acknowledge(self, delivery_tag: int) -> None:
        self._channel.basic_ack(delivery_tag, multiple=True)
        self._acknowledged = delivery_tag

    def _store(self, batch: list[Delivery]) -> None:
        """Store a batch, however long the database is away, up to HOLD_SECS."""
        back_off, held_since = _BackOff(), time.monotonic()
        while True:
            try:
                started = time.monotonic()
                outcome = self._processor.process(batch)
                break
            except MyMonitError as error:
                give_up = not error.transient or time.monotonic() - held_since > HOLD_SECS
                if give_up or self._buffer.abandoned or self._stopping.is_set():
                    raise
                self._health.fail(str(error))
                _log.warning("storing_interrupted", error=error, held=len(batch))
                self._stopping.wait(back_off.next())
        self._health.succeed()
        self._buffer.done(batch)
        _log.debug(
            "batch_stored", messages=len(batch), seconds=time.monotonic() - started, stored=outcome.stored,
            quarantined=outcome.quarantined, duplicates=outcome.duplicates,
        )
        if outcome.quarantined:
            _log.warning("quarantined", items=outcome.quarantined)


class _BackOff:
    """Seconds to wait before the next attempt: random, so that many processes spread, and longer after each."""

    def __init__(self) -> None:
        self._ceiling = FIRST_RETRY_SECS

    def next(self) -> float:
        seconds = random.uniform(FIRST_RETRY_SECS / 2, self._ceiling)  # nosec B311
        self._ceiling = min(2 * self._ceiling, RETRY_SECS)
        return seconds
