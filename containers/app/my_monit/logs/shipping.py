"""Log lines to Logstash. Nothing waits for it: what it does not take is dropped and counted.

Operational lines only; the audit is in the database and never depends on this.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import QueueHandler
from queue import Full, Queue
from socket import socket
from threading import Thread

from logstash import TCPLogstashHandler

from my_monit.logs.rendering import JsonLines

#: Lines that may wait, some 10 MB: a restart of Logstash at a hundred lines a second.
QUEUE_LINES = 10_000
#: Seconds to connect, and seconds for one line to be taken.
SOCKET_SECS = 1.0
#: Seconds that closing gives to what still waits, at most twice.
CLOSE_SECS = 2.0


class _Outbox(QueueHandler):
    """Formats in the caller's thread and never blocks it."""

    def __init__(self, lines: Queue[logging.LogRecord | None], *, start: Callable[[], None]) -> None:
        super().__init__(lines)
        self.setFormatter(JsonLines())
        self.dropped = 0
        self._lines = lines
        self._start: Callable[[], None] | None = start

    def enqueue(self, record: logging.LogRecord) -> None:
        # Started by the first line, not before: a process that logs nothing may be forked without a thread to lose.
        if self._start:
            self._start()
            self._start = None
        self._lines.put_nowait(record)

    def handleError(self, record: logging.LogRecord) -> None:
        self.dropped += 1


class _Sender(TCPLogstashHandler):  # type: ignore[misc]  # python-logstash has no types
    """Reconnects by itself, first after one second, at last every thirty."""

    dropped = 0

    def makePickle(self, record: logging.LogRecord) -> bytes:
        return record.getMessage().encode() + b"\n"

    def makeSocket(self, timeout: float = SOCKET_SECS) -> socket:
        connection: socket = super().makeSocket(timeout)
        return connection

    def send(self, s: bytes) -> None:
        super().send(s)
        self.dropped += self.sock is None

    def handleError(self, record: logging.LogRecord) -> None:
        self.dropped += 1


class Shipping:
    """Create it after a fork: its thread does not come along. Closing what was created before is harmless."""

    def __init__(self, host: str, port: int) -> None:
        self._lines: Queue[logging.LogRecord | None] = Queue(QUEUE_LINES)
        self._sender = _Sender(host, port)
        # A thread of our own: logging's QueueListener can only be stopped by waiting for the whole queue.
        self._thread = Thread(target=self._send_all, name="logstash", daemon=True)
        self.handler = _Outbox(self._lines, start=self._thread.start)

    def _send_all(self) -> None:
        while record := self._lines.get():
            self._sender.handle(record)

    @property
    def dropped(self) -> int:
        """Lines that Logstash did not get, as far as can be known."""
        return self.handler.dropped + int(self._sender.dropped)

    def close(self) -> None:
        if self._thread.is_alive():
            with suppress(Full):
                self._lines.put(None, timeout=CLOSE_SECS)
            self._thread.join(CLOSE_SECS)
        if not self._thread.is_alive():  # otherwise it holds the sender, and ends with the process
            self._sender.close()
