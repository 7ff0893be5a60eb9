"""The quarantine in MySQL."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from my_monit.model import (
    PublisherUsage, Quarantined, QuarantineRecord, QuarantineSelection, QuarantineSummary, Reason,
)
from my_monit.storage.connector import Row, Session
from my_monit.storage.moments import from_column, to_column

#: Bytes of bodies per INSERT into the quarantine: a small part of the packet limit of 64 MiB, even when escaped.
INSERT_BYTES = 8 * 1024 * 1024
#: Bytes of a row of the quarantine besides its body and its properties, at most.
_FRAME_BYTES = 1024

#: utf8mb4_bin ignores trailing blanks, we do not; besides this, ask for the text itself, which has the index.
_EXACTLY = "CAST({} AS BINARY)"
_RECORD = "quarantine_id, reason, received, publisher, size, experiment"


class Quarantine:
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, items: Sequence[Quarantined], *, received: datetime | None = None) -> None:
        sql = (
            "INSERT INTO QUARANTINE "
            "(reason, publisher, routing_key, message_id, element, experiment, headers, body, size, received) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, COALESCE(%s, CURRENT_TIMESTAMP(6)))"
        )
        moment = to_column(received)
        for some in _portions(items):
            self._session.insert_many(sql, [(*_columns(item), moment) for item in some])
        self._count(items)

    def _count(self, items: Sequence[Quarantined]) -> None:
        counts = Counter(item.publisher for item in items)
        sizes: Counter[bytes] = Counter()
        for item in items:
            sizes[item.publisher] += len(item.body) + len(item.headers.encode())
        # Sorted, so that two listeners lock the rows in the same order and never each other.
        for publisher in sorted(counts):
            self._session.execute(
                "INSERT INTO QUARANTINE_USAGE (publisher, items, bytes) VALUES (%s, %s, %s) "
                "ON DUPLICATE KEY UPDATE items = items + VALUES(items), bytes = bytes + VALUES(bytes)",
                (publisher, counts[publisher], sizes[publisher]),
            )

    def page(
        self, *, after: int, limit: int, selection: QuarantineSelection = QuarantineSelection()
    ) -> list[QuarantineRecord]:
        condition, values = _condition(selection)
        sql = f"SELECT {_RECORD} FROM QUARANTINE WHERE quarantine_id > %s {condition} ORDER BY quarantine_id LIMIT %s"
        return [_record(row) for row in self._session.rows(sql, (after, *values, limit))]

    def get(self, quarantine_id: int) -> tuple[QuarantineRecord, Quarantined] | None:
        sql = (
            f"SELECT {_RECORD}, routing_key, message_id, element, headers, body "
            "FROM QUARANTINE WHERE quarantine_id = %s"
        )
        row = self._session.row(sql, (quarantine_id,))
        if row is None:
            return None
        record, (routing_key, message_id, element, headers, body) = _record(row[:6]), row[6:]
        routing_key = bytes(routing_key).decode(errors="surrogateescape")
        return record, Quarantined(
            reason=record.reason, publisher=bytes(row[3]), routing_key=routing_key,
            message_id=None if message_id is None else bytes(message_id), element=element,
            experiment=record.experiment, headers=headers, body=bytes(body),
        )

    def newest_id(self) -> int:
        row = self._session.row("SELECT MAX(quarantine_id) FROM QUARANTINE")
        return int(row[0]) if row and row[0] is not None else 0

    def lock(self, ids: Collection[int]) -> list[QuarantineRecord]:
        if not ids:
            return []
        sql = (
            f"SELECT {_RECORD} FROM QUARANTINE WHERE quarantine_id IN ({_marks(ids)}) ORDER BY quarantine_id FOR UPDATE"
        )
        return [_record(row) for row in self._session.rows(sql, tuple(ids))]

    def change_reason(self, quarantine_id: int, reason: Reason) -> None:
        sql = "UPDATE QUARANTINE SET reason = %s WHERE quarantine_id = %s"
        self._session.execute(sql, (reason.value, quarantine_id))

    def remove(self, ids: Collection[int]) -> None:
        if not ids:
            return
        sql = (
            "SELECT publisher, COUNT(*), SUM(size + LENGTH(headers)) FROM QUARANTINE "
            f"WHERE quarantine_id IN ({_marks(ids)}) GROUP BY publisher ORDER BY publisher"
        )
        usage = self._session.rows(sql, tuple(ids))
        self._session.execute(f"DELETE FROM QUARANTINE WHERE quarantine_id IN ({_marks(ids)})", tuple(ids))
        for publisher, count, size in usage:
            self._session.execute(
                "UPDATE QUARANTINE_USAGE SET items = items - %s, bytes = bytes - %s WHERE publisher = %s",
                (count, size, bytes(publisher)),
            )

    def counts(self, experiment_id: int) -> dict[str, int]:
        sql = (
            "SELECT q.reason, COUNT(*) FROM QUARANTINE q JOIN EXPERIMENT_NAMES n ON n.name = q.experiment "
            f"AND {_EXACTLY.format('n.name')} = {_EXACTLY.format('q.experiment')} "
            "WHERE n.experiment_id = %s GROUP BY q.reason ORDER BY q.reason"
        )
        return dict(self._session.rows(sql, (experiment_id,)))

    def summary(self, selection: QuarantineSelection = QuarantineSelection()) -> list[QuarantineSummary]:
        condition, values = _condition(selection)
        sql = (
            "SELECT reason, publisher, COUNT(*), SUM(size), MIN(received), MAX(received) FROM QUARANTINE "
            f"WHERE TRUE {condition} GROUP BY reason, publisher ORDER BY reason, publisher"
        )
        return [
            QuarantineSummary(Reason(reason), _name(publisher), count, int(size), from_column(first), from_column(last))
            for reason, publisher, count, size, first, last in self._session.rows(sql, values)
        ]

    def usage(self) -> list[PublisherUsage]:
        sql = "SELECT publisher, items, bytes FROM QUARANTINE_USAGE WHERE items > 0 ORDER BY publisher"
        return [PublisherUsage(bytes(publisher), items, size) for publisher, items, size in self._session.rows(sql)]


def _condition(selection: QuarantineSelection) -> tuple[str, tuple[object, ...]]:
    parts = (
        ("reason = %s", selection.reason),
        ("publisher = %s", selection.publisher),
        ("experiment = %s", selection.experiment),  # by the index
        (f"{_EXACTLY.format('experiment')} = %s", selection.experiment),
        ("received >= %s", to_column(selection.start)),
        ("received < %s", to_column(selection.end)),
    )
    given = [(sql, value) for sql, value in parts if value is not None]
    return "".join(f"AND {sql} " for sql, _ in given), tuple(value for _, value in given)


def _marks(ids: Collection[int]) -> str:
    return ", ".join(["%s"] * len(ids))


def _portions(items: Sequence[Quarantined]) -> Iterator[list[Quarantined]]:
    """Split so that no statement comes near the packet limit; one item alone may be larger."""
    portion: list[Quarantined] = []
    size = 0
    for item in items:
        if portion and size + len(item.body) > INSERT_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(item)
        size += _FRAME_BYTES + len(item.body) + len(item.headers)
    if portion:
        yield portion


def _columns(item: Quarantined) -> tuple[object, ...]:
    return (
        item.reason.value, item.publisher, item.routing_key.encode(errors="surrogateescape"), item.message_id,
        item.element, item.experiment, item.headers, item.body, len(item.body),
    )


def _record(row: Row) -> QuarantineRecord:
    number, reason, received, publisher, size, experiment = row
    return QuarantineRecord(number, Reason(reason), from_column(received), _name(publisher), size, experiment)


def _name(publisher: bytes) -> str:
    return bytes(publisher).decode(errors="replace")
