"""What is compared: the listener as it is, a bare consumer, and bare inserts; each in a process of its own.

Each notes when it had finished how many measures, and its CPU then. What comes before the first note is the start,
which is not what is measured.
"""

import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.sharedctypes import Synchronized
from queue import Empty
from typing import NamedTuple

import click
import msgspec

from my_monit.logs.setup import setup_logging
from my_monit.messaging.connector import RabbitConnector
from my_monit.settings import RabbitConfiguration, StorageConfiguration, load
from my_monit.storage.connector import StorageConnector
from my_monit.wiring import Container

from ingest_servers import FIRST, SENSORS

#: Messages of a bare consumer's acknowledgement, and of what it may hold.
ACK_EVERY, PREFETCH = 500, 2000
#: Rows of a bare insert, which is one transaction.
INSERT_ROWS = 10_000
#: Seconds that a run may take before it is given up.
DEADLINE_SECS = 300

_SPAWN = get_context("spawn")


class Note(NamedTuple):
    at: float
    measures: int
    cpu: float


class Reading(msgspec.Struct):
    experiment: str
    measure: str
    value: float
    timestamp: float
    sensor: str = ""


class Progress:
    """Shared by the processes of a run: each notes what it has done, and knows when all is done."""

    def __init__(self, total: int, *, timed: bool = True) -> None:
        """Without being `timed`, nothing is noted but what is done: notes take memory."""
        self.total = total
        self._timed = timed
        self._done: Synchronized[int] = _SPAWN.Value("q", 0)
        self.finished = _SPAWN.Event()
        self._notes: Queue[list[Note]] = _SPAWN.Queue()
        self._mine: list[Note] = []

    def note(self, measures: int) -> bool:
        """True when that was the last of all."""
        if self._timed:
            self._mine.append(Note(time.monotonic(), measures, time.process_time()))
        with self._done.get_lock():
            self._done.value += measures
            if self._done.value >= self.total:
                self.finished.set()
        return self.finished.is_set()

    @property
    def done(self) -> int:
        return self._done.value

    def report(self) -> None:
        self._notes.put(self._mine)

    def reports(self, processes: list[BaseProcess]) -> list[list[Note]]:
        """What each of them noted; they have ended on return."""
        deadline = time.monotonic() + DEADLINE_SECS
        notes: list[list[Note]] = []
        while len(notes) < len(processes):
            with suppress(Empty):
                notes.append(self._notes.get(timeout=1))
            if time.monotonic() > deadline or any(process.exitcode for process in processes):
                raise click.ClickException("a process of the benchmark failed")
        for process in processes:
            process.join()
        return notes


def start(work: Callable[..., None], progress: Progress, *arguments: object) -> BaseProcess:
    process = _SPAWN.Process(target=_run, args=(work, progress, *arguments))
    process.start()
    return process


def _run(work: Callable[..., None], progress: Progress, *arguments: object) -> None:
    work(progress, *arguments)
    progress.report()


def listen(progress: Progress, batch: int) -> None:
    """The listener, stopped when everything is stored."""
    os.environ["RABBIT_BATCH"] = str(batch)
    container = Container()
    setup_logging(container.logging_configuration())
    ingestion = container.ingestion_service()
    store = ingestion.store_read

    def noted(batch):  # type: ignore[no-untyped-def]
        outcome = store(batch)
        progress.note(outcome.stored)
        return outcome

    ingestion.store_read = noted  # type: ignore[method-assign]
    listener = container.rabbit_listener()
    threading.Thread(target=lambda: progress.finished.wait() and listener.stop(), daemon=True).start()
    listener.run()
    container.storage().close()


def consume(progress: Progress) -> None:
    """No more than what any consumer must do: read, decode, acknowledge. All messages must fill its rounds."""
    decode = msgspec.json.Decoder(Reading | list[Reading]).decode
    pending = 0

    def receive(channel, method, _properties, body):  # type: ignore[no-untyped-def]
        nonlocal pending
        decode(body)
        pending += 1
        if pending == ACK_EVERY:
            channel.basic_ack(method.delivery_tag, multiple=True)
            pending = 0
            if progress.note(ACK_EVERY):
                channel.stop_consuming()

    configuration = load(RabbitConfiguration)
    with RabbitConnector(configuration).channel() as (_, channel):
        channel.basic_qos(prefetch_count=PREFETCH)
        channel.basic_consume(configuration.queue, receive)
        channel.start_consuming()


def insert(progress: Progress, count: int) -> None:
    """The fastest safe durable insert known: rows of checked numbers as one text, a commit for each statement."""
    pick = random.Random(1)
    first_id = time.time_ns()
    rows = [
        (number % SENSORS + 1, (FIRST * 1000 + number) * 1_000_000, first_id + number, round(pick.random() * 100, 3))
        for number in range(count)
    ]
    connector = StorageConnector(load(StorageConfiguration))
    for first in range(0, len(rows), INSERT_ROWS):
        some = rows[first : first + INSERT_ROWS]
        with connector.transaction() as session:
            values = ",".join(["(%d,%d,%d,%re0,UNIX_TIMESTAMP(),1)"] * len(some)) % tuple(chain.from_iterable(some))
            session.execute(f"INSERT INTO BARE (series_id,time,measure_id,value,received,publisher_id) VALUES {values}")
        progress.note(len(some))
    connector.close()
