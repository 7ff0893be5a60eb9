"""What all three rungs share: nothing may be waited for without a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

_T = TypeVar("_T")

# How long an example takes, and how fast they are made, is the machine's: a busy one must not fail what is right.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


class Eventually:
    """Calls something until its answer is true, and returns that; fails when the deadline passes first."""

    def __call__(self, question: Callable[[], _T], *, within: float = 10.0, every: float = 0.05) -> _T:
        deadline = time.monotonic() + within
        while not (answer := question()):
            if time.monotonic() > deadline:
                pytest.fail(f"still {answer!r} after {within} seconds")
            time.sleep(every)
        return answer


@pytest.fixture
def eventually() -> Eventually:
    return Eventually()
