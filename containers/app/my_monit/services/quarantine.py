"""What could not be stored: for those who find out why, try it again when the cause is gone, or discard it.

A replay asks anew what an item means, by the rules that held for it: its routing key, its properties, its place in an
array, the time of its receipt. Its measures and its removal are one transaction, which holds the item's row from the
beginning: so it is never in both places and never stored twice, whoever else replays it and whatever is interrupted.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from my_monit.errors import Conflict, NotFound, StorageRejected
from my_monit.logs.audit import Audit, Outcome, record
from my_monit.model import (
    Actor, Message, PublisherUsage, Quarantined, QuarantineRecord, QuarantineSelection, QuarantineSummary, Reason,
)
from my_monit.permissions import Verb
from my_monit.services.catalog import NOBODY
from my_monit.services.ingestion import IngestionService, contending
from my_monit.services.properties import restored
from my_monit.storage.ports import Origin, Sample, StoragePort, Unit
from my_monit.timestamps import from_moment

#: Items in one transaction, and bytes of their bodies unless one alone has more.
PORTION_ITEMS = 500
PORTION_BYTES = 8 * 2**20

_GONE = "there is no such item in the quarantine"


class Replayed(NamedTuple):
    """What became of some items: how many were tried, measures stored, and what is still refused, by reason."""

    items: int
    stored: int
    refused: Counter[Reason]

    def plus(self, other: "Replayed") -> "Replayed":
        return Replayed(self.items + other.items, self.stored + other.stored, self.refused + other.refused)


class QuarantineService:
    def __init__(self, storage: StoragePort, audit: Audit, ingestion: Callable[[], IngestionService]) -> None:
        """`ingestion` makes one that remembers nothing yet: what it learns in a transaction that is undone is wrong."""
        self._storage = storage
        self._audit = audit
        self._ingestion = ingestion

    def page(
        self, actor: Actor, *, after: int, limit: int, selection: QuarantineSelection = QuarantineSelection()
    ) -> list[QuarantineRecord]:
        with self._audit.act(actor, Verb.QUARANTINE_LIST) as act:
            return act.unit.quarantine.page(after=after, limit=limit, selection=selection)

    def show(self, actor: Actor, quarantine_id: int) -> tuple[QuarantineRecord, Quarantined]:
        """One item with its raw bytes."""
        with self._audit.act(actor, Verb.QUARANTINE_READ, f"quarantine:{quarantine_id}") as act:
            found = act.unit.quarantine.get(quarantine_id)
            if found is None:
                raise NotFound(_GONE)
        return found

    def summary(
        self, actor: Actor, selection: QuarantineSelection
    ) -> tuple[list[QuarantineSummary], list[PublisherUsage]]:
        """The selected items by reason and publisher; and what each publisher takes of the whole quarantine."""
        with self._audit.act(actor, Verb.QUARANTINE_LIST) as act:
            return act.unit.quarantine.summary(selection), act.unit.quarantine.usage()

    def replay(self, actor: Actor, selection: QuarantineSelection) -> Iterator[Replayed]:
        """Try the selected items again, a portion at a time; what comes in meanwhile is left alone.

        An id_conflict is tried only where its reason or its id is asked for: it says that one of two bodies under one
        id is wrong, and only a person can say which.
        """
        self._audit.require(actor, Verb.QUARANTINE_REPLAY, "quarantine")
        for records in self._portions(selection):
            chosen = [one for one in records if selection.reason or one.reason is not Reason.ID_CONFLICT]
            try:
                replayed = self._replay(actor, [one.quarantine_id for one in chosen])
            except NotFound:  # somebody else was quicker
                replayed = Replayed(0, 0, Counter())
            yield replayed._replace(items=len(records))

    def replay_one(self, actor: Actor, quarantine_id: int) -> Replayed:
        """Raises NotFound when it is not there, Conflict when nothing of it can be stored."""
        replayed = self._replay(actor, [quarantine_id])
        if not replayed.stored:
            raise Conflict(f"it is still refused: {', '.join(sorted(replayed.refused))}")
        return replayed

    def discard(self, actor: Actor, selection: QuarantineSelection) -> Iterator[int]:
        """Delete the selected items for good; gives how many, a portion at a time."""
        self._audit.require(actor, Verb.QUARANTINE_DISCARD, "quarantine")
        for records in self._portions(selection):
            try:
                yield contending()(self._discard_once, actor, [one.quarantine_id for one in records])
            except NotFound:  # somebody else was quicker
                yield 0

    def discard_one(self, actor: Actor, quarantine_id: int) -> None:
        """Raises NotFound when it is not there."""
        contending()(self._discard_once, actor, [quarantine_id])

    def _portions(self, selection: QuarantineSelection) -> Iterator[list[QuarantineRecord]]:
        after = 0
        with self._storage.unit() as unit:
            newest = unit.quarantine.newest_id()
        while True:
            with self._storage.unit() as unit:
                page = unit.quarantine.page(after=after, limit=PORTION_ITEMS, selection=selection)
            portion = _portion([one for one in page if one.quarantine_id <= newest])
            if not portion:
                return
            yield portion
            after = portion[-1].quarantine_id

    def _replay(self, actor: Actor, ids: Sequence[int]) -> Replayed:
        if not ids:
            return Replayed(0, 0, Counter())
        try:
            return contending()(self._replay_once, actor, ids)
        except StorageRejected:
            # As when messages come in: the one that the database refuses is found by halving, and stays as it is.
            if len(ids) == 1:
                return Replayed(1, 0, Counter({Reason.UNDELIVERABLE: 1}))
            half = len(ids) // 2
            return self._replay(actor, ids[:half]).plus(self._replay(actor, ids[half:]))

    def _replay_once(self, actor: Actor, ids: Sequence[int]) -> Replayed:
        with self._audit.act(actor, Verb.QUARANTINE_REPLAY, _object(ids)) as act:
            replay = _Replay(act.unit, self._ingestion())
            for one in _locked(act.unit, ids):
                replay.sort(one.quarantine_id)
            replay.write()
            if not replay.stored:
                act.outcome = Outcome.REFUSED
        return Replayed(len(ids), replay.stored, replay.refused)

    def _discard_once(self, actor: Actor, ids: Sequence[int]) -> int:
        """Each item has an audit row of its own, since nothing else will tell of it."""
        with self._audit.act(actor, Verb.QUARANTINE_DISCARD, _object(ids)) as act:
            records = _locked(act.unit, ids)
            act.unit.quarantine.remove([one.quarantine_id for one in records])
            objects = [f"quarantine:{one.quarantine_id}:{one.reason}" for one in records]
            for discarded in objects[:-1]:
                record(act.unit, actor, Verb.QUARANTINE_DISCARD, discarded, Outcome.SUCCESS)
            act.object = objects[-1] if objects else act.object
        return len(records)


class _Replay:
    """What becomes of locked items in one transaction: sorted one by one, written together."""

    def __init__(self, unit: Unit, ingestion: IngestionService) -> None:
        self._unit = unit
        self._ingestion = ingestion
        self._measures: dict[int, dict[Origin, list[Sample]]] = {}  # by second of receipt
        self._elements: dict[datetime, list[Quarantined]] = defaultdict(list)  # by receipt
        self._moved: list[int] = []
        self.stored = 0
        self.refused: Counter[Reason] = Counter()

    def sort(self, quarantine_id: int) -> None:
        """What is refused as a whole stays where it is, with its reason of today.

        Of a message that could not be taken apart before, each refused element becomes an item of its own.
        """
        found = self._unit.quarantine.get(quarantine_id)
        if found is None:
            raise NotFound(_GONE)
        received = found[0].received
        batch = self._ingestion.sort(self._unit, _message(found[1]), received=from_moment(received))
        self.refused.update(one.reason for one in batch.quarantined)
        if not batch.measures and len(batch.quarantined) == 1:
            self._unit.quarantine.change_reason(quarantine_id, batch.quarantined[0].reason)
            return
        measures = self._measures.setdefault(int(received.timestamp()), {})
        for origin, samples in batch.measures.items():
            measures.setdefault(origin, []).extend(samples)
            self.stored += len(samples)
        self._elements[received] += batch.quarantined
        self._moved.append(quarantine_id)

    def write(self) -> None:
        for second, measures in self._measures.items():
            self._unit.measures.add(measures, received=second)
        for received, elements in self._elements.items():
            self._unit.quarantine.add(elements, received=received)
        self._unit.quarantine.remove(self._moved)


def _portion(records: Sequence[QuarantineRecord]) -> list[QuarantineRecord]:
    """As many from the beginning as one transaction should have."""
    portion: list[QuarantineRecord] = []
    size = 0
    for one in records:
        size += one.size
        if portion and size > PORTION_BYTES:
            break
        portion.append(one)
    return portion


def _locked(unit: Unit, ids: Sequence[int]) -> list[QuarantineRecord]:
    """What is still there of these; raises NotFound when nothing is."""
    records = unit.quarantine.lock(ids)
    if not records:
        raise NotFound(_GONE)
    return records


def _object(ids: Sequence[int]) -> str:
    return f"quarantine:{ids[0]}" if len(ids) == 1 else f"quarantine:{ids[0]}..{ids[-1]}"


def _message(item: Quarantined) -> Message:
    """The message that an item was; for an element of an array, whose envelope was found right, one of it alone."""
    own_account = item.publisher not in (NOBODY, item.routing_key.encode(errors="surrogateescape"))
    whole = item.element is None
    properties = restored(item.headers) if whole else {}
    return Message(
        body=item.body if whole else b"[" + item.body + b"]", routing_key=item.routing_key,
        message_id=item.message_id, user_id=item.publisher if own_account else None,
        content_type=properties.get("content_type"), content_encoding=properties.get("content_encoding"),
        type=properties.get("type"), headers=lambda: item.headers,
    )
