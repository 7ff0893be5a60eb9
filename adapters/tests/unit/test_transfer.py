import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mymonit_adapters import committing
from mymonit_adapters.errors import InputError
from mymonit_adapters.inputs import NOTHING, Input
from mymonit_adapters.model import Chunk
from mymonit_adapters.signals import StopRequest
from mymonit_adapters.spool import Spool
from mymonit_adapters.summary import Summary
from mymonit_adapters.testing import MemoryPublisher
from mymonit_adapters.transfer import transfer
from spools import make_committer, make_intake, open_spool

DEADLINE_SECS = 10.0
MIB = 1 << 20


class Run:
    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        spool.begin_run()
        self.publisher = MemoryPublisher(spool)
        self.stop = StopRequest()
        self.reports: list[str] = []

    def of(self, chunks, *, wait_secs: float = DEADLINE_SECS) -> Summary:
        committer = make_committer(self.spool, reports=self.reports, committed=self.publisher.wake)
        intake = make_intake([Input("standard input", chunks)], self.spool, committer=committer, stop=self.stop)
        return transfer(
            intake,
            summary=committer.summary,
            spool=self.spool,
            publisher=self.publisher,
            stop=self.stop,
            wait_secs=wait_secs,
            report=self.reports.append,
        )

    def values(self) -> list[float]:
        bodies = [json.loads(message.body) for message in self.publisher.messages]
        return [each["value"] for body in bodies for each in (body if isinstance(body, list) else [body])]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(open_spool(tmp_path))


def lines(*texts: str) -> list[Chunk]:
    return [Chunk(f"{text}\n".encode(), 1_000_000_000) for text in texts]


def waits_for_ever() -> Iterator[Chunk]:
    threading.Event().wait()
    yield NOTHING


def test_every_reading_is_published_in_its_order(run: Run) -> None:
    summary = run.of(lines("0", "1", "2", "3"))

    assert run.values() == [0.0, 1.0, 2.0, 3.0]
    assert summary.all_well
    assert str(summary) == "read 4, confirmed 4, not confirmed 0, rejected 0, missing 0"


def test_no_input_at_all_is_well(run: Run) -> None:
    assert run.of([]).all_well


def test_a_reject_is_reported_with_its_line_and_the_rest_is_published(run: Run) -> None:
    summary = run.of(lines("1", "x", "3"))

    assert run.values() == [1.0, 3.0]
    assert run.reports == ["line 2: not a number"]
    assert not summary.all_well
    assert str(summary) == "read 3, confirmed 2, not confirmed 0, rejected 1, missing 0"


def test_of_many_rejects_the_first_are_told_and_the_rest_counted(run: Run) -> None:
    run.of(lines(*["x"] * 1_000))

    assert len(run.reports) == 11
    assert run.reports[-1].startswith("990 more rejects, 1000 in all")


def test_what_has_come_is_on_disk_before_the_next_is_waited_for(run: Run) -> None:
    waiting: list[int] = []

    def chunks() -> Iterator[Chunk]:
        yield from lines("1")
        yield NOTHING
        waiting.append(run.spool.messages())
        yield from lines("2")

    run.of(chunks())

    assert waiting == [1]


def test_what_is_not_confirmed_in_time_is_not_reported_as_sent_and_is_kept(run: Run) -> None:
    run.publisher = MemoryPublisher(run.spool, away=True)

    summary = run.of(lines("1", "2", "3"), wait_secs=0.05)

    assert not summary.all_well
    assert str(summary) == "read 3, confirmed 0, not confirmed 3, rejected 0, missing 0"
    assert run.reports[-1].startswith("3 measures are not confirmed; the next start sends them")


def test_what_an_earlier_run_has_left_is_sent_and_not_counted_as_of_this_one(run: Run, tmp_path: Path) -> None:
    run.publisher = MemoryPublisher(run.spool, away=True)
    run.of(lines("1", "2"), wait_secs=0)
    later = Run(open_spool(tmp_path))

    summary = later.of(lines("3"))

    assert later.values() == [1.0, 2.0, 3.0]
    assert summary.all_well
    assert str(summary).startswith("read 1, confirmed 1, not confirmed 0")


def test_reading_pauses_while_the_spool_is_full_and_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "FULL_SECS", 0.01)
    run = Run(open_spool(tmp_path, max_bytes=MIB))
    run.publisher = MemoryPublisher(run.spool, away=True)
    read: list[int] = []

    def chunks() -> Iterator[Chunk]:
        for number in range(100):
            yield Chunk(b"1\n" * 1_000, 1_000_000_000)
            yield NOTHING
            read.append(number)

    def come_back() -> None:
        deadline = time.monotonic() + DEADLINE_SECS
        while not any("is full" in report for report in run.reports) and time.monotonic() < deadline:
            time.sleep(0.01)
        before = len(read)
        time.sleep(0.1)
        went_on.append(len(read) > before)
        run.publisher.come_back()

    went_on: list[bool] = []
    coming_back = threading.Thread(target=come_back)
    coming_back.start()
    summary = run.of(chunks())
    coming_back.join()

    assert went_on == [False]
    assert summary.confirmed == 100_000
    assert len([report for report in run.reports if "is full" in report]) == 1


def test_a_signal_ends_a_read_that_waits_for_the_instrument(run: Run) -> None:
    timer = threading.Timer(0.05, run.stop.note)
    timer.start()

    summary = run.of(waits_for_ever())

    assert summary.all_well
    timer.join()


@pytest.mark.parametrize("ends", [True, False])
def test_at_a_signal_whole_lines_are_published_and_one_that_it_may_have_cut_off_is_not(run: Run, ends: bool) -> None:
    def cut_off() -> Iterator[Chunk]:
        yield Chunk(b"1\n2\n12.", 0)  # would have been 12.5
        run.stop.note()
        if not ends:
            yield Chunk(b"5\n", 0)

    run.of(cut_off())

    assert run.values() == [1.0, 2.0]


def test_a_second_signal_ends_the_wait_for_confirmations(run: Run) -> None:
    run.publisher = MemoryPublisher(run.spool, away=True)
    run.of(lines("1"), wait_secs=0)
    run.stop.note()
    timer = threading.Timer(0.05, run.stop.note)
    timer.start()
    began = time.monotonic()

    run.of([])

    assert time.monotonic() - began < DEADLINE_SECS
    timer.join()


def test_a_publisher_without_hope_ends_the_run_at_once_with_its_reason(run: Run) -> None:
    run.publisher.fail("the broker refuses the account")

    summary = run.of(waits_for_ever())

    assert str(summary.error) == "the broker refuses the account"
    assert not summary.all_well


def test_an_input_that_breaks_is_reported_after_what_was_read_has_been_confirmed(run: Run) -> None:
    def breaks() -> Iterator[Chunk]:
        yield from lines("1")
        raise InputError("cannot read it: Input/output error")

    summary = run.of(breaks())

    assert summary.confirmed == 1
    assert str(summary.error) == "cannot read it: Input/output error"
    assert not summary.all_well


