"""Users as storage keeps them."""

from typing import Any

from my_monit.model import Role, User
from my_monit.storage.ports import StoragePort


def make_user(user_id: str, role: Role = Role.SCIENTIST, **changes: Any) -> User:
    defaults: dict[str, Any] = {"name": "Ann", "username": f"uid-{user_id}", "email": "ann@example.org"}
    return User(user_id, role=role, **{**defaults, **changes})


def add_users(storage: StoragePort, *users: User) -> None:
    with storage.unit() as unit:
        for user in users:
            unit.users.add(user)
