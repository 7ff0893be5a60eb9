"""How many streams a process sends at a time: each holds a thread for as long as its reader takes, and readers may take
any time. One thread is always left for whoever asks for little."""

import threading
import weakref
from collections.abc import Callable
from contextlib import ExitStack

from flask import Response

from my_monit.errors import Busy


class Streams:
    def __init__(self, threads: int) -> None:
        """`threads` is how many the process has. With a single one there is a stream at a time all the same."""
        self._places = threading.BoundedSemaphore(max(1, threads - 1))

    def send(self, begin: Callable[[], Response]) -> Response:
        """What `begin` makes; its place is free again when it has been sent, was broken off, or could not be made.

        Raises Busy when there is no place.
        """
        if not self._places.acquire(blocking=False):  # pylint: disable=consider-using-with  # it outlives this call
            raise Busy("as many exports as may run at a time are under way")
        with ExitStack() as place:
            place.callback(self._places.release)
            answer = begin()
            held = place.pop_all()
        answer.call_on_close(held.close)
        weakref.finalize(answer, held.close)  # should somebody drop it without closing it
        return answer
