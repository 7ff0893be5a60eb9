"""The quarantine in MySQL."""

from collections.abc import Iterator, Sequence

from my_monit.model import Quarantined, QuarantineRecord, Reason
from my_monit.storage.connector import Row, Session
from my_monit.storage.moments import from_column

#: Bytes of bodies per INSERT into the quarantine: a small part of the packet limit of 64 MiB, even when escaped.
INSERT_BYTES = 8 * 1024 * 1024
#: Bytes of a row of the quarantine besides its body and its properties, at most.
_FRAME_BYTES = 1024

_RECORD = "quarantine_id, reason, received, publisher, size, experiment"


class Quarantine:
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, items: Sequence[Quarantined]) -> None:
        sql = (
            "INSERT INTO QUARANTINE "
            "(reason, publisher, routing_key, message_id, element, experiment, headers, body, size) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        )
        for some in _portions(items):
            self._session.insert_many(sql, [_columns(item) for item in some])

    def page(self, *, after: int, limit: int, reason: Reason | None = None) -> list[QuarantineRecord]:
        sql = (
            f"SELECT {_RECORD} FROM QUARANTINE "
            "WHERE quarantine_id > %s AND (%s IS NULL OR reason = %s) ORDER BY quarantine_id LIMIT %s"
        )
        return [_record(row) for row in self._session.rows(sql, (after, reason, reason, limit))]

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

    def counts(self, experiment_id: int) -> dict[str, int]:
        sql = (
            "SELECT q.reason, COUNT(*) FROM QUARANTINE q JOIN EXPERIMENT_NAMES n ON n.name = q.experiment "
            "WHERE n.experiment_id = %s GROUP BY q.reason ORDER BY q.reason"
        )
        return dict(self._session.rows(sql, (experiment_id,)))


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
    name = bytes(publisher).decode(errors="replace")
    return QuarantineRecord(number, Reason(reason), from_column(received), name, size, experiment)
