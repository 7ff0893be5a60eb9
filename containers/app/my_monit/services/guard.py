"""Bounds the quarantine: a publisher that fills it is cut off at the broker, so that it stops no other one.

What the broker has confirmed may not be dropped, so the flood is stopped where it comes in. Only an administrator's
account can do that, which the listener must not have: hence a process of its own.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from my_monit.errors import MyMonitError, NotFound
from my_monit.health import Health
from my_monit.logs.logger import get_logger
from my_monit.model import GUARD, PublisherAccount, PublisherUsage
from my_monit.services.adapters import AccountsPort, AdapterService
from my_monit.storage.ports import StoragePort

#: Seconds between two looks.
LOOK_SECS = 5.0
#: Seconds until a trouble that goes on is told again.
ALERT_SECS = 600.0
#: The part of the limit from which on a publisher is told of.
WARNING = 0.8
#: Bytes that an item takes beside its body and properties.
ITEM_BYTES = 200

_log = get_logger("guard")


class Guard:
    def __init__(
        self, storage: StoragePort, accounts: AccountsPort, adapters: AdapterService, health: Health, *,
        limit_mib: int, routing: str, clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`limit_mib` is what one publisher may have in the quarantine; `clock` in seconds."""
        self._storage = storage
        self._accounts = accounts
        self._adapters = adapters
        self._health = health
        self._limit = limit_mib * 2**20
        self._prefix = f"{routing}."
        self._clock = clock
        self._told: dict[tuple[str, bytes], float] = {}

    def run(self, stopping: threading.Event) -> None:
        """Look until `stopping`. Raises ConfigurationError when trying again cannot help."""
        while not stopping.is_set():
            try:
                self.look()
                self._health.succeed()
            except MyMonitError as error:
                if not error.transient:
                    raise
                self._health.fail(str(error))
                _log.warning("guarding_interrupted", error=error)
            stopping.wait(LOOK_SECS)

    def look(self) -> None:
        with self._storage.unit() as unit:
            usage = unit.quarantine.usage()
        filling = [one for one in usage if _bytes(one) >= WARNING * self._limit]
        accounts = {one.name.encode(): one for one in self._accounts.publishers()} if filling else {}
        for one in filling:
            if _bytes(one) < self._limit:
                if self._is_due("filling", one):
                    _log.warning("quarantine_filling", **_told(one))
            elif one.publisher in accounts:
                self._suspend(accounts[one.publisher], one)
            else:
                if self._is_due("overflowing", one):
                    _log.error("quarantine_overflowing", **_told(one))
                for account in self._only_users_of(one.publisher, accounts.values()):
                    self._suspend(account, one)

    def _suspend(self, account: PublisherAccount, usage: PublisherUsage) -> None:
        if account.suspended:
            self._accounts.disconnect(account.name)  # a connection may have been opened before, and not been closed
            return
        try:
            self._adapters.suspend(GUARD, account.name)
        except NotFound:  # somebody has just removed it
            return
        _log.error("publisher_suspended", account=account.name, **_told(usage))

    def _only_users_of(self, routing_key: bytes, accounts: Iterable[PublisherAccount]) -> list[PublisherAccount]:
        """The accounts that may publish for no other experiment than that of the routing key."""
        name = routing_key.decode(errors="replace").removeprefix(self._prefix)
        with self._storage.unit() as unit:
            ids = unit.experiments.ids_by_name([name])
            names = set(unit.experiments.names_of(ids.values()))
        return [one for one in accounts if one.experiments and names.issuperset(one.experiments)]

    def _is_due(self, trouble: str, usage: PublisherUsage) -> bool:
        """Whether it is time to tell of a trouble of this publisher, which counts as told then."""
        now, key = self._clock(), (trouble, usage.publisher)
        due = now - self._told.get(key, -math.inf) >= ALERT_SECS
        if due:
            self._told[key] = now
        return due


def _bytes(usage: PublisherUsage) -> int:
    return usage.size + ITEM_BYTES * usage.items


def _told(usage: PublisherUsage) -> dict[str, Any]:
    return {"publisher": usage.publisher.decode(errors="replace"), "items": usage.items, "bytes": _bytes(usage)}
