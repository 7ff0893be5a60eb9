"""The ingest lane's rules: every measurement of a batch of messages is stored once, or quarantined with the reason.

A batch is one transaction. Its messages may come again after any failure, so everything here is safe to repeat.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from my_monit.errors import MyMonitError, StorageContention, StorageRejected
from my_monit.model import Message, Reason
from my_monit.parsing import Parsed, parse, refuse_envelope
from my_monit.services.catalog import NOBODY, Catalog
from my_monit.services.deduplication import Identified, Verdict, body_hash, shared_id, sift
from my_monit.services.sorting import DUPLICATE, Batch, Fate
from my_monit.storage.ports import MessageId, StoragePort, Unit

#: Times that a batch is run when others are quicker; a deadlock's winner needs milliseconds.
ATTEMPTS = 5
#: Seconds between two of them, at most.
PAUSE_SECS = 0.5

_NS_PER_SECOND = 1_000_000_000


class Refusal(NamedTuple):
    """Whose items went into the quarantine, and why."""

    publisher: bytes
    reason: Reason


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some messages: measures stored, items quarantined, messages that had been seen before.

    `fates` tells it for each of them, in the order in which they were given; `refusals` counts the items that
    were quarantined.
    """

    stored: int = 0
    quarantined: int = 0
    duplicates: int = 0
    fates: Sequence[Fate] = field(default=(), compare=False, repr=False)
    refusals: Counter[Refusal] = field(default_factory=Counter, compare=False, repr=False)

    @property
    def refused(self) -> int:
        """Messages of which at least one item was quarantined."""
        return sum(1 for fate in self.fates if fate.quarantined) if self.quarantined else 0


class Read(NamedTuple):
    """A message, and what can be said of it without the database: why it is refused as a whole, or what is in it."""

    message: Message
    body_hash: bytes
    content: Reason | Parsed


class _Undo(MyMonitError):
    """A transaction was only a trial, and went well."""


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
        """Store or quarantine everything in `messages`, in one transaction; on return it is committed.

        Raises StorageUnavailable or StorageContention when that cannot be said, after which the same messages may
        be given again.
        """
        return self.store_read(self.read(messages))

    def read(self, messages: Sequence[Message]) -> list[Read]:
        """The part of `store` that needs no database: it may be done while the batch before is being stored."""
        latest = self._clock() + self._max_future
        return [_read(message, latest) for message in messages]

    def store_read(self, batch: Sequence[Read]) -> Outcome:
        """The rest of `store`, which raises as that does."""
        try:
            return self._attempt(batch)
        except StorageRejected:
            # The parser lets nothing through that the database refuses, unless one of them is wrong.
            return self._attempt(self._without_refused(batch))

    def sort(self, unit: Unit, message: Message, *, received: int) -> Batch:
        """What `message`, received at that time (nanoseconds since 1970), means today; the caller writes it.

        Series and publishers may come into being. Whether it was seen before is not asked. Unless the transaction of
        `unit` is committed, this service must not be used again: it remembers their numbers.
        """
        one = _read(message, received + self._max_future)
        batch = Batch(unit, self._catalog)
        batch.add(self._identified(unit, one), Verdict.NEW, one.content)
        return batch

    def _without_refused(self, batch: Sequence[Read]) -> list[Read]:
        """The same, in which each message that the database refuses goes into the quarantine as a whole.

        They are found by halving, in transactions that are undone: messages without an id that were stored in a
        transaction of their own would be stored again if the rest of the batch failed.
        """
        if len(batch) == 1:
            return [batch[0]._replace(content=Reason.UNDELIVERABLE)]
        middle = len(batch) // 2
        halves = batch[:middle], batch[middle:]
        return [one for half in halves for one in (half if self._accepts(half) else self._without_refused(half))]

    def _accepts(self, batch: Sequence[Read]) -> bool:
        try:
            self._attempt(batch, undo=True)
        except StorageRejected:
            return False
        except _Undo:
            pass
        return True

    def _attempt(self, batch: Sequence[Read], *, undo: bool = False) -> Outcome:
        return contending()(self._store_once, batch, undo=undo)

    def _store_once(self, batch: Sequence[Read], *, undo: bool) -> Outcome:
        try:
            with self._storage.unit() as unit:
                known = [self._identified(unit, one) for one in batch]
                content = Batch(unit, self._catalog)
                fates = list(map(content.add, known, sift(unit, known), (one.content for one in batch)))
                if content.measures:
                    unit.measures.add(content.measures)
                if content.quarantined:
                    unit.quarantine.add(content.quarantined)
                if undo:
                    raise _Undo
        except BaseException:
            self._catalog.forget()
            raise
        stored, quarantined = (sum(counts) for counts in zip(Fate(), *fates, strict=True))
        refusals = Counter(Refusal(item.publisher, item.reason) for item in content.quarantined)
        return Outcome(stored, quarantined, fates.count(DUPLICATE), fates, refusals)

    def _identified(self, unit: Unit, one: Read) -> Identified:
        message = one.message
        publisher = self._catalog.publisher(unit, message)
        number = self._catalog.publisher_id(unit, publisher)
        key = None
        if message.message_id:
            key = MessageId(number, message.message_id) if message.user_id else MessageId(
                self._catalog.publisher_id(unit, NOBODY), shared_id(message.routing_key, message.message_id)
            )
        return Identified(message, publisher, number, key, one.body_hash)


def _read(message: Message, latest: int) -> Read:
    return Read(message, body_hash(message), _refusal(message) or parse(message.body, latest=latest))


def _refusal(message: Message) -> Reason | None:
    if message.parked:
        return Reason.UNDELIVERABLE
    return refuse_envelope(message.content_type, message.content_encoding, message.type, len(message.body))


def contending() -> Retrying:
    """Runs a transaction again while others are quicker."""
    return Retrying(
        retry=retry_if_exception_type(StorageContention), stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.01, max=PAUSE_SECS), reraise=True,
    )
