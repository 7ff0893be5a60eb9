"""What the listener remembers of messages, and the quarantine, in MySQL."""

from collections.abc import Iterator, Sequence
from itertools import islice

from my_monit.model import Quarantined, QuarantineRecord, Reason
from my_monit.storage.connector import Row, Session
from my_monit.storage.faults import DuplicateKey
from my_monit.storage.moments import from_column
from my_monit.storage.ports import MessageId

#: Bytes of bodies per INSERT into the quarantine: a small part of the packet limit of 64 MiB, even when escaped.
INSERT_BYTES = 8 * 1024 * 1024
#: Ids per look-up of known messages.
LOOKUP_IDS = 1000

#: Bytes of a row of the quarantine besides its body and its properties, at most.
_FRAME_BYTES = 1024

_RECORD = "quarantine_id, reason, received, publisher, size, experiment"


class Messages:
    def __init__(self, session: Session) -> None:
        self._session = session

    def publisher_id(self, name: bytes) -> int:
        row = self._session.row("SELECT publisher_id FROM PUBLISHERS WHERE name = %s", (name,))
        return int(row[0]) if row else self._session.insert("INSERT INTO PUBLISHERS (name) VALUES (%s)", (name,))

    def remember(self, hashes: dict[MessageId, bytes]) -> dict[MessageId, bytes]:
        # Nearly all messages are new, so the insert comes first and the look-up only when it finds one known.
        try:
            self._insert(hashes)
            return {}
        except DuplicateKey:
            known = dict(self._known(hashes))
            self._insert({key: value for key, value in hashes.items() if key not in known})
            return known

    def forget(self, *, older_than_secs: int, limit: int) -> int:
        sql = "DELETE FROM MESSAGE_IDS WHERE seen < UNIX_TIMESTAMP() - %s ORDER BY seen LIMIT %s"
        return self._session.execute(sql, (older_than_secs, limit))

    def _insert(self, hashes: dict[MessageId, bytes]) -> None:
        if hashes:
            self._session.insert_values("MESSAGE_IDS (publisher_id, message_id, body_hash, seen)", [
                f"({publisher_id:d},x'{message_id.hex()}',x'{body_hash.hex()}',UNIX_TIMESTAMP())"
                for (publisher_id, message_id), body_hash in hashes.items()
            ])

    def _known(self, hashes: dict[MessageId, bytes]) -> Iterator[tuple[MessageId, bytes]]:
        keys = iter(hashes)
        while some := list(islice(keys, LOOKUP_IDS)):
            marks = ", ".join(["(%s, %s)"] * len(some))
            sql = (
                "SELECT publisher_id, message_id, body_hash FROM MESSAGE_IDS "
                f"WHERE (publisher_id, message_id) IN ({marks})"
            )
            for publisher_id, message_id, body_hash in self._session.rows(sql, [part for key in some for part in key]):
                yield MessageId(publisher_id, bytes(message_id)), bytes(body_hash)


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
