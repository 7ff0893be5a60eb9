import secrets
from collections.abc import Callable

FIRST_RETRY_SECS = 0.5
LONGEST_RETRY_SECS = 30.0
MAX_DOUBLINGS = 6  # by then the longest is reached

_random = secrets.SystemRandom()


class Trouble:
    """What keeps messages from going out: people are told when it begins, changes and ends, not at every attempt."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._text = ""
        self._failures = 0  # in a row

    def tell(self, text: str) -> None:
        if text != self._text:
            self._report(text)
        self._text = text

    def over(self) -> None:
        if self._text:
            self._report("the broker takes messages again")
        self._text = ""
        self._failures = 0

    def next_delay_secs(self) -> float:
        """Doubles with every failure; jittered, so that many adapters do not come back in the same moment."""
        delay = min(FIRST_RETRY_SECS * (1 << self._failures), LONGEST_RETRY_SECS)
        self._failures = min(self._failures + 1, MAX_DOUBLINGS)
        return delay * _random.uniform(0.5, 1)
