"""The broker's accounts in the process: what `AccountsPort` promises, without a server."""

from collections.abc import Collection

from my_monit.model import PublisherAccount


class MemoryAccounts:
    def __init__(self, *others: str) -> None:
        """`others` are accounts that cannot publish."""
        self._others = set(others)
        self._accounts: dict[str, PublisherAccount] = {}
        self.passwords: dict[str, str] = {}
        self.disconnected: list[str] = []

    def publishers(self) -> list[PublisherAccount]:
        return [self._accounts[name] for name in sorted(self._accounts)]

    def exists(self, name: str) -> bool:
        return name in self._accounts or name in self._others

    def set_password(self, name: str, password: str) -> None:
        self.passwords[name] = password

    def allow(self, name: str, experiments: Collection[str] | None) -> None:
        known = self._accounts.get(name)
        kept = known.experiments if known else None
        names = kept if experiments is None else tuple(sorted(experiments))
        self._accounts[name] = PublisherAccount(name, names, suspended=False, ours=True)

    def suspend(self, name: str) -> None:
        self._accounts[name] = self._accounts[name]._replace(suspended=True)

    def disconnect(self, name: str) -> None:
        self.disconnected.append(name)

    def remove(self, name: str) -> None:
        del self._accounts[name], self.passwords[name]
