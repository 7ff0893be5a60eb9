"""Stores batch after batch; while it waits for the database, a thread of its own takes the next batch apart."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pika.exceptions import AMQPError

from my_monit.messaging.buffer import DeliveryBuffer
from my_monit.messaging.processor import Delivery, RabbitMessageProcessor, Work
from my_monit.messaging.storing import Storing


class StoringThread(threading.Thread):
    def __init__(
        self, buffer: DeliveryBuffer, processor: RabbitMessageProcessor, storing: Storing,
        on_committed: Callable[[list[Delivery]], None],
    ) -> None:
        """`on_committed` is called in this thread; the thread ends when it raises an AMQPError."""
        super().__init__(name="storing")
        self._buffer = buffer
        self._processor = processor
        self._storing = storing
        self._on_committed = on_committed
        #: Deliveries so far.
        self.committed = 0
        #: What ended the thread, other than that the connection was gone.
        self.failure: BaseException | None = None

    def run(self) -> None:
        with ThreadPoolExecutor(1, "reading") as reader:
            try:
                self._store_all(reader)
            except AMQPError:
                pass  # the connection is gone, and the thread that owns it knows; what was stored is known by its ids
            except BaseException as error:  # pylint: disable=broad-exception-caught  # who waits for the end raises it
                self.failure = error
            finally:
                self._buffer.abandon()  # lest the reader waits for more

    def _store_all(self, reader: ThreadPoolExecutor) -> None:
        following = reader.submit(self._read_ahead)
        while (work := following.result()).deliveries and not self._buffer.abandoned:
            following = reader.submit(self._read_ahead)
            self._storing.store(work, is_abandoned=lambda: self._buffer.abandoned)
            self._buffer.done(work.deliveries)
            self.committed += len(work.deliveries)
            self._on_committed(work.deliveries)

    def _read_ahead(self) -> Work:
        return self._processor.read(self._buffer.next_batch())
