from collections.abc import Callable
from typing import Protocol

from mymonit_adapters.errors import PublishingFailed
from mymonit_adapters.messages import Message


class Publisher(Protocol):
    """Where messages go. `submit` is for one thread, everything else for another."""

    @property
    def confirmed(self) -> int:
        """How many messages the broker has taken over."""

    @property
    def failure(self) -> PublishingFailed | None:
        """Why it has given up; None as long as there is hope."""

    def submit(self, message: Message) -> None:
        """Accepts a message, and waits while too many are outstanding.

        Raises PublishingFailed when there is no hope, PublishingStopped once draining has begun.
        """

    def drain(self, *, timeout_secs: float, given_up: Callable[[], bool]) -> None:
        """Accepts nothing more and waits until all is confirmed, time is up, hope is lost or `given_up()`."""

    def close(self) -> None:
        """Ends the connection; what is not confirmed by now never will be."""
