"""Killed at any moment, and started again: every record is at the broker under one id, however often it was sent."""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from adapter_process import StartAdapter, wait_until
from queue_reader import QueueReader
from rabbit_server import EXPERIMENT, Account

ROWS = 200_000  # more than two lives read, also on a fast machine
BROKEN = range(5_000, ROWS, 9_973)
KILLS = 5
LONGEST_LIFE_SECS = 0.15
SEED = 3


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.txt"
    path.write_text("".join(f"{'broken' if number in BROKEN else number}\n" for number in range(ROWS)))
    return path


def distinct(queue: QueueReader) -> list[float]:
    """What the repository would store: one body for each id."""
    bodies: dict[str, list[dict[str, Any]]] = {}
    for received in queue.take_all():
        assert bodies.setdefault(received.properties.message_id, received.measures()) == received.measures()
    return [measure["value"] for measures in bodies.values() for measure in measures]


def test_killed_again_and_again_in_the_middle_of_a_file(
    start: StartAdapter, account: Account, queue: QueueReader, file: Path, tmp_path: Path
) -> None:
    moments = random.Random(SEED)
    spool = str(tmp_path / "spool")
    kills = 0
    for _ in range(KILLS):
        before = queue.depth()
        adapter = start(account, source=str(file), MYMONIT_SPOOL=spool)
        wait_until(lambda: queue.depth() > before or not adapter.running, what="more messages, or the end of the file")
        time.sleep(moments.uniform(0, LONGEST_LIFE_SECS))
        if not adapter.running:
            break
        adapter.kill()
        kills += 1

    adapter = start(account, source=str(file), MYMONIT_SPOOL=spool)
    adapter.wait()

    assert kills >= KILLS // 2  # how many there is time for is the machine's
    assert adapter.reports()[-1].startswith("read ")
    assert not adapter.reports()[-1].startswith(f"read {ROWS}")
    assert sorted(distinct(queue)) == [number for number in range(ROWS) if number not in BROKEN]
    (rejects,) = Path(spool).glob("*/rejects.ndjson")
    assert [json.loads(line)["number"] for line in rejects.read_text().splitlines()] == [row + 1 for row in BROKEN]


def test_what_was_read_from_standard_input_is_sent_by_the_next_start(
    start: StartAdapter, account: Account, queue: QueueReader, tmp_path: Path
) -> None:
    spool = str(tmp_path / "spool")
    queue.unbind(f"measures.{EXPERIMENT}")
    try:
        adapter = start(account, MYMONIT_SPOOL=spool)
        adapter.write(b"1\n2\n")
        wait_until(lambda: bool(adapter.reports()), what="the report that nothing is bound")
        adapter.kill()
    finally:
        queue.bind(f"measures.{EXPERIMENT}")

    adapter = start(account, MYMONIT_SPOOL=spool)
    adapter.write(b"3\n")

    assert adapter.wait() == 0
    assert adapter.reports()[0].startswith("2 measures of an earlier run")
    assert adapter.reports()[-1] == "read 1, confirmed 1, not confirmed 0, rejected 0, missing 0"
    assert distinct(queue) == [1.0, 2.0, 3.0]


def test_what_the_broker_has_is_not_sent_again_by_a_later_run(
    start: StartAdapter, account: Account, queue: QueueReader, file: Path, tmp_path: Path
) -> None:
    spool = str(tmp_path / "spool")
    assert start(account, source=str(file), MYMONIT_SPOOL=spool).wait() == 1
    sent = queue.depth()

    again = start(account, source=str(file), MYMONIT_SPOOL=spool)

    assert again.wait() == 0
    assert again.reports() == ["read 0, confirmed 0, not confirmed 0, rejected 0, missing 0"]
    assert queue.depth() == sent


def test_two_of_the_same_instrument_at_a_time_and_what_one_leaves_is_sent_by_the_next(
    start: StartAdapter, account: Account, queue: QueueReader, tmp_path: Path
) -> None:
    spool = str(tmp_path / "spool")
    queue.unbind(f"measures.{EXPERIMENT}")
    try:
        both = [start(account, MYMONIT_SPOOL=spool) for _ in range(2)]
        for number, adapter in enumerate(both, 1):
            adapter.write(b"%d\n" % number)
        wait_until(lambda: all(adapter.reports() for adapter in both), what="the reports that nothing is bound")
        for adapter in both:
            adapter.kill()
    finally:
        queue.bind(f"measures.{EXPERIMENT}")

    third = start(account, MYMONIT_SPOOL=spool)

    assert third.wait() == 0
    assert sorted(distinct(queue)) == [1.0, 2.0]
    assert len(list(Path(spool).glob("*/*.sqlite"))) == 1
