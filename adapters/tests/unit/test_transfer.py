import json
import threading
import time
from collections.abc import Iterator

from mymonit_adapters.errors import InputError
from mymonit_adapters.messages import MessageWriter
from mymonit_adapters.model import Entry, Reading, Reject, Series
from mymonit_adapters.signals import StopRequest
from mymonit_adapters.testing import MemoryPublisher
from mymonit_adapters.transfer import Summary, transfer

DEADLINE_SECS = 10.0
SERIES = Series(experiment="lab", measure="hertz")
WRITER = MessageWriter(routing="measures")


class Run:
    def __init__(self) -> None:
        self.publisher = MemoryPublisher()
        self.stop = StopRequest()
        self.reports: list[str] = []

    def of(self, items, *, wait_secs: float = DEADLINE_SECS) -> Summary:
        return transfer(
            items,
            writer=WRITER,
            publisher=self.publisher,
            stop=self.stop,
            wait_secs=wait_secs,
            report=self.reports.append,
        )

    def values(self) -> list[float]:
        return [json.loads(message.body)["value"] for message in self.publisher.messages]


def entry(value: float, number: int = 1) -> Entry:
    return Entry(number, number, [Reading(SERIES, value, number)], (), 0)


def entries(count: int) -> list[Entry]:
    return [entry(float(number), number) for number in range(count)]


def waits_for_ever() -> Iterator[Entry]:
    threading.Event().wait()
    yield entry(0.0)


def test_every_reading_is_published_in_its_order() -> None:
    run = Run()

    summary = run.of(entries(5))

    assert run.values() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert summary.all_well
    assert str(summary) == "read 5, confirmed 5, not confirmed 0, rejected 0"


def test_no_input_at_all_is_well() -> None:
    assert Run().of([]).all_well


def test_a_reject_is_reported_with_its_line_and_the_rest_is_published() -> None:
    run = Run()

    summary = run.of([entry(1.0), Entry(2, 2, (), [Reject(2, "not a number: 'x'", b"x")], 0), entry(3.0)])

    assert run.values() == [1.0, 3.0]
    assert run.reports == ["line 2: not a number: 'x'"]
    assert not summary.all_well
    assert str(summary) == "read 3, confirmed 2, not confirmed 0, rejected 1"


def test_what_is_not_confirmed_in_time_is_not_reported_as_sent() -> None:
    run = Run()
    run.publisher = MemoryPublisher(away=True)

    summary = run.of(entries(3), wait_secs=0.05)

    assert not summary.all_well
    assert str(summary) == "read 3, confirmed 0, not confirmed 3, rejected 0"


def test_reading_pauses_while_the_publisher_is_away_and_goes_on_when_it_is_back() -> None:
    run = Run()
    run.publisher = MemoryPublisher(limit=10, away=True)
    eleventh, twelfth = threading.Event(), threading.Event()

    def source() -> Iterator[Entry]:
        for item in entries(100):
            if item.number >= 10:
                (twelfth if eleventh.is_set() else eleventh).set()
            yield item

    def come_back() -> None:
        eleventh.wait(DEADLINE_SECS)
        went_on.append(twelfth.wait(0.1))
        run.publisher.come_back()

    went_on: list[bool] = []
    coming_back = threading.Thread(target=come_back)
    coming_back.start()
    summary = run.of(source())
    coming_back.join()

    assert went_on == [False]
    assert summary.confirmed == 100


def test_a_signal_ends_a_read_that_waits_for_the_instrument() -> None:
    run = Run()
    timer = threading.Timer(0.05, run.stop.note)
    timer.start()

    summary = run.of(waits_for_ever())

    assert summary.all_well
    timer.join()


def test_a_line_that_the_signal_may_have_cut_off_is_not_published() -> None:
    run = Run()

    def cut_off() -> Iterator[Entry]:
        yield entry(1.0)
        run.stop.note()
        yield entry(12.0)  # would have been 12.5

    run.of(cut_off())

    assert run.values() == [1.0]


def test_a_second_signal_ends_the_wait_for_confirmations() -> None:
    run = Run()
    run.publisher = MemoryPublisher(away=True)
    run.stop.note()
    timer = threading.Timer(0.05, run.stop.note)
    timer.start()
    run.publisher.submit(WRITER.write(Reading(SERIES, 1.0, 0)))
    began = time.monotonic()

    run.of([])

    assert time.monotonic() - began < DEADLINE_SECS
    timer.join()


def test_a_publisher_without_hope_ends_the_run_at_once_with_its_reason() -> None:
    run = Run()
    run.publisher.fail("the broker refuses the account")

    summary = run.of(waits_for_ever())

    assert str(summary.error) == "the broker refuses the account"
    assert not summary.all_well


def test_an_input_that_breaks_is_reported_after_what_was_read_has_been_confirmed() -> None:
    run = Run()

    def breaks() -> Iterator[Entry]:
        yield entry(1.0)
        raise InputError("cannot read it: Input/output error")

    summary = run.of(breaks())

    assert summary.confirmed == 1
    assert str(summary.error) == "cannot read it: Input/output error"
    assert not summary.all_well
