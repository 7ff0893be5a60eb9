import signal
from collections.abc import Iterator
from contextlib import contextmanager


class StopRequest:
    """What people have asked for by signals; a handler can do no more safely than to note it."""

    def __init__(self) -> None:
        self._signals = 0

    def note(self, *_: object) -> None:
        self._signals += 1

    def made(self) -> bool:
        return self._signals > 0

    def repeated(self) -> bool:
        return self._signals > 1


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """SIGINT and SIGTERM, on every platform."""
    request = StopRequest()
    previous = {number: signal.signal(number, request.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
