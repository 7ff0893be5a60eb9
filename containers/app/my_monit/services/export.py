"""Measures as a stream of any length: in pieces, each in a transaction of its own, two at a time.

Nothing is held between two pieces, so a slow reader holds nothing up, and each looks again at whether the reader still
may. Pieces are windows of time next to each other: while one is sent, two connections read the next two.
"""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

from my_monit.errors import NotFound
from my_monit.model import Actor, Position, Selection
from my_monit.services.access import require_standing
from my_monit.storage.ports import Layout, StoragePort, Text
from my_monit.timestamps import LATEST

#: Measures per piece of a stream: enough to make the query's own cost vanish, about 1 MiB in memory.
STREAM_CHUNK = 10_000
#: Measures of the first piece, so that the first byte does not wait for a whole one.
FIRST_CHUNK = 1000
#: Connections that read for one stream.
READERS = 2
#: How many times that a window may hold that turns out denser than the one before; the rest comes in another piece.
LEEWAY = 2
#: How much wider the next window may be than one that held too little.
GROWTH = 16


@dataclass(frozen=True)
class Export:
    """What a scientist reads of an experiment."""

    storage: StoragePort
    actor: Actor
    experiment_id: int
    series_ids: list[int]
    layout: Layout

    def read(self, selection: Selection, *, after: Position | None, limit: int, span: int | None) -> Text:
        """One piece. Raises NotFound when the association has ended, and Unauthenticated when the reader is nobody any
        more: what was sent is not all there is."""
        with self.storage.unit() as unit:
            require_standing(unit, self.actor)
            if unit.experiments.get(self.experiment_id, visible_to=self.actor.user_id) is None:
                raise NotFound("there is no such experiment")
            return unit.measures.text(
                self.experiment_id, self.series_ids, selection, self.layout,
                visible_to=self.actor.user_id, after=after, limit=limit, span=span,
            )

    def limited(self, text: Text, selection: Selection, left: int) -> Iterator[Text]:
        """`text`, then what comes after it, at most `left` measures more."""
        yield text
        while text.last is not None and left > 0:
            text = self.read(selection, after=text.last, limit=min(left, STREAM_CHUNK), span=text.span)
            left -= text.measures
            yield text

    def unlimited(self, text: Text, selection: Selection) -> Iterator[Text]:
        """`text`, then everything that comes after it."""
        yield text
        while text.last is not None:
            width = max(1, text.span * STREAM_CHUNK // text.measures)
            rest = yield from self._windows(_beyond(selection, text.last), text.last, width)
            # Two windows in a row were empty: a pause. Reading on finds its other side, however far it is.
            text = self.read(rest, after=None, limit=STREAM_CHUNK, span=width)
            selection = rest
            yield text

    def _windows(
        self, selection: Selection, after: Position | None, width: int
    ) -> Generator[Text, None, Selection]:
        """Windows one after the other until two in a row are empty; returns the selection that is left."""
        with ThreadPoolExecutor(READERS) as readers:
            ahead: deque[_Window] = deque()
            empty = 0
            while True:
                while len(ahead) <= READERS:
                    ahead.append(self._begun(readers, ahead[-1].rest if ahead else selection, after, width))
                    after = None
                window = ahead.popleft()
                found = yield from self._whole(readers, window)
                empty = 0 if found else empty + 1
                if empty == 2:
                    return window.rest
                if found:
                    width = max(1, min(window.width * GROWTH, window.width * STREAM_CHUNK // found))

    def _begun(self, readers: Executor, selection: Selection, after: Position | None, width: int) -> "_Window":
        window, rest = _cut(selection, width)
        text = readers.submit(self.read, window, after=after, limit=LEEWAY * STREAM_CHUNK, span=width)
        return _Window(window, rest, width, text)

    def _whole(self, readers: Executor, window: "_Window") -> Generator[Text, None, int]:
        """Everything in a window; returns how many measures that is."""
        text = window.text.result()
        found = text.measures
        yield text
        while text.last is not None:
            text = readers.submit(
                self.read, window.selection, after=text.last, limit=LEEWAY * STREAM_CHUNK, span=window.width
            ).result()
            found += text.measures
            yield text
        return found


class _Window(NamedTuple):
    """A part of a selection that is being read, and what comes after it."""

    selection: Selection
    rest: Selection
    width: int
    text: Future[Text]


def _beyond(selection: Selection, last: Position) -> Selection:
    """What is left of a selection at the time of `last` and after it."""
    if selection.descending:
        return replace(selection, end=last.time + 1)
    return replace(selection, start=last.time)


def _cut(selection: Selection, width: int) -> tuple[Selection, Selection]:
    """The next window of a selection, and what it leaves."""
    start, end = selection.start or 0, LATEST + 1 if selection.end is None else selection.end
    if selection.descending:
        edge = max(start, end - width)
        return replace(selection, start=edge), replace(selection, end=edge)
    edge = min(end, start + width)
    return replace(selection, end=edge), replace(selection, start=edge)
