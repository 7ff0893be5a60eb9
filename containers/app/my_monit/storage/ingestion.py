"""What the listener remembers of messages, in MySQL."""

from collections.abc import Iterator
from itertools import islice

from my_monit.storage.connector import Session
from my_monit.storage.faults import DuplicateKey
from my_monit.storage.ports import MessageId

#: Ids per look-up of known messages.
LOOKUP_IDS = 1000


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
