"""A publisher of the harness' own, for what is decided message by message: ids, repetitions, arrays, rubbish."""

import threading
import time
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, NackError, UnroutableError

from tests.faults.journal import EXPERIMENT, Journal, Key, element, readings

#: Seconds until a message must be confirmed, through whatever fault, and between two attempts.
CONFIRM_SECS = 240
PAUSE_SECS = 0.2

#: What Pika raises when the broker is gone; the last two where several of its parts notice it at once.
GONE = (AMQPError, OSError, ValueError, AssertionError, AttributeError)


class Message(NamedTuple):
    body: bytes
    message_id: str | None
    keys: list[Key]
    #: Times that it is published, each of them until it is confirmed.
    times: int = 1


class Publisher:
    """One message at a time, persistent and mandatory, under the same id until it is confirmed."""

    def __init__(self, parameters: pika.ConnectionParameters, journal: Journal) -> None:
        self._parameters = parameters
        self._journal = journal
        self._channel: BlockingChannel | None = None
        self.retries = 0
        self.refusals = 0

    def publish(self, message: Message) -> None:
        for _ in range(message.times):
            self._until_confirmed(message)
        self._journal.confirm(message.keys)

    def close(self) -> None:
        if self._channel is not None:
            with suppress(*GONE):
                self._channel.connection.close()
            self._channel = None

    def _until_confirmed(self, message: Message) -> None:
        deadline = time.monotonic() + CONFIRM_SECS
        while True:
            try:
                self._send(message)
                return
            except (NackError, UnroutableError):
                self.refusals += 1
            except GONE:
                self.retries += 1
                self.close()
            if time.monotonic() > deadline:
                raise TimeoutError(f"not confirmed in {CONFIRM_SECS} s")
            time.sleep(PAUSE_SECS)

    def _send(self, message: Message) -> None:
        if self._channel is None:
            self._channel = pika.BlockingConnection(self._parameters).channel()
            self._channel.confirm_delivery()
        user = self._parameters.credentials.username
        properties = pika.BasicProperties(delivery_mode=2, message_id=message.message_id, user_id=user)
        self._channel.basic_publish("mymonit", f"measures.{EXPERIMENT}", message.body, properties, mandatory=True)


class Arrays:
    """Publishes arrays within the block: a message that is stored in part would show."""

    #: Elements of each, and seconds between two of them.
    ELEMENTS = 20
    PAUSE_SECS = 0.05

    def __init__(self, publisher: Publisher, journal: Journal, *, seed: int, sensor: str = "arrays") -> None:
        self._publisher = publisher
        self._journal = journal
        self._seed = seed
        self._sensor = sensor
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._failure: BaseException | None = None
        self.published = 0

    def __enter__(self) -> "Arrays":
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stopping.set()
        self._thread.join(CONFIRM_SECS + 30)
        if self._failure is not None and kind is None:
            raise self._failure

    def _run(self) -> None:
        source = readings(self._seed)
        try:
            while not self._stopping.wait(self.PAUSE_SECS):
                some = list(islice(source, self.ELEMENTS))
                body = f"[{', '.join(element(one, self._sensor) for one in some)}]".encode()
                keys = self._journal.add(self._sensor, *some)
                self._publisher.publish(Message(body, f"{self._sensor}-{self._seed}-{self.published}", keys))
                self.published += 1
        except BaseException as error:  # pylint: disable=broad-exception-caught  # raised again at the block's end
            self._failure = error
