"""Faults of the network between the listener and its servers."""

import time

import pytest

from tests.faults.bench import QUEUE, Bench
from tests.faults.proxy import Link

#: Seconds in which a dead connection must be noticed: heartbeats come every 20, two silent ones end it, then comes the
#: pause before the next attempt.
NOTICED_SECS = 60 + 20
#: Seconds in which a dead connection to the database must be noticed: its time-out for an answer, and the pause.
ANSWER_SECS = 30 + 20 + 10
#: A batch that took as many seconds has waited for an answer that never came.
REPLACED_SECS = 20
#: Seconds that the line to the database carries a byte a second.
CRAWL_SECS = 10
#: A statement of the driver, which is one packet: the command 3 and the text.
COMMIT = rb"\x03COMMIT"


@pytest.mark.fault("F3")
def test_a_network_cut_to_the_broker_is_noticed_and_no_consumer_is_left_over(bench: Bench) -> None:
    bench.begin()
    with bench.load(rate=200):
        for cut in (bench.to_broker.reset, bench.to_broker.blackhole, bench.to_broker.half_open):
            bench.wait_for_rows(200)
            before = bench.listener.events("consuming_interrupted")
            cut()
            bench.until(
                lambda: bench.listener.events("consuming_interrupted") > before, within=NOTICED_SECS, every=0.2
            )
            bench.to_broker.let_pass()
            bench.wait_until_ready(within=NOTICED_SECS)
        bench.wait_for_rows(200)
        assert bench.until(lambda: bench.depth(QUEUE)[1] == 1, within=NOTICED_SECS, every=0.5)

    bench.bite(
        cuts=3, reconnects=bench.listener.events("consuming_interrupted"), redelivered=bench.deliveries.redelivered
    )
    bench.conclude()
    assert bench.verdict.quarantined == 0


@pytest.mark.fault("F4")
@pytest.mark.minimal
def test_a_commit_whose_answer_is_lost_is_repeated_and_stored_once(bench: Bench, times: int) -> None:
    if bench.database.encrypted:
        pytest.skip("the connections to this database are encrypted: a COMMIT cannot be seen")
    bench.begin()
    with bench.load(rate=300), bench.arrays():
        for _ in range(times):
            bench.wait_for_rows(300)
            before = bench.listener.duplicates()
            trap = bench.to_database.set_trap(COMMIT, at="reply", action=Link.reset)
            assert trap.sprung.wait(30), "the driver's COMMIT was not seen"
            bench.until(lambda: bench.listener.duplicates() > before, within=30)
        bench.wait_until_ready()

    bench.bite(
        commits_without_answer=times, interruptions=bench.listener.events("storing_interrupted"),
        duplicates_absorbed=bench.listener.duplicates(),
    )
    bench.conclude()
    assert bench.verdict.quarantined == 0


@pytest.mark.fault("F4")
def test_a_network_cut_to_the_database_is_waited_out(bench: Bench) -> None:
    bench.begin()
    database = bench.to_database
    slowest = 0.0
    with bench.load(rate=200), bench.arrays():
        database.reset()  # a connection that is lost between two batches is replaced without a word
        for cut in (database.refuse, database.blackhole, database.half_open):
            bench.wait_for_rows(200)
            before, started = _noticed(bench), time.monotonic()
            cut()
            bench.until(lambda: _noticed(bench) > before, within=ANSWER_SECS, every=0.2)
            slowest = max(slowest, time.monotonic() - started)
            database.let_pass()
            bench.wait_until_ready()
        crawled = _crawl(bench)
        bench.wait_for_rows(200)

    bench.bite(cuts=5, noticed=_noticed(bench), slowest_notice_secs=slowest, secs_of_a_byte_each=crawled)
    bench.conclude()
    assert bench.deliveries.most_returns <= 1


def _noticed(bench: Bench) -> int:
    """Interruptions, and batches before which an idle connection was found dead, and replaced without a word."""
    return bench.listener.events("storing_interrupted") + bench.listener.batches(longer_than=REPLACED_SECS)


def _crawl(bench: Bench) -> float:
    """Let a byte a second pass for a while, which no time-out can tell from a long answer; for how long."""
    started = time.monotonic()
    bench.to_database.slow = True
    bench.until(lambda: time.monotonic() > started + 2)
    before = bench.stored()
    bench.until(lambda: time.monotonic() > started + CRAWL_SECS, within=2 * CRAWL_SECS)
    assert bench.stored() == before, "the line was not slow"
    bench.to_database.let_pass()
    return time.monotonic() - started
