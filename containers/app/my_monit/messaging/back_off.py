"""How long to wait between two attempts."""

import random

#: Seconds until the next attempt to reach the broker or the database: random, from this and growing to that.
FIRST_RETRY_SECS = 0.5
RETRY_SECS = 20.0


class BackOff:
    """Seconds to wait before the next attempt: random, so that many processes spread, and longer after each."""

    def __init__(self) -> None:
        self._ceiling = FIRST_RETRY_SECS

    def next(self) -> float:
        seconds = random.uniform(FIRST_RETRY_SECS / 2, self._ceiling)  # nosec B311
        self._ceiling = min(2 * self._ceiling, RETRY_SECS)
        return seconds
