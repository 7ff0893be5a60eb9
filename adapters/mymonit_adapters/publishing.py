from collections.abc import Callable, Sequence
from typing import Protocol

from mymonit_adapters.errors import PublishingFailed
from mymonit_adapters.spool import Spooled


class Store(Protocol):
    """Where a publisher finds its messages; a spool, or a part of one that is sent again."""

    @property
    def waiting(self) -> int:
        """How many messages are not marked as confirmed."""

    def take(self, after: int, *, most: int, most_bytes: int) -> list[Spooled]:
        """The oldest behind this number that wait; at least one, if there is one."""

    def confirm(self, confirmed: Sequence[Spooled]) -> None:
        """Raises SpoolFull, and can be tried again then."""


class Publisher(Protocol):
    """Sends what waits in a store, and marks there what the broker has confirmed."""

    @property
    def failure(self) -> PublishingFailed | None:
        """Why it has given up; None as long as there is hope."""

    def wake(self) -> None:
        """There is more in the store. For any thread."""

    def drain(self, *, timeout_secs: float, given_up: Callable[[], bool]) -> None:
        """Waits until nothing waits any more, time is up, hope is lost or `given_up()`."""

    def close(self) -> None:
        """Ends the connection; what is not confirmed by now stays in the store."""
