"""Accounts at the broker that may publish, made and changed through its management API.

The broker enforces which routing keys an account may use, and is the only place that knows it: an account's experiments
are read off its topic permission. An account that is suspended keeps that, but may not write to the exchange.
"""

import re
from collections.abc import Collection, Iterable
from typing import Any

from my_monit.messaging.management import Management
from my_monit.model import PublisherAccount
from my_monit.settings import RabbitNames

#: Marks an account as one of ours. It grants nothing at the broker: other tags than those below are mere words.
ADAPTER_TAG = "adapter"
#: Whoever has one of these is no publisher.
_PRIVILEGED = frozenset({"administrator", "monitoring", "policymaker", "management", "impersonator"})
_NOTHING = "^$"
#: Unlike $, it does not also match before a line end.
_END = r"\z"


class BrokerAccounts:
    def __init__(self, management: Management, names: RabbitNames) -> None:
        self._management = management
        self._names = names

    def publishers(self) -> list[PublisherAccount]:
        vhost = self._names.vhost
        users = {user["name"]: _tags(user) for user in self._management.get("users")}
        keys = {
            one["user"]: str(one["write"]) for one in self._management.get("vhosts", vhost, "topic-permissions")
            if one["exchange"] == self._names.exchange
        }
        rights = {one["user"]: str(one["write"]) for one in self._management.get("vhosts", vhost, "permissions")}
        return [
            PublisherAccount(
                name, self._experiments(keys.get(name)), suspended=rights[name] == _NOTHING,
                ours=ADAPTER_TAG in users[name],
            )
            for name in sorted(users.keys() & rights.keys() - {self._names.user})
            if not users[name] & _PRIVILEGED
        ]

    def exists(self, name: str) -> bool:
        return any(user["name"] == name for user in self._management.get("users"))

    def set_password(self, name: str, password: str) -> None:
        self._management.put({"password": password, "tags": ADAPTER_TAG}, "users", name)

    def allow(self, name: str, experiments: Collection[str] | None) -> None:
        # The routing keys first: an account without a topic permission may use every one.
        if experiments is not None:
            keys = {"exchange": self._names.exchange, "write": self._pattern(experiments), "read": _NOTHING}
            self._management.put(keys, "topic-permissions", self._names.vhost, name)
        self._permit(name, f"^{re.escape(self._names.exchange)}$")

    def suspend(self, name: str) -> None:
        self._permit(name, _NOTHING)

    def disconnect(self, name: str) -> None:
        self._management.delete("connections", "username", name)

    def remove(self, name: str) -> None:
        self._management.delete("users", name)

    def _permit(self, name: str, write: str) -> None:
        rights = {"configure": _NOTHING, "write": write, "read": _NOTHING}
        self._management.put(rights, "permissions", self._names.vhost, name)

    def _pattern(self, experiments: Iterable[str]) -> str:
        return f"{self._prefix}({'|'.join(map(re.escape, sorted(experiments)))}){_END}"

    def _experiments(self, pattern: str | None) -> tuple[str, ...] | None:
        """What `_pattern` was made of; None when somebody else made it."""
        if pattern is None or not pattern.startswith(f"{self._prefix}("):
            return None
        names = tuple(pattern.removeprefix(f"{self._prefix}(").removesuffix(f"){_END}").replace("\\", "").split("|"))
        return names if self._pattern(names) == pattern else None

    @property
    def _prefix(self) -> str:
        return f"^{re.escape(self._names.routing)}\\."


def _tags(user: dict[str, Any]) -> set[str]:
    """A list, or with commas between them, by the broker's version."""
    tags = user["tags"]
    return set(tags if isinstance(tags, list) else tags.split(","))
