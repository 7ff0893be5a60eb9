"""Log lines to Logstash. Nothing waits for it: what it does not take is dropped and counted.

Operational lines only; the audit is in the database and never depends on this.
"""

import logging
import math
import time
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue
from socket import socket
from threading import Thread

from logstash import TCPLogstashHandler

from my_monit.logs.rendering import JsonLines

#: Lines that may wait, some 10 MB: a restart of Logstash at a hundred lines a second.
QUEUE_LINES = 10_000
#: Seconds to connect, and seconds for one line to be taken.
SOCKET_SECS = 1.0
#: Seconds that closing gives to what still waits.
CLOSE_SECS = 2.0


class _Outbox(QueueHandler):
    """Formats in the caller's thread and never blocks it."""

    dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except Full:
            self.dropped += 1

    def handleError(self, record: logging.LogRecord) -> None:
        self.dropped += 1


class _Sender(TCPLogstashHandler):  # type: ignore[misc]  # python-logstash has no types
    """Reconnects by itself, first after one second, at last every thirty."""

    dropped = 0
    deadline = math.inf

    def makePickle(self, record: logging.LogRecord) -> bytes:
        return record.getMessage().encode() + b"\n"

    def makeSocket(self, timeout: float = SOCKET_SECS) -> socket:
        connection: socket = super().makeSocket(timeout)
        return connection

    def send(self, s: bytes) -> None:
        if time.monotonic() < self.deadline:
            super().send(s)
            self.dropped += self.sock is None
        else:
            self.dropped += 1

    def handleError(self, record: logging.LogRecord) -> None:
        self.dropped += 1


class _Listener(QueueListener):
    queue: Queue[object]

    def enqueue_sentinel(self) -> None:
        self.queue.put(None)  # waits for room, which put_nowait would not; the listener's thread makes it


class Shipping:
    """Starts a thread: create it after a fork, and close it in the same process."""

    def __init__(self, host: str, port: int) -> None:
        queue: Queue[object] = Queue(QUEUE_LINES)
        self._sender = _Sender(host, port)
        self._listener = _Listener(queue, self._sender)
        self.handler = _Outbox(queue)
        self.handler.setFormatter(JsonLines())
        self._listener.start()

    @property
    def dropped(self) -> int:
        """Lines that Logstash did not get, as far as can be known."""
        return self.handler.dropped + int(self._sender.dropped)

    def close(self) -> None:
        self._sender.deadline = time.monotonic() + CLOSE_SECS
        # In a thread because resolving a name knows no time-out.
        stopping = Thread(target=self._listener.stop, daemon=True)
        stopping.start()
        stopping.join(CLOSE_SECS + 2 * SOCKET_SECS)
        if not stopping.is_alive():
            self._sender.close()
