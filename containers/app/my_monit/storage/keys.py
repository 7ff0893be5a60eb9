"""API keys in MySQL: the digest of each, never the key. One is added and removed, and does not change in between."""

from datetime import timedelta

from my_monit.model import ApiKey
from my_monit.storage.connector import Row, Session
from my_monit.storage.moments import from_column
from my_monit.storage.ports import StoredKey

_COLUMNS = "key_id, user_id, label, experiment_id, created, created_by, expires, expires <= UTC_TIMESTAMP(6)"


def _key(row: Row) -> ApiKey:
    key_id, user_id, label, experiment_id, created, created_by, expires, expired = row
    return ApiKey(
        key_id, user_id, label, experiment_id, from_column(created), created_by, from_column(expires), bool(expired)
    )


class Keys:
    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, user_id: str) -> list[ApiKey]:
        sql = f"SELECT {_COLUMNS} FROM API_KEYS WHERE user_id = %s ORDER BY created, key_id"
        return [_key(row) for row in self._session.rows(sql, (user_id,))]

    def get(self, key_id: str) -> StoredKey | None:
        row = self._session.row(f"SELECT {_COLUMNS}, digest FROM API_KEYS WHERE key_id = %s", (key_id,))
        return StoredKey(_key(row[:-1]), bytes(row[-1])) if row else None

    def add(
        self, key_id: str, digest: bytes, *,
        user_id: str, label: str, experiment_id: int | None, created_by: str, lifetime: timedelta,
    ) -> ApiKey:
        sql = (
            "INSERT INTO API_KEYS (key_id, digest, user_id, label, experiment_id, created_by, created, expires) "
            "VALUES (%s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL %s SECOND)"
        )
        seconds = lifetime.total_seconds()
        self._session.execute(sql, (key_id, digest, user_id, label, experiment_id, created_by, seconds))
        return _key(self._session.rows(f"SELECT {_COLUMNS} FROM API_KEYS WHERE key_id = %s", (key_id,))[0])

    def remove(self, key_id: str) -> bool:
        return self._session.execute("DELETE FROM API_KEYS WHERE key_id = %s", (key_id,)) > 0

    def remove_all(self, user_id: str) -> list[str]:
        removed = [key.key_id for key in self.of(user_id)]
        self._session.execute("DELETE FROM API_KEYS WHERE user_id = %s", (user_id,))
        return removed
