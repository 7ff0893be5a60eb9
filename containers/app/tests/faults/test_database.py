"""Faults of the database."""

import time
from collections.abc import Iterator
from pathlib import Path

import mysql.connector
import pytest

from tests.faults.bench import PARKED, Bench, Servers, arranged
from tests.faults.checker import torn
from tests.faults.database import Database, mariadb
from tests.faults.filled import SmallDisk

#: Seconds after which the broker takes a channel away that holds a message: 30 minutes in production.
CONSUMER_TIMEOUT_SECS = 60
#: Seconds that the listener holds messages while the database is away, so that they go back before that.
HOLD_SECS = 20
#: Seconds that a session keeps its locks: longer than the listener waits for one.
LOCKED_SECS = 14


@pytest.mark.fault("F5")
def test_a_database_that_is_restarted_costs_no_message_more_than_one_return(bench: Bench, times: int) -> None:
    bench.begin()
    with bench.load():
        for _ in range(times):
            bench.wait_for_rows(500)
            bench.database.runner.stop()
            bench.until(lambda: not bench.listener.ready(), within=30)
            bench.database.start()
            bench.wait_until_ready()
        bench.wait_for_rows(200)

    bench.bite(restarts=times, interruptions=bench.listener.events("storing_interrupted", "consuming_interrupted"))
    bench.conclude()
    assert bench.deliveries.most_returns <= times
    assert bench.listener.starts == 1, "the listener outlives its database"


@pytest.mark.fault("F6")
@pytest.mark.minimal
def test_a_database_that_is_killed_keeps_each_message_whole_or_not_at_all(bench: Bench, times: int) -> None:
    bench.begin()
    pieces = 0
    with bench.load(rate=300), bench.arrays():
        for _ in range(times + 1):
            bench.wait_for_rows(500)
            bench.database.runner.kill()
            bench.to_database.refuse()  # so that what is there is what the crash left
            bench.database.start()
            with bench.administrator() as session:
                pieces += torn(bench.journal, session)
            bench.to_database.let_pass()
            bench.wait_until_ready()
        bench.wait_for_rows(200)

    bench.bite(kills=times + 1, interruptions=bench.listener.events("storing_interrupted", "consuming_interrupted"))
    bench.conclude()
    assert pieces == 0, f"{pieces} messages were stored in part"


@pytest.fixture
def patient_broker(servers: Servers) -> Iterator[None]:
    """A broker that takes channels away soon, and looks for them often."""
    servers.broker.configure(consumer_timeout=CONSUMER_TIMEOUT_SECS * 1000)
    servers.broker.runner.stop()
    servers.broker.start()
    servers.broker.evaluate("application:set_env(rabbit, channel_tick_interval, 5000).")
    yield
    servers.broker.configure()
    servers.broker.runner.stop()
    servers.broker.start()


@pytest.mark.fault("F7")
@pytest.mark.usefixtures("patient_broker")
def test_an_outage_longer_than_the_consumer_time_out_parks_nothing(bench: Bench) -> None:
    bench.listener = bench.make_listener(environment={"RABBIT_HOLD_SECS": str(HOLD_SECS)})
    bench.begin()
    with bench.load(rate=50):
        bench.wait_for_rows(100)
        started = time.monotonic()
        bench.database.runner.kill()
        while time.monotonic() < started + 2 * CONSUMER_TIMEOUT_SECS:
            time.sleep(1)
            assert not bench.listener.ready()
            assert bench.depth(PARKED)[0] == 0
        bench.database.start()
        bench.wait_until_ready()

    bench.bite(
        outage_secs=time.monotonic() - started, given_back=bench.deliveries.redelivered,
        most_returns=bench.deliveries.most_returns,
    )
    bench.conclude()
    assert bench.deliveries.most_returns <= 2, "an outage must not use up a message's deliveries"


@pytest.fixture
def small_disk(workshop: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(workshop / f"disk-{time.monotonic_ns()}")
    disk.mount()
    yield disk
    disk.unmount()


@pytest.fixture
def cramped(small_disk: SmallDisk) -> Iterator[Database]:
    """A database with its data on the small disk."""
    folder = small_disk.folder
    options = {"innodb_log_file_size": "16M", "innodb_buffer_pool_size": "32M"}
    database = mariadb(folder.with_name(f"{folder.name}-server"), data=folder / "data", **options)
    database.start()
    yield database
    database.runner.discard()


@pytest.fixture
def cramped_bench(
    cramped: Database, servers: Servers, seed: int, workshop: Path, request: pytest.FixtureRequest
) -> Iterator[Bench]:
    folder = workshop / f"F8-{seed}-{time.monotonic_ns()}"
    folder.mkdir()
    request.node.bench = Bench(cramped, servers.broker, folder, seed=seed)
    yield from arranged(request.node.bench)


@pytest.mark.fault("F8")
@pytest.mark.processes
def test_a_full_database_is_waited_for_until_there_is_space(cramped_bench: Bench, small_disk: SmallDisk) -> None:
    bench = cramped_bench
    bench.begin()
    with bench.load(), bench.arrays():
        bench.wait_for_rows(300)
        small_disk.fill(leaving=1)
        bench.until(lambda: not bench.listener.ready(), within=120)
        full = small_disk.free_bytes()
        died = not bench.database.runner.alive
        small_disk.enlarge()
        if not bench.database.runner.alive:
            bench.database.start()
        bench.wait_until_ready()
        bench.wait_for_rows(300)

    interruptions = bench.listener.events("storing_interrupted", "consuming_interrupted")
    bench.bite(disks_filled=1, interruptions=interruptions)
    bench.note(bytes_left=full, server_died=died)
    bench.conclude()
    assert bench.verdict.quarantined == 0


@pytest.mark.fault("F9")
def test_a_read_only_database_is_waited_for_and_nothing_is_quarantined(bench: Bench, times: int) -> None:
    bench.begin()
    with bench.load():
        for _ in range(times):
            bench.wait_for_rows(300)
            with bench.administrator() as session:
                session.execute("SET GLOBAL read_only = 1")
                bench.until(lambda: not bench.listener.ready(), within=30)
                session.execute("SET GLOBAL read_only = 0")
            bench.wait_until_ready()
        bench.wait_for_rows(200)

    bench.bite(times=times, errors_1290=bench.listener.mentions("error 1290"))
    bench.conclude()
    assert bench.verdict.quarantined == 0


@pytest.mark.fault("F10")
def test_locks_and_deadlocks_are_waited_out_and_no_message_is_torn(bench: Bench, times: int) -> None:
    bench.begin()
    pieces, deadlocks = 0, 0
    with bench.load(rate=300), bench.arrays():
        bench.wait_for_rows(300)
        _make_heavy(bench)
        before = _deadlocks(bench)
        for _ in range(times):
            _hold_the_counters(bench)
            with bench.administrator() as session:
                pieces += torn(bench.journal, session)
            bench.wait_until_ready()
            bench.wait_for_rows(100)
        for _ in range(10 * times):
            _cross(bench)
            deadlocks = _deadlocks(bench) - before
            if deadlocks >= times:
                break
        bench.wait_until_ready()
        bench.wait_for_rows(100)

    bench.bite(lock_waits_1205=bench.listener.mentions("error 1205"), deadlocks=deadlocks)
    bench.conclude()
    assert pieces == 0, f"{pieces} messages were stored in part"
    assert bench.verdict.quarantined == 0


def _hold_the_counters(bench: Bench) -> None:
    """Longer than the listener waits for a lock."""
    before = bench.listener.mentions("error 1205")
    with bench.administrator() as session:
        session.execute("START TRANSACTION")
        session.rows("SELECT * FROM SERIES_COUNTS FOR UPDATE")
        bench.until(lambda: bench.listener.mentions("error 1205") > before, within=6 * LOCKED_SECS, every=0.2)
        session.execute("ROLLBACK")


def _make_heavy(bench: Bench) -> None:
    """A table with which a session becomes heavier than the listener's, which is then the one to give way."""
    with bench.administrator() as session:
        session.execute("CREATE TABLE BALLAST (number INT PRIMARY KEY, payload INT) ENGINE = InnoDB")
        values = ", ".join(f"({number}, 0)" for number in range(20_000))
        session.execute(f"INSERT INTO BALLAST VALUES {values}")


def _cross(bench: Bench) -> None:
    """Take the listener's locks in the other order: first the counters, then what it has written before them."""
    with bench.administrator() as session:
        session.execute("START TRANSACTION")
        session.execute("UPDATE BALLAST SET payload = payload + 1")
        session.rows("SELECT * FROM SERIES_COUNTS FOR UPDATE")
        _wait_until_somebody_waits(bench)
        try:
            session.rows("SELECT COUNT(*) FROM MESSAGE_IDS FOR UPDATE")
            session.execute("ROLLBACK")
        except mysql.connector.Error:
            pass  # it gave way itself: a deadlock all the same


def _wait_until_somebody_waits(bench: Bench) -> None:
    waiting = "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"
    # InnoDB renews this table only when nobody has read it for a tenth of a second.
    with bench.administrator() as session:
        bench.until(lambda: session.number(waiting), within=10, every=0.25)


def _deadlocks(bench: Bench) -> int:
    with bench.administrator() as session:
        return session.number(
            "SELECT count FROM information_schema.INNODB_METRICS WHERE name = 'lock_deadlocks'"
        )
