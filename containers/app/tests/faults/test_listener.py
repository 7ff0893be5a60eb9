"""Faults of the listener itself, and of the machine that it runs on."""

import random
import resource
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.bench import Bench
from tests.faults.deliveries import ACKNOWLEDGEMENT
from tests.faults.journal import element, readings
from tests.faults.proxy import Link, Proxy
from tests.faults.publisher import Message

#: What the driver sends: one packet each, the command 3 and the text.
INSERT, COMMIT = rb"\x03INSERT INTO MEASURES", rb"\x03COMMIT"

#: Clean stops under load.
STOPS = 20
#: Good messages around one that crashes the parser.
INNOCENTS = 60
#: Seconds until a message that crashes the listener must have been found: as many starts as the broker allows returns.
FOUND_SECS = 240
#: Minutes that the listener's clock is wrong.
SKEW_MINUTES = 10
LIBFAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


class FailPoint(NamedTuple):
    """A moment in the life of a batch, as the bytes of the listener's connections show it."""

    name: str
    pattern: bytes
    at: str
    proxy: Callable[[Bench], Proxy]


FAIL_POINTS = (
    FailPoint("before insert", INSERT, "request", lambda bench: bench.to_database),
    FailPoint("after insert", INSERT, "reply", lambda bench: bench.to_database),
    FailPoint("after commit", COMMIT, "reply", lambda bench: bench.to_database),
    FailPoint("before ack", ACKNOWLEDGEMENT, "request", lambda bench: bench.to_broker),
    FailPoint("after ack", ACKNOWLEDGEMENT, "sent", lambda bench: bench.to_broker),
)


@pytest.mark.fault("F11")
@pytest.mark.minimal
def test_a_listener_that_is_killed_at_any_moment_loses_nothing_and_stores_nothing_twice(
    bench: Bench, times: int
) -> None:
    points = FAIL_POINTS[-2:] if bench.database.encrypted else FAIL_POINTS
    bench.begin()
    chance = random.Random(bench.seed)
    with bench.load(rate=300), bench.arrays():
        for point in points * times:
            bench.wait_for_rows(100)
            _kill_at(bench, point)
            bench.wait_until_ready()
        for _ in range(times):
            bench.wait_for_rows(100)
            time.sleep(chance.uniform(0, 0.3))  # any moment
            bench.listener.kill()
            bench.wait_until_ready()

    kills = (len(points) + 1) * times
    bench.bite(kills=kills, redelivered=bench.deliveries.redelivered)
    bench.conclude()
    assert bench.listener.starts == kills + 1


def _kill_at(bench: Bench, point: FailPoint) -> None:
    pid = bench.listener.pid

    def kill(link: Link) -> None:
        bench.listener.kill()
        if point.at == "request":
            link.reset()  # nor does it arrive

    trap = point.proxy(bench).set_trap(point.pattern, at=point.at, action=kill)
    assert trap.sprung.wait(60), f"the listener never came to the moment {point.name}"
    bench.until(lambda: bench.listener.pid != pid, within=30)


@pytest.mark.fault("F12")
def test_a_listener_that_is_stopped_under_load_leaves_nothing_to_be_delivered_again(bench: Bench) -> None:
    statuses = []
    with bench.load(rate=300):
        for _ in range(STOPS):
            bench.listener = bench.make_listener()
            bench.begin()
            bench.wait_for_rows(50)
            statuses.append(bench.listener.terminate())
        bench.listener = bench.make_listener()
        bench.begin()

    bench.bite(stops=STOPS, deliveries=bench.deliveries.total)
    bench.note(redelivered=bench.deliveries.redelivered)
    bench.conclude()
    assert statuses == [0] * STOPS
    assert bench.deliveries.redelivered == 0


@pytest.mark.fault("F15")
def test_a_message_that_crashes_the_listener_takes_none_of_its_neighbours_along(bench: Bench) -> None:
    bench.listener = bench.make_listener(command=(sys.executable, "-m", "tests.faults.crashing_listener"))
    source = readings(bench.seed)
    for number, reading in enumerate(islice(source, INNOCENTS)):
        bad = number == INNOCENTS // 2
        sensor = "crash-the-parser" if bad else "innocent"
        keys = bench.journal.add(sensor, reading, expected="undeliverable" if bad else "stored")
        bench.publisher.publish(Message(element(reading, sensor).encode(), f"crash-{number}", keys))
    bench.listener.start()
    with bench.administrator() as session:
        bench.until(lambda: session.number("SELECT COUNT(*) FROM QUARANTINE"), within=FOUND_SECS, every=0.5)

    bench.bite(crashes=bench.listener.starts - 1, innocents=INNOCENTS - 1)
    bench.conclude()


@pytest.mark.fault("F21")
@pytest.mark.parametrize("minutes", [SKEW_MINUTES, -SKEW_MINUTES])
def test_a_wrong_clock_and_an_odd_time_zone_falsify_nothing(bench: Bench, minutes: int) -> None:
    if not Path(LIBFAKETIME).exists() or shutil.which("faketime") is None:
        pytest.skip("libfaketime (Debian's package faketime) is not installed")
    clock = {
        "LD_PRELOAD": LIBFAKETIME, "FAKETIME": f"{minutes:+d}m", "TZ": "Pacific/Apia",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # as on a real machine, where time-outs do not follow the wall clock
    }
    bench.listener = bench.make_listener(environment=clock)
    bench.begin()
    with bench.load(rate=200), bench.arrays():
        bench.wait_for_rows(1000)

    bench.bite(minutes_wrong=_minutes_wrong(bench), zone=13)
    bench.conclude()
    assert abs(_minutes_wrong(bench) - minutes) < 2


def _minutes_wrong(bench: Bench) -> float:
    """By the times of its log, of which the last is that of its end."""
    last = [line["@timestamp"] for line in bench.listener.lines() if "@timestamp" in line][-1]
    return round((datetime.fromisoformat(last) - datetime.now(UTC)).total_seconds() / 60)


@pytest.mark.fault("F22")
def test_a_listener_that_runs_out_of_files_or_memory_ends_and_is_started_again(bench: Bench, times: int) -> None:
    bench.listener = bench.make_listener(prefix=("prlimit", "--nofile=64:4096"))
    bench.begin()
    with bench.load(rate=300), bench.arrays():
        bench.wait_for_rows(300)
        for _ in range(times):
            _take_files_away(bench)
            bench.wait_for_rows(100)
            _take_memory_away(bench)
            bench.wait_for_rows(100)

    bench.bite(
        starved=2 * times, restarts_and_interruptions=bench.listener.starts - 1
        + bench.listener.events("consuming_interrupted", "storing_interrupted"),
    )
    bench.conclude()
    assert 0 not in bench.listener.endings[:-1], "a listener that starves must not end as if all were well"


def _take_files_away(bench: Bench) -> None:
    """No more files than it has, and both connections to be made anew."""
    pid = bench.listener.pid
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (max(3, used - 6), 4096))
    bench.to_database.reset()
    bench.to_broker.reset()
    troubles = bench.listener.events("consuming_interrupted", "storing_interrupted")
    bench.until(
        lambda: bench.listener.pid != pid
        or bench.listener.events("consuming_interrupted", "storing_interrupted") > troubles, within=60,
    )
    if bench.listener.pid == pid:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (64, 4096))
    bench.wait_until_ready()


def _take_memory_away(bench: Bench) -> None:
    """No more memory than it has, while a large message comes."""
    pid = bench.listener.pid
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[0])
    resource.prlimit(pid, resource.RLIMIT_AS, (pages * resource.getpagesize(), resource.RLIM_INFINITY))
    some = list(islice(readings(bench.seed, first=10**6 * (1 + bench.listener.starts)), 10_000))
    sensor = f"large-{bench.listener.starts}-{bench.journal.count}"
    keys = bench.journal.add(sensor, *some)
    body = f"[{', '.join(element(one, sensor) for one in some)}]".encode()
    bench.publisher.publish(Message(body, sensor, keys))
    before = bench.listener.starts
    bench.until(lambda: bench.listener.starts > before or _is_stored(bench, sensor), within=60, every=0.5)
    if bench.listener.pid == pid:
        resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    bench.wait_until_ready()


def _is_stored(bench: Bench, sensor: str) -> bool:
    with bench.administrator() as session:
        return session.number("SELECT COUNT(*) FROM SERIES WHERE sensor = %s", (sensor.encode(),)) > 0
