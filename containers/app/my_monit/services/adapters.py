"""Accounts of instruments at the broker: which may publish for which experiments.

The broker is no part of the database's transaction. So an act is written to the audit first, then done at the broker,
then committed: what cannot be audited is not done, and what the broker refuses is not audited as done.
"""

import re
import secrets
from collections.abc import Collection
from typing import Protocol

from my_monit.errors import Conflict, Fault, Invalid, NotFound
from my_monit.logs.audit import Act, Audit, Outcome, record
from my_monit.model import Actor, PublisherAccount
from my_monit.permissions import Verb
from my_monit.storage.ports import Unit

#: What an adapter may be called.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
#: Bytes of randomness in a password.
PASSWORD_BYTES = 32
#: Characters of the audit's column.
OBJECT_CHARS = 128


class AccountsPort(Protocol):
    """The broker's accounts. Every method raises BrokerUnavailable when the broker cannot be asked."""

    def publishers(self) -> list[PublisherAccount]:
        """By name; those of the listener and of administrators are not among them."""

    def exists(self, name: str) -> bool:
        """Whether there is any account of this name."""

    def set_password(self, name: str, password: str) -> None:
        """Of a new account, too, which may do nothing yet."""

    def allow(self, name: str, experiments: Collection[str] | None) -> None:
        """Let it publish for these experiments alone; None: leave its routing keys as they are."""

    def suspend(self, name: str) -> None:
        """Let it publish nothing; a connection that is open may go on until it is closed."""

    def disconnect(self, name: str) -> None:
        """Close its connections; it may open new ones."""

    def remove(self, name: str) -> None: ...


class AdapterService:
    def __init__(self, audit: Audit, accounts: AccountsPort, *, routing: str) -> None:
        """`routing` is the routing key of accounts that may publish for every experiment."""
        self._audit = audit
        self._accounts = accounts
        self._routing = routing

    def accounts(self, actor: Actor) -> list[PublisherAccount]:
        with self._audit.act(actor, Verb.ADAPTER_LIST):
            return self._accounts.publishers()

    def add(self, actor: Actor, name: str, experiments: Collection[str]) -> str:
        """Make an account, and give its password, which is kept nowhere."""
        self._check(name)
        with self._audit.act(actor, Verb.ADAPTER_ADD, _object(name)) as act:
            keys = _names(act.unit, experiments)
            if self._accounts.exists(name):
                raise Conflict(f"the broker has an account {name} already")
            password = secrets.token_urlsafe(PASSWORD_BYTES)
            _record(act, actor, Verb.ADAPTER_ADD)
            self._accounts.set_password(name, password)
            self._accounts.allow(name, keys)
        return password

    def rotate(self, actor: Actor, name: str) -> str:
        """Give it another password, and close the connections that were opened with the old one."""
        with self._audit.act(actor, Verb.ADAPTER_ROTATE, _object(name)) as act:
            self._find(act, name, ours=True)
            password = secrets.token_urlsafe(PASSWORD_BYTES)
            _record(act, actor, Verb.ADAPTER_ROTATE)
            self._accounts.set_password(name, password)
        self._accounts.disconnect(name)
        return password

    def suspend(self, actor: Actor, name: str) -> None:
        with self._audit.act(actor, Verb.ADAPTER_SUSPEND, _object(name)) as act:
            self._find(act, name)
            _record(act, actor, Verb.ADAPTER_SUSPEND)
            self._accounts.suspend(name)
        self._accounts.disconnect(name)

    def resume(self, actor: Actor, name: str) -> None:
        """Let it publish again, under every name that its experiments bear by now."""
        with self._audit.act(actor, Verb.ADAPTER_RESUME, _object(name)) as act:
            experiments = self._find(act, name).experiments
            keys = None if experiments is None else _names(act.unit, experiments)
            _record(act, actor, Verb.ADAPTER_RESUME)
            self._accounts.allow(name, keys)

    def remove(self, actor: Actor, name: str) -> None:
        with self._audit.act(actor, Verb.ADAPTER_REMOVE, _object(name)) as act:
            self._find(act, name, ours=True)
            _record(act, actor, Verb.ADAPTER_REMOVE)
            self._accounts.suspend(name)
            self._accounts.disconnect(name)
            self._accounts.remove(name)

    def _check(self, name: str) -> None:
        if not NAME.fullmatch(name):
            raise Invalid(Fault("name", "must be 1 to 64 of A-Z a-z 0-9 _ - and not begin with _ or -"))
        if name == self._routing:  # where a message names no account, its routing key stands for one
            raise Invalid(Fault("name", f"{name} is a routing key"))

    def _find(self, act: Act, name: str, *, ours: bool = False) -> PublisherAccount:
        """An account that may publish; raises Conflict when it must be `ours` and somebody else made it."""
        found = next((one for one in self._accounts.publishers() if one.name == name), None)
        if found is None:
            raise NotFound("the broker has no such account that may publish here")
        act.object = f"adapter:{name}"[:OBJECT_CHARS]
        if ours and not found.ours:
            raise Conflict(f"the account {name} is not one that mymonit adapter add has made")
        return found


def _record(act: Act, actor: Actor, verb: Verb) -> None:
    record(act.unit, actor, verb, act.object, Outcome.SUCCESS)
    act.recorded = True


def _names(unit: Unit, experiments: Collection[str]) -> list[str]:
    """Every name, present and former, of the experiments that these names mean."""
    ids = unit.experiments.ids_by_name(experiments)
    unknown = sorted(set(experiments) - ids.keys())
    if unknown:
        raise Invalid(*(Fault("experiment", f"there is no experiment {name}") for name in unknown))
    return unit.experiments.names_of(set(ids.values()))


def _object(name: str) -> str:
    """What is no name of an adapter could be anything, and must not reach the audit before such an account is found."""
    return f"adapter:{name}" if NAME.fullmatch(name) else "adapter"
