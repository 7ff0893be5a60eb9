"""What people see of a run while it lasts: a bar on a terminal, now and then a line elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

import click

from mymonit_adapters.model import Reject

LINE_SECS = 10.0  # between lines
SHORT_BYTES = 1 << 20  # an input that needs no bar
REJECTS_TOLD = 10  # each with its reason; of those behind them the number, for their file has them all


class Reading(Protocol):
    """How far an input is."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def end(self) -> int: ...


class Progress:
    """For one thread, which calls `show` many times a second."""

    def __init__(self, report: Callable[[str], None], *, terminal: bool | None = None) -> None:
        self._report = report
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._shown: Reading | None = None
        self._bar: Any = None
        self._told_at = time.monotonic()

    def show(self, reading: Reading | None, counts: str) -> None:
        if reading is not self._shown:
            self.finish()
            self._shown = reading
        if reading is None or reading.size - reading.end < SHORT_BYTES and self._bar is None:
            return  # a stream, or a file whose end is near, such as one that is followed
        if self._terminal:
            self._show_bar(reading)
        elif time.monotonic() >= self._told_at + LINE_SECS:
            self._told_at = time.monotonic()
            self._report(f"{reading.name}: {100 * reading.end // reading.size}%, {counts}")

    def finish(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None

    def _show_bar(self, reading: Reading) -> None:
        if self._bar is None:
            self._bar = click.progressbar(length=reading.size, label=reading.name, file=sys.stderr)
        self._bar.update(reading.end - self._bar.pos)


class RejectNews:
    """Tells of what cannot be read, and not of a million lines one by one."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._count = 0
        self._untold = 0
        self._told_at = 0.0

    def tell(self, source: str, reject: Reject) -> None:
        self._count += 1
        if self._count <= REJECTS_TOLD:
            self._report(f"{source}line {reject.number}: {reject.reason}")
            self._told_at = time.monotonic()
            return
        self._untold += 1
        if time.monotonic() >= self._told_at + LINE_SECS:
            self.finish()

    def finish(self) -> None:
        if self._untold:
            self._report(f"{self._untold} more rejects, {self._count} in all: see the file of rejects")
        self._untold, self._told_at = 0, time.monotonic()
