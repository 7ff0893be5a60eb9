"""Measures as a stream of any length: in pieces, each in a transaction of its own, two at a time.

Nothing is held between two pieces, so a slow reader holds nothing up, and each looks again at whether the reader still
may. Pieces are windows of time next to each other: while one is sent, two connections read the next two.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

from my_monit.errors import NotFound
from my_monit.model import Actor, Experiment, Position, Selection, Series
from my_monit.services.access import require_standing
from my_monit.storage.ports import Columns, StoragePort
from my_monit.timestamps import LATEST

#: Measures per piece of a stream: enough to make the queries' own cost vanish. As records of 48 bytes the most that one
#: query may yield, LEEWAY times that, is a block that workers keep (LARGE_BLOCK_BYTES in rest/listener.py).
STREAM_CHUNK = 20_000
#: Measures of the first piece, so that the first byte does not wait for a whole one.
FIRST_CHUNK = 1000
#: Connections that read for one stream.
READERS = 2
#: How many times that a window may hold that turns out denser than the one before; the rest comes in another piece.
LEEWAY = 2
#: How much wider the next window may be than one that held too little.
GROWTH = 16


class Piece(NamedTuple):
    """Some measures, and what they are of."""

    experiment: Experiment
    series: Mapping[int, Series]
    columns: Columns


@dataclass(frozen=True)
class Export:
    """What a scientist reads of an experiment."""

    storage: StoragePort
    actor: Actor
    experiment: Experiment
    series: Mapping[int, Series]

    def pieces(self, columns: Iterable[Columns]) -> Iterator[Piece]:
        return (Piece(self.experiment, self.series, each) for each in columns)

    def read(self, selection: Selection, *, after: Position | None, limit: int, span: int | None) -> Columns:
        """One piece. Raises NotFound when the association has ended, and Unauthenticated when the reader is nobody any
        more: what was sent is not all there is."""
        with self.storage.unit() as unit:
            require_standing(unit, self.actor)
            experiment_id = self.experiment.experiment_id
            if unit.experiments.get(experiment_id, visible_to=self.actor.user_id) is None:
                raise NotFound("there is no such experiment")
            return unit.measures.read(
                experiment_id, list(self.series), selection,
                visible_to=self.actor.user_id, after=after, limit=limit, span=span,
            )

    def limited(self, first: Columns, selection: Selection, left: int) -> Iterator[Columns]:
        """`first`, then what comes after it, at most `left` measures more."""
        columns = first
        yield columns
        while columns.last is not None and left > 0:
            columns = self.read(selection, after=columns.last, limit=min(left, STREAM_CHUNK), span=columns.span)
            left -= len(columns)
            yield columns

    def unlimited(self, first: Columns, selection: Selection) -> Iterator[Columns]:
        """`first`, then everything that comes after it."""
        columns = first
        yield columns
        while columns.last is not None:
            width = max(1, columns.span * STREAM_CHUNK // len(columns))
            rest = yield from self._windows(_beyond(selection, columns.last), columns.last, width)
            # Two windows in a row were empty: a pause. Reading on finds its other side, however far it is.
            columns = self.read(rest, after=None, limit=STREAM_CHUNK, span=width)
            selection = rest
            yield columns

    def _windows(
        self, selection: Selection, after: Position | None, width: int
    ) -> Generator[Columns, None, Selection]:
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
        columns = readers.submit(self.read, window, after=after, limit=LEEWAY * STREAM_CHUNK, span=width)
        return _Window(window, rest, width, columns)

    def _whole(self, readers: Executor, window: "_Window") -> Generator[Columns, None, int]:
        """Everything in a window; returns how many measures that is."""
        columns = window.columns.result()
        found = len(columns)
        yield columns
        while columns.last is not None:
            columns = readers.submit(
                self.read, window.selection, after=columns.last, limit=LEEWAY * STREAM_CHUNK, span=window.width
            ).result()
            found += len(columns)
            yield columns
        return found


class _Window(NamedTuple):
    """A part of a selection that is being read, and what comes after it."""

    selection: Selection
    rest: Selection
    width: int
    columns: Future[Columns]


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
