"""Users in MySQL. An erased one keeps the row of the staff id, and is a user to nobody."""

from datetime import datetime

from my_monit.errors import Conflict
from my_monit.model import Role, User
from my_monit.storage.connector import Row, Session
from my_monit.storage.faults import DuplicateKey
from my_monit.storage.moments import from_column
from my_monit.storage.ports import Holder

_COLUMNS = "u.user_id, u.name, u.username, u.email, r.name, u.active"
_FROM = "FROM USERS u JOIN ROLES r ON r.role_id = u.role_id"


def _user(row: Row) -> User:
    user_id, name, username, email, role, active = row
    return User(user_id, name=name, username=username, email=email, role=Role(role), active=bool(active))


class Users:
    def __init__(self, session: Session) -> None:
        self._session = session

    def page(self, *, after: str, limit: int) -> list[User]:
        sql = f"SELECT {_COLUMNS} {_FROM} WHERE u.user_id > %s AND u.erased IS NULL ORDER BY u.user_id LIMIT %s"
        return [_user(row) for row in self._session.rows(sql, (after, limit))]

    def get(self, user_id: str, *, lock: bool = False) -> User | None:
        if lock:  # the user's row alone: one of ROLES may be read, but not locked
            self._session.row("SELECT 1 FROM USERS WHERE user_id = %s FOR UPDATE", (user_id,))
        row = self._session.row(f"SELECT {_COLUMNS} {_FROM} WHERE u.user_id = %s AND u.erased IS NULL", (user_id,))
        user = _user(row) if row else None
        # utf8mb4_bin pads with blanks when it compares: "A001 " finds A001, but is not A001.
        return user if user and user.user_id == user_id else None

    def by_username(self, username: str) -> Holder | None:
        sql = f"SELECT u.username_since, {_COLUMNS} {_FROM} WHERE u.username = %s"
        row = self._session.row(sql, (username,))
        if row is None:
            return None
        since, *columns = row
        user = _user(tuple(columns))
        return Holder(user, from_column(since) if since else None) if user.username == username else None

    def add(self, user: User) -> None:
        sql = (
            "INSERT INTO USERS (user_id, name, username, email, role_id, active, username_since) "
            "SELECT %s, %s, %s, %s, role_id, %s, UTC_TIMESTAMP(6) FROM ROLES WHERE name = %s"
        )
        values = (user.user_id, user.name, user.username, user.email, user.active, user.role.value)
        try:
            self._session.execute(sql, values)
        except DuplicateKey as error:
            raise Conflict("the user_id or the username is taken") from error

    def change(self, user: User) -> None:
        sql = (  # from left to right: username_since looks at the username that there was
            "UPDATE USERS SET username_since = IF(username = %s, username_since, UTC_TIMESTAMP(6)), "
            "name = %s, username = %s, email = %s, active = %s, "
            "role_id = (SELECT role_id FROM ROLES WHERE name = %s) WHERE user_id = %s"
        )
        values = (user.username, user.name, user.username, user.email, user.active, user.role.value, user.user_id)
        try:
            self._session.execute(sql, values)
        except DuplicateKey as error:
            raise Conflict("the username is taken") from error

    def erase(self, user_id: str) -> None:
        sql = (
            "UPDATE USERS SET name = NULL, username = NULL, username_since = NULL, email = NULL, active = FALSE, "
            "erased = UTC_TIMESTAMP(6) WHERE user_id = %s"
        )
        self._session.execute(sql, (user_id,))

    def erased(self, user_id: str) -> datetime | None:
        row = self._session.row("SELECT user_id, erased FROM USERS WHERE user_id = %s", (user_id,))
        return from_column(row[1]) if row and row[0] == user_id and row[1] else None

    def lock_active(self, role: Role) -> list[str]:
        sql = (
            "SELECT user_id FROM USERS WHERE active AND role_id = (SELECT role_id FROM ROLES WHERE name = %s) "
            "ORDER BY user_id FOR UPDATE"
        )
        return [row[0] for row in self._session.rows(sql, (role.value,))]
