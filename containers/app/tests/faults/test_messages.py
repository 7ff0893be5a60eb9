"""What publishers do wrong, or again."""

import random
from itertools import islice

import pytest

from tests.faults.bench import SETTLE_SECS, Bench
from tests.faults.journal import element, readings
from tests.faults.publisher import Message

MESSAGES = 150


@pytest.mark.fault("F13")
@pytest.mark.minimal
def test_a_repeated_message_is_stored_once_and_another_body_under_its_id_is_quarantined(bench: Bench) -> None:
    bench.begin()
    source, chance = readings(bench.seed), random.Random(bench.seed)
    repeated, conflicts = 0, 0
    for number in range(MESSAGES):
        reading, other = islice(source, 2)
        keys, times = bench.journal.add("ids", reading), chance.randint(1, 5)
        bench.publisher.publish(Message(element(reading, "ids").encode(), f"id-{number}", keys, times))
        repeated += times - 1
        if number % 5 == 0:
            keys = bench.journal.add("ids", other, expected="id_conflict")
            bench.publisher.publish(Message(element(other, "ids").encode(), f"id-{number}", keys))
            conflicts += 1
    bench.settle()
    bench.until(lambda: bench.listener.duplicates() >= repeated, within=SETTLE_SECS)  # the last may still be on its way

    absorbed = bench.listener.duplicates()
    bench.bite(repeated=repeated, duplicates_absorbed=absorbed, conflicts=conflicts)
    bench.conclude()
    assert (bench.verdict.stored, bench.verdict.quarantined) == (MESSAGES, conflicts)
    assert absorbed == repeated


@pytest.mark.fault("F14")
def test_two_equal_messages_without_an_id_are_two_measures(bench: Bench) -> None:
    bench.begin()
    for reading in islice(readings(bench.seed), MESSAGES):
        for _ in range(2):
            keys = bench.journal.add("anonymous", reading)
            bench.publisher.publish(Message(element(reading, "anonymous").encode(), None, keys))

    bench.bite(pairs=MESSAGES)
    bench.conclude()
    assert bench.verdict.stored == 2 * MESSAGES
