"""What the tests of the spool's users share."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mymonit_adapters.committing import Committer
from mymonit_adapters.inputs import Input
from mymonit_adapters.intake import Intake
from mymonit_adapters.journal import Journal
from mymonit_adapters.messages import Message, MessageWriter
from mymonit_adapters.model import Chunk, Entry, Reading, Reject, Series
from mymonit_adapters.rejects import RejectsFile
from mymonit_adapters.signals import StopRequest
from mymonit_adapters.spool import Spool

SERIES = Series(experiment="lab", measure="hertz")
MAX_BYTES = 64 << 20
KEEP_SECS = 7 * 86_400


def message(number: int, *, size: int = 2) -> Message:
    return Message(str(number), "measures.lab", 0, 1, b" " * size)


def open_spool(folder: Path, *, max_bytes: int = MAX_BYTES, keep_secs: int = KEEP_SECS) -> Spool:
    return Spool(folder / "spool-1.sqlite", max_bytes=max_bytes, keep_secs=keep_secs)


class Numbers:
    """One number a line, as simply as can be."""

    def entries(self, chunks: Iterable[Chunk]) -> Iterator[Entry]:
        number, end, tail = 0, 0, b""
        for data, read_at in chunks:
            *lines, tail = (tail + data).split(b"\n")
            for line in lines:
                number, end = number + 1, end + len(line) + 1
                yield _entry(number, end, line, read_at)
        if tail:
            yield _entry(number + 1, end + len(tail), tail, read_at)


def _entry(number: int, end: int, line: bytes, read_at: int) -> Entry:
    try:
        return Entry(number, end, [Reading(SERIES, float(line), read_at)], (), 0)
    except ValueError:
        return Entry(number, end, (), [Reject(number, "not a number", line)], 0)


def make_committer(
    spool: Spool, *, reports: list[str] | None = None, committed: Callable[[], None] = lambda: None
) -> Committer:
    return Committer(
        writer=MessageWriter(routing="measures"),
        spool=spool,
        rejects=RejectsFile(spool.path.parent / "rejects.ndjson"),
        committed=committed,
        report=(reports if reports is not None else []).append,
    )


def make_intake(
    source: Iterable[Input], spool: Spool, *, committer: Committer | None = None, stop: StopRequest | None = None
) -> Intake:
    return Intake(
        source,
        reader=Numbers(),
        journal=Journal(spool, report=lambda _: None),
        committer=committer or make_committer(spool),
        stop=stop or StopRequest(),
    )


def values(spool: Spool) -> list[float]:
    """Of all that waits, in its order."""
    bodies = [json.loads(each.message.body) for each in spool.take(0, most=1_000_000, most_bytes=1 << 30)]
    return [measure["value"] for body in bodies for measure in (body if isinstance(body, list) else [body])]
