"""What a record gave, and that it was dealt with, are committed together."""

import time
from collections.abc import Callable

from mymonit_adapters.errors import SpoolFull
from mymonit_adapters.messages import Message, MessageWriter
from mymonit_adapters.model import Entry
from mymonit_adapters.positions import Position
from mymonit_adapters.progress import RejectNews
from mymonit_adapters.rejects import RejectsFile
from mymonit_adapters.spool import Spool
from mymonit_adapters.summary import Summary
from mymonit_adapters.work import Work

COMMIT_MEASURES = 10_000  # of one transaction, some megabytes
COMMIT_SECS = 0.05  # while there is always more to read; otherwise at once
FULL_SECS, FULL_REPORT_SECS = 0.5, 60.0  # how often a full spool is tried again, and told


class Committer:
    """From entries to the spool and the file of rejects; for the thread that reads."""

    def __init__(
        self,
        *,
        writer: MessageWriter,
        spool: Spool,
        rejects: RejectsFile,
        committed: Callable[[], None],
        report: Callable[[str], None],
    ) -> None:
        self._writer = writer
        self._spool = spool
        self._rejects = rejects
        self._committed = committed
        self._report = report
        self._news = RejectNews(report)
        self._committed_at = 0.0
        self.summary = Summary()

    def begin(self, work: Work) -> None:
        if work.position:
            self._rejects.resume(work.position.input_id, records=work.records)

    def take(self, work: Work, entry: Entry) -> None:
        if work.uncommitted >= COMMIT_MEASURES and entry.end > work.end:  # entries with one end are one whole
            self.commit(work)
        self._writer.add(entry.readings)
        work.take(entry)
        self.summary.numbers += len(entry.readings)
        self.summary.missing += entry.missing
        for reject in entry.rejects:
            self.summary.rejected += 1
            self._news.tell(f"{work.name}, " if work.position else "", reject)

    def is_due(self) -> bool:
        return time.monotonic() >= self._committed_at + COMMIT_SECS

    def commit(self, work: Work, *, final: bool = False) -> None:
        """On disk when it returns. Waits for room, and the instrument's output waits with it."""
        if not work.uncommitted and not final:
            return
        input_id = work.position.input_id if work.position else ""
        self._rejects.write(work.rejects, source=work.name, input_id=input_id)
        self._keep(self._writer.finish(), work.moved())
        work.rejects, work.uncommitted = [], 0
        self._committed_at = time.monotonic()
        self._committed()

    def finish(self) -> None:
        self._news.finish()

    def _keep(self, messages: list[Message], position: Position | None) -> None:
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
