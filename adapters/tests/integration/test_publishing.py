import signal
import time
import uuid

from adapter_process import StartAdapter, wait_until
from queue_reader import QueueReader
from rabbit_server import EXPERIMENT, HEARTBEAT_SECS, Account

PROMPTLY_SECS = 2.0  # a tenth of a second on an idle machine
ATTEMPTS = 5  # a machine that does something else for a moment spoils one of them


def test_what_is_confirmed_is_in_the_queue_exactly_as_written(
    start: StartAdapter, account: Account, queue: QueueReader
) -> None:
    adapter = start(account, "--sensor", "north", "--unit", "Hz")
    lines = b"1\n+.5\n\nabc\n-1e-3\n"
    adapter.write(lines)

    assert adapter.wait() == 1
    assert adapter.reports() == ["line 4: not a number: 'abc'", "read 4, confirmed 3, not confirmed 0, rejected 1, missing 0"]
    bodies = queue.take_all_measures()
    assert [body.pop("value") for body in bodies] == [1.0, 0.5, -0.001]
    assert all(0 < time.time() - body.pop("timestamp") < 600 for body in bodies)
    common = {"experiment": EXPERIMENT, "measure": "hertz", "sensor": "north", "unit": "Hz"}
    assert bodies == [common] * 3


def test_a_message_says_who_sent_it_and_survives_a_restart(
    start: StartAdapter, account: Account, queue: QueueReader
) -> None:
    adapter = start(account)
    adapter.write(b"1\n")
    wait_until(lambda: queue.depth() == 1, what="the first reading")
    adapter.write(b"2\n")

    assert adapter.wait() == 0
    first, second = (received.properties for received in queue.take_all())
    assert (first.delivery_mode, first.content_type, first.type) == (2, "application/json", "measure.v1")
    assert first.user_id == account.user
    assert first.app_id.startswith("mymonit-adapter/")
    assert uuid.UUID(first.message_id).version == 7
    assert first.message_id < second.message_id


def test_as_many_are_confirmed_as_there_are_in_the_queue(
    start: StartAdapter, account: Account, queue: QueueReader
) -> None:
    adapter = start(account)
    adapter.write(b"".join(b"%d\n" % number for number in range(10_000)))

    assert adapter.wait() == 0
    assert adapter.reports() == ["read 10000, confirmed 10000, not confirmed 0, rejected 0, missing 0"]
    assert [measure["value"] for measure in queue.take_all_measures()] == list(range(10_000))


def test_a_reading_is_published_while_the_input_stays_open(
    start: StartAdapter, account: Account, queue: QueueReader
) -> None:
    adapter = start(account)
    adapter.write(b"1\n")
    wait_until(lambda: queue.depth() == 1, what="the first reading, which waits for the start too")

    delays = []
    for number in range(2, 2 + ATTEMPTS):
        began = time.monotonic()
        adapter.write(b"%d\n" % number)
        wait_until(lambda number=number: queue.depth() == number, what="the next reading")
        delays.append(time.monotonic() - began)

    assert min(delays) < PROMPTLY_SECS
    assert [measure["value"] for measure in queue.take_all_measures()] == list(range(1, 2 + ATTEMPTS))


def test_the_connection_outlives_a_silence_of_the_instrument(
    start: StartAdapter, account: Account, queue: QueueReader
) -> None:
    adapter = start(account)
    adapter.write(b"1\n")
    wait_until(lambda: queue.depth() == 1, what="the first reading")
    silence_ends = time.monotonic() + 3 * HEARTBEAT_SECS  # the broker ends a connection after two without a sign

    wait_until(lambda: time.monotonic() > silence_ends, what="the end of the silence")
    adapter.write(b"2\n")

    assert adapter.wait() == 0
    assert adapter.reports() == ["read 2, confirmed 2, not confirmed 0, rejected 0, missing 0"]


def test_sigterm_ends_it_cleanly_after_what_was_read_is_confirmed(
    start: StartAdapter, account: Account, queue: QueueReader
) -> None:
    adapter = start(account)
    adapter.write(b"1\n2\n12.")  # the last line is not complete
    wait_until(lambda: queue.depth() == 1, what="both readings")

    adapter.signal(signal.SIGTERM)

    assert adapter.wait_for_exit() == 0
    assert adapter.reports()[-1] == "read 2, confirmed 2, not confirmed 0, rejected 0, missing 0"
    assert [measure["value"] for measure in queue.take_all_measures()] == [1.0, 2.0]


def test_what_no_queue_takes_is_not_reported_as_sent(start: StartAdapter, account: Account, queue: QueueReader) -> None:
    queue.unbind(f"measures.{EXPERIMENT}")
    try:
        adapter = start(account, "--wait", "1")
        adapter.write(b"1\n2\n")
        wait_until(lambda: bool(adapter.reports()), what="the report that nothing is bound")

        assert adapter.wait() == 1
    finally:
        queue.bind(f"measures.{EXPERIMENT}")
    problem, kept, summary = adapter.reports()
    assert problem.startswith("no queue is bound")
    assert kept.startswith("2 measures are not confirmed")
    assert summary == "read 2, confirmed 0, not confirmed 2, rejected 0, missing 0"


def test_what_no_queue_takes_is_kept_until_one_does(start: StartAdapter, account: Account, queue: QueueReader) -> None:
    queue.unbind(f"measures.{EXPERIMENT}")
    try:
        adapter = start(account)
        adapter.write(b"1\n2\n")
        wait_until(lambda: bool(adapter.reports()), what="the report that nothing is bound")
    finally:
        queue.bind(f"measures.{EXPERIMENT}")

    assert adapter.wait() == 0
    assert adapter.reports()[-1] == "read 2, confirmed 2, not confirmed 0, rejected 0, missing 0"
    assert [measure["value"] for measure in queue.take_all_measures()] == [1.0, 2.0]


def test_what_a_full_queue_refuses_is_kept_until_there_is_room(
    start: StartAdapter, account: Account, queue: QueueReader
) -> None:
    with queue.full_neighbour(f"measures.{EXPERIMENT}"):
        adapter = start(account)
        adapter.write(b"1\n")
        wait_until(lambda: queue.depth() == 1, what="the one that there is room for")
        adapter.write(b"2\n3\n")
        wait_until(lambda: bool(adapter.reports()), what="the report of the refusal")

    assert adapter.wait() == 0
    refusal, relief, summary = adapter.reports()
    assert refusal.startswith("the broker refuses messages")
    assert relief == "the broker takes messages again"
    assert summary == "read 3, confirmed 3, not confirmed 0, rejected 0, missing 0"
    assert {measure["value"] for measure in queue.take_all_measures()} == {1.0, 2.0, 3.0}
