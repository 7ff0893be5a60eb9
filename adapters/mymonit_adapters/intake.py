import threading
import time
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from mymonit_adapters.committing import Committer
from mymonit_adapters.inputs import CutOff, Input
from mymonit_adapters.journal import Journal
from mymonit_adapters.model import MAX_RAW_BYTES, Chunk, Entry, Reject
from mymonit_adapters.signals import StopRequest
from mymonit_adapters.work import Work

SIGNAL_SECS = 0.05  # a signal that has ended the instrument's program, too, is known by then

T = TypeVar("T")


class Reader(Protocol):
    """What an instrument's output means."""

    def entries(self, chunks: Iterable[Chunk]) -> Iterator[Entry]:
        """Of one input, from its beginning."""


class _Stopped(Exception):
    """Goes through the reader, so that it does not take what it holds for a whole line."""


class Intake(threading.Thread):
    """Reads one input after the other.

    A thread of its own, and a daemon: a read that waits for the instrument can be left, but not ended.
    """

    def __init__(
        self, source: Iterable[Input], *, reader: Reader, journal: Journal, committer: Committer, stop: StopRequest
    ) -> None:
        super().__init__(name="intake", daemon=True)
        self._source = source
        self._reader = reader
        self._journal = journal
        self._committer = committer
        self._stop_request = stop
        self._cut: Work | None = None
        self.work: Work | None = None  # the present one
        self.waits = False  # for input: all that was read is in the spool
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            for item in self._awaited(self._source):
                self._deal_with(item)
        except _Stopped:
            pass
        except Exception as error:  # pylint: disable=broad-exception-caught  # the main thread deals with it
            self.error = error
        self._committer.finish()

    def _deal_with(self, item: Input) -> None:
        self._give_up_tail(item)
        position = self._journal.begin(item.name, item.stream, item.position) if item.stream else None
        work = self.work = Work(item, position)
        self._committer.begin(work)
        try:
            for entry in self._reader.entries(self._chunks(work)):
                if entry.end > work.known:
                    self._committer.take(work, entry)
            work.take_all()
        except CutOff:
            self._cut = work
        except Exception:
            self._committer.commit(work)
            raise
        self._committer.commit(work, final=True)

    def _awaited(self, items: Iterable[T]) -> Iterator[T]:
        iterator = iter(items)
        while True:
            self.waits = True
            item = next(iterator, None)
            self.waits = False
            if self._stop_request.made():
                raise _Stopped
            if item is None:
                return
            yield item

    def _chunks(self, work: Work) -> Iterator[Chunk]:
        for chunk in self._awaited(work.item.chunks):
            if not chunk.data:
                self._committer.commit(work)
                continue
            if work.position:
                work.digest.read(chunk.data)
            yield chunk  # and the reader gives what is complete in it before it comes back for more
            if work.position and self._committer.is_due():
                self._committer.commit(work)
        if not work.position:
            time.sleep(SIGNAL_SECS)
            if self._stop_request.made():
                raise _Stopped

    def _give_up_tail(self, item: Input) -> None:
        """The last line of a truncated file is lost, unless a copy of the file comes next, with the rest of it."""
        work, self._cut = self._cut, None
        if work is None or work.position is None or work.is_continued_by(item):
            return
        tail = work.digest.tail()
        if tail.strip():
            reject = Reject(work.records + 1, "the file was truncated before this was complete", tail[:MAX_RAW_BYTES])
            self._committer.take(work, Entry(reject.number, work.end + len(tail), (), [reject], 0))
            self._committer.commit(work)
