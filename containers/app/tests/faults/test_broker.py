"""Faults of the broker."""

import time
from collections.abc import Callable

import pytest

from tests.faults.bench import PARKED, QUEUE, RECOVERY_SECS, Bench
from tests.faults.journal import Reading, element, readings
from tests.faults.publisher import Message

#: Returns after which the broker parks a message, by the product's policy.
DELIVERY_LIMIT = 20
#: Seconds until a broken topology must show in the listener's health, and for the broker to park a message after all.
NOTICED_SECS = 5
PARKED_SECS = 240
#: Seconds that publishers are watched while the broker holds them back.
BLOCKED_SECS = 3


def _through(bench: Bench, times: int, end: Callable[[], None]) -> float:
    """Have the broker end under load, start it, and wait for the listener; the slowest recovery in seconds."""
    slowest = 0.0
    with bench.load():
        for _ in range(times):
            bench.wait_for_rows(500)
            end()
            bench.broker.start()
            slowest = max(slowest, bench.wait_until_ready())
        bench.wait_for_rows(100)
    return slowest


@pytest.mark.fault("F1")
def test_a_broker_that_is_restarted_loses_nothing_and_is_found_again(bench: Bench, times: int) -> None:
    bench.begin()
    slowest = _through(bench, times, bench.broker.runner.stop)

    bench.bite(
        restarts=times, reconnects=bench.listener.events("consuming_interrupted"), slowest_recovery_secs=slowest
    )
    bench.conclude()
    assert bench.listener.starts == 1, "the listener outlives its broker"
    assert slowest < RECOVERY_SECS


@pytest.mark.fault("F2")
@pytest.mark.minimal
def test_a_broker_that_is_killed_loses_nothing_and_what_is_sent_again_is_stored_once(bench: Bench, times: int) -> None:
    bench.begin()
    slowest = _through(bench, times, bench.broker.runner.kill)

    bench.bite(kills=times, reconnects=bench.listener.events("consuming_interrupted"), slowest_recovery_secs=slowest)
    bench.conclude()
    assert bench.listener.starts == 1, "the listener outlives its broker"
    assert slowest < RECOVERY_SECS


@pytest.mark.fault("F16")
def test_without_a_parking_queue_nothing_starts_and_nothing_is_lost(bench: Bench) -> None:
    timeout = "application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, 5000)."
    bench.broker.evaluate(timeout)  # three minutes otherwise
    bench.broker.api("DELETE", "queues", bench.name, PARKED)
    reading = next(readings(bench.seed))
    keys = bench.journal.add("hopeless", reading, expected="undeliverable")
    bench.publisher.publish(Message(element(reading, "hopeless").encode(), f"hopeless-{bench.seed}", keys))
    returns = _give_back(bench)

    bench.listener.start()
    bench.until(lambda: bench.listener.mentions("mymonit migrate"), within=30)
    assert not bench.listener.ready()
    bench.mymonit("migrate")
    bench.wait_until_ready()
    bench.until(lambda: bench.listener.events("quarantined"), within=PARKED_SECS)

    bench.bite(returns=returns, refused_starts=bench.listener.starts - 1)
    bench.conclude()


def _give_back(bench: Bench) -> int:
    """Return the one message that is there to the queue until the broker gives it out no more."""
    connection = bench.broker.connect(bench.name)
    channel = connection.channel()
    returns = 0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        method, _, _ = channel.basic_get(QUEUE)
        if method is not None:
            channel.basic_nack(method.delivery_tag, requeue=True)
            returns += 1
        elif returns > DELIVERY_LIMIT:
            break
        connection.process_data_events(time_limit=0.02)
    connection.close()
    return returns


@pytest.mark.fault("F17")
def test_a_full_queue_and_a_full_disk_hold_publishers_back_and_what_was_confirmed_is_stored(bench: Bench) -> None:
    policy = bench.broker.api("GET", "policies", bench.name, f"mymonit-{QUEUE}")
    definition = {**policy["definition"], "max-length": 100}
    changed = {name: policy[name] for name in ("pattern", "apply-to", "priority")}
    bench.broker.api("PUT", "policies", bench.name, f"mymonit-{QUEUE}", body={**changed, "definition": definition})
    with bench.load(rate=200), bench.arrays():
        bench.until(lambda: bench.publisher.refusals > 3, within=60)
        assert bench.depth(QUEUE)[0] < 1000, "the queue kept to its length"
        bench.begin()
        bench.wait_for_rows(500)
        bench.broker.runner.tool("rabbitmqctl", "set_disk_free_limit", "99999GB")
        alarm = bench.until(lambda: bench.broker.api("GET", "nodes")[0]["disk_free_alarm"], within=30)
        blocked = _rows_stand_still(bench)
        bench.broker.runner.tool("rabbitmqctl", "set_disk_free_limit", "50MB")
        bench.wait_for_rows(200)

    bench.bite(refused_publishes=bench.publisher.refusals, disk_alarms=int(alarm), seconds_blocked=blocked)
    bench.conclude()


def _rows_stand_still(bench: Bench) -> float:
    """Seconds that publishers were seen to be held back."""
    bench.until(lambda: bench.depth(QUEUE)[0] == 0, within=30)
    started, before = time.monotonic(), bench.stored()
    bench.until(lambda: time.monotonic() > started + BLOCKED_SECS, within=2 * BLOCKED_SECS)
    assert bench.stored() <= before + 500, "publishers went on during the disk alarm"
    return time.monotonic() - started


@pytest.mark.fault("F18")
def test_a_changed_topology_is_told_at_once_and_not_tried_without_a_pause(bench: Bench) -> None:
    bench.begin()
    first, second = _two_parts(bench)
    _publish(bench, first)
    bench.settle()
    bench.broker.api("DELETE", "queues", bench.name, QUEUE)

    bench.until(lambda: not bench.listener.ready(), within=NOTICED_SECS, every=0.1)
    attempts = _attempts(bench, seconds=10)
    bench.until(lambda: bench.listener.mentions("mymonit migrate"), within=30)
    classic = {"durable": True, "auto_delete": False, "arguments": {"x-queue-type": "classic"}}
    bench.broker.api("PUT", "queues", bench.name, QUEUE, body=classic)
    refusal = bench.mymonit("migrate", expected=1)
    bench.broker.api("DELETE", "queues", bench.name, QUEUE)
    bench.mymonit("migrate")
    bench.wait_until_ready()
    _publish(bench, second)

    bench.bite(attempts_in_10_secs=attempts, interruptions=bench.listener.events("consuming_interrupted"))
    bench.conclude()
    assert refusal.startswith("Error: ") and QUEUE in refusal and "different" in refusal


def _attempts(bench: Bench, *, seconds: float) -> int:
    """How often the listener tried, or was started, in this time."""

    def tried() -> int:
        return bench.listener.starts + bench.listener.events("consuming_interrupted")

    before, started = tried(), time.monotonic()
    bench.until(lambda: time.monotonic() > started + seconds, within=2 * seconds)
    attempts = tried() - before
    assert attempts <= seconds, f"a hot loop: {attempts} attempts in {seconds} s"
    return attempts


def _two_parts(bench: Bench) -> tuple[list[Reading], list[Reading]]:
    source = readings(bench.seed)
    return [next(source) for _ in range(50)], [next(source) for _ in range(50)]


def _publish(bench: Bench, some: list[Reading]) -> None:
    for reading in some:
        keys = bench.journal.add("topology", reading)
        bench.publisher.publish(Message(element(reading, "topology").encode(), f"{bench.seed}-{reading.time}", keys))
