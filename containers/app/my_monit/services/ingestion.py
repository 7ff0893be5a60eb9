"""The ingest lane's rules: every measurement of a batch of messages is stored once, or quarantined with the reason.

A batch is one transaction. Its messages may come again after any failure, so everything here is safe to repeat.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from my_monit.errors import StorageContention, StorageRejected
from my_monit.model import Message, Quarantined, Reason
from my_monit.parsing import Parsed, Reading, elements, parse, refuse_envelope, well_formed
from my_monit.services.catalog import Catalog
from my_monit.services.deduplication import Identified, Sifted, identify, sift
from my_monit.storage.ports import NewMeasure, StoragePort, Unit

#: Times that a batch is run when others are quicker; a deadlock's winner needs milliseconds.
ATTEMPTS = 5
#: Seconds between two of them, at most.
PAUSE_SECS = 0.5

_NS_PER_SECOND = 1_000_000_000


class Outcome(NamedTuple):
    """What became of some messages: measures stored, items quarantined, messages that had been seen before."""

    stored: int = 0
    quarantined: int = 0
    duplicates: int = 0

    def plus(self, other: "Outcome") -> "Outcome":
        return Outcome(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class _Batch:
    """What one transaction is going to write."""

    def __init__(self) -> None:
        self.measures: list[NewMeasure] = []
        self.quarantined: list[Quarantined] = []
        self._rendered: tuple[Message | None, str] = (None, "")

    def quarantine(
        self, one: Identified, reason: Reason, *,
        body: bytes, element: int | None = None, experiment: str | None = None,
    ) -> None:
        message = one.message
        if self._rendered[0] is not message:  # once for 10,000 elements: headers may be larger than all of these
            self._rendered = message, message.headers()
        self.quarantined.append(Quarantined(
            reason, one.publisher, message.routing_key, message.message_id, element, experiment, self._rendered[1], body
        ))


class IngestionService:
    def __init__(
        self, storage: StoragePort, *, routing: str, max_future: int, clock: Callable[[], int] = time.time_ns
    ) -> None:
        """`routing` is the routing key of measurements, `max_future` in seconds, `clock` in nanoseconds since 1970."""
        self._storage = storage
        self._catalog = Catalog(routing)
        self._max_future = max_future * _NS_PER_SECOND
        self._clock = clock

    def store(self, messages: Sequence[Message]) -> Outcome:
        """Store or quarantine everything in `messages`; on return it is committed.

        Raises StorageUnavailable or StorageContention when that cannot be said, after which the same messages may
        be given again.
        """
        try:
            return self._attempt(messages)
        except StorageRejected:
            # The parser lets nothing through that the database refuses, unless one of them is wrong: then the one
            # message is found by halving, and its neighbours are stored.
            if len(messages) == 1:
                return self._attempt([messages[0]._replace(parked=True)])
            half = len(messages) // 2
            return self.store(messages[:half]).plus(self.store(messages[half:]))

    def _attempt(self, messages: Sequence[Message]) -> Outcome:
        retrying = Retrying(
            retry=retry_if_exception_type(StorageContention), stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.01, max=PAUSE_SECS), reraise=True,
        )
        return retrying(self._store_once, messages)

    def _store_once(self, messages: Sequence[Message]) -> Outcome:
        batch = _Batch()
        try:
            with self._storage.unit() as unit:
                sifted = sift(unit, [self._identified(unit, message) for message in messages])
                self._sort_all(unit, sifted, batch)
                if batch.measures:
                    unit.measures.add(batch.measures)
                if batch.quarantined:
                    unit.quarantine.add(batch.quarantined)
        except BaseException:
            self._catalog.forget()
            raise
        return Outcome(len(batch.measures), len(batch.quarantined), len(sifted.repeated))

    def _identified(self, unit: Unit, message: Message) -> Identified:
        publisher = self._catalog.publisher(unit, message)
        return identify(message, publisher, self._catalog.publisher_id(unit, publisher))

    def _sort_all(self, unit: Unit, sifted: Sifted, batch: _Batch) -> None:
        for one in sifted.conflicting:
            batch.quarantine(one, Reason.ID_CONFLICT, body=one.message.body, experiment=self._named(one))
        latest = self._clock() + self._max_future
        for one in sifted.new:
            refusal = _refusal(one.message)
            if refusal:
                batch.quarantine(one, refusal, body=one.message.body, experiment=self._named(one))
            else:
                self._sort(unit, one, parse(one.message.body, latest=latest), batch)

    def _sort(self, unit: Unit, one: Identified, parsed: Parsed, batch: _Batch) -> None:
        """Put each measurement of one message where it belongs."""
        routing_key = one.message.routing_key
        misfits: list[tuple[int, Reading, Reason]] = []
        for element, reading in parsed.readings:
            found = self._catalog.series_id(unit, routing_key, reading)
            if isinstance(found, Reason):
                misfits.append((element, reading, found))
            else:
                batch.measures.append(NewMeasure(found, reading.time, reading.value, one.publisher_id))
        for rejected in parsed.rejected:
            experiment = rejected.experiment or self._named(one)
            batch.quarantine(
                one, rejected.reason, body=rejected.body, element=rejected.element, experiment=experiment
            )
        if misfits:
            bodies = elements(one.message.body)
            for element, reading, reason in misfits:
                experiment = well_formed(reading.experiment) or self._named(one)
                batch.quarantine(one, reason, body=bodies[element], element=element, experiment=experiment)

    def _named(self, one: Identified) -> str | None:
        return self._catalog.experiment_of_key(one.message.routing_key)


def _refusal(message: Message) -> Reason | None:
    if message.parked:
        return Reason.UNDELIVERABLE
    return refuse_envelope(message.content_type, message.content_encoding, message.type, len(message.body))
