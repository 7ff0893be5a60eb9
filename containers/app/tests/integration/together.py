"""Threads that begin at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

#: A thread that waits for longer than this is stuck.
STUCK_SECS = 20


def run_together(*works: Callable[[], Any]) -> list[Any]:
    """Run each in a thread of its own, all from the same moment on; give their results, errors among them."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        barrier.wait(STUCK_SECS)
        try:
            return work()
        except Exception as error:  # pylint: disable=broad-exception-caught
            return error

    with ThreadPoolExecutor(len(works)) as executor:
        return [future.result(STUCK_SECS) for future in [executor.submit(run, work) for work in works]]
