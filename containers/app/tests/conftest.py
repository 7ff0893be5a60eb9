"""What all three rungs share: nothing may be waited for without a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

_T = TypeVar("_T")


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
