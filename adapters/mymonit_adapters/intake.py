"""From the inputs to the spool: what a record gave, and that it was dealt with, are committed together."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from mymonit_adapters.errors import SpoolFull
from mymonit_adapters.inputs import CutOff, Input, PrefixDigest, state_of
from mymonit_adapters.journal import Journal
from mymonit_adapters.messages import Message, MessageWriter
from mymonit_adapters.model import MAX_RAW_BYTES, Chunk, Entry, Reject
from mymonit_adapters.positions import Position
from mymonit_adapters.progress import RejectNews
from mymonit_adapters.rejects import RejectsFile
from mymonit_adapters.signals import StopRequest
from mymonit_adapters.spool import Spool
from mymonit_adapters.summary import Summary

COMMIT_MEASURES = 10_000  # of one transaction, some megabytes
COMMIT_SECS = 0.05  # while there is always more to read; otherwise at once
FULL_SECS, FULL_REPORT_SECS = 0.5, 60.0  # how often a full spool is tried again, and told
SIGNAL_SECS = 0.05  # a signal that has ended the instrument's program, too, is known by then

T = TypeVar("T")


class Reader(Protocol):
    """What an instrument's output means."""

    def entries(self, chunks: Iterable[Chunk]) -> Iterator[Entry]:
        """Of one input, from its beginning."""


class _Stopped(Exception):
    """Goes through the reader, so that it does not take what it holds for a whole line."""


class Work:
    """How far one input is."""

    def __init__(self, item: Input, position: Position | None) -> None:
        self.item = item
        self.name = item.name
        self.size = os.fstat(item.stream.fileno()).st_size if item.stream else 0  # when it was begun
        self.position = position  # None: a stream, which nobody reads a second time
        self.known = position.end if position else 0
        self.digest = PrefixDigest(known=self.known)
        self.end = self.known
        self.records = position.records if position else 0
        self.rejects: list[Reject] = []
        self.uncommitted = 0

    def take(self, entry: Entry) -> None:
        self.end, self.records = entry.end, entry.number
        self.rejects += entry.rejects
        self.uncommitted += len(entry.readings) or 1

    def take_all(self) -> None:
        """At the end of the input, what gave no entry is dealt with, too."""
        if self.position:
            self.end = self.digest.end + len(self.digest.tail())

    def moved(self) -> Position | None:
        if self.position is None or self.item.stream is None:
            return None
        self.digest.move(self.end)
        position = self.position._replace(end=self.end, digest=self.digest.digest(), records=self.records)
        if not self.item.stream.closed:  # as that of a truncated file is, when its tail is given up
            state = state_of(os.fstat(self.item.stream.fileno()))
            position = position._replace(size=state.size, modified=state.modified)
        self.position = position
        return position


class Intake(threading.Thread):
    """A thread of its own, and a daemon: a read that waits for the instrument can be left, but not ended."""

    def __init__(
        self,
        source: Iterable[Input],
        *,
        reader: Reader,
        writer: MessageWriter,
        journal: Journal,
        spool: Spool,
        rejects: RejectsFile,
        stop: StopRequest,
        committed: Callable[[], None],
        report: Callable[[str], None],
    ) -> None:
        super().__init__(name="intake", daemon=True)
        self._source = source
        self._reader = reader
        self._writer = writer
        self._journal = journal
        self._spool = spool
        self._rejects = rejects
        self._stop_request = stop
        self._committed = committed
        self._report = report
        self._news = RejectNews(report)
        self._committed_at = 0.0
        self.summary = Summary()
        self._cut: Work | None = None
        self.work: Work | None = None
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
        self._news.finish()

    def _deal_with(self, item: Input) -> None:
        self._give_up_tail(item)
        work = self.work = Work(item, self._journal.begin(item) if item.stream else None)
        if work.position:
            self._rejects.resume(work.position.input_id, records=work.records)
        try:
            for entry in self._reader.entries(self._chunks(work)):
                if entry.end > work.known:
                    self._take(work, entry)
            work.take_all()
        except CutOff:
            self._cut = work
        except Exception:
            self._commit(work)
            raise
        self._commit(work, final=True)

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
                self._commit(work)
                continue
            if work.position:
                work.digest.read(chunk.data)
            yield chunk  # and the reader gives what is complete in it before it comes back for more
            if time.monotonic() >= self._committed_at + COMMIT_SECS and work.item.stream:
                self._commit(work)
        if work.item.stream is None:
            time.sleep(SIGNAL_SECS)
            if self._stop_request.made():
                raise _Stopped

    def _take(self, work: Work, entry: Entry) -> None:
        if work.uncommitted >= COMMIT_MEASURES and entry.end > work.end:  # entries with one end are one whole
            self._commit(work)
        self._writer.add(entry.readings)
        work.take(entry)
        self.summary.numbers += len(entry.readings)
        self.summary.missing += entry.missing
        for reject in entry.rejects:
            self.summary.rejected += 1
            self._news.tell(f"{work.name}, " if work.item.stream else "", reject)

    def _give_up_tail(self, item: Input) -> None:
        """The last line of a truncated file is lost, unless a copy of the file comes next, with the rest of it."""
        work, self._cut = self._cut, None
        if work is None or work.position is None or (item.position and item.position.input_id == work.position.input_id):
            return
        if tail := work.digest.tail().strip():
            reject = Reject(work.records + 1, "the file was truncated before this was complete", tail[:MAX_RAW_BYTES])
            self._take(work, Entry(reject.number, work.end + len(work.digest.tail()), (), [reject], 0))
            self._commit(work)

    def _commit(self, work: Work, *, final: bool = False) -> None:
        if not work.uncommitted and not final:
            return
        input_id = work.position.input_id if work.position else ""
        self._rejects.write(work.rejects, source=work.item.name, input_id=input_id)
        self._keep(self._writer.finish(), work.moved())
        work.rejects, work.uncommitted = [], 0
        self._committed_at = time.monotonic()
        self._committed()

    def _keep(self, messages: list[Message], position: Position | None) -> None:
        """Waits for room, and the instrument's output waits with it."""
        told_at = -FULL_REPORT_SECS
        while messages or position:
            try:
                self._spool.commit(messages, position)
                return
            except SpoolFull as error:
                if time.monotonic() >= told_at + FULL_REPORT_SECS:
                    self._report(f"{error}: nothing is read until there is room")
                    told_at = time.monotonic()
                time.sleep(FULL_SECS)
