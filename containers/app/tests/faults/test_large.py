"""A great many rows, while everything is killed; and an old backup, after which everything is sent again."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from tests.faults.bench import Bench
from tests.faults.broker import Broker
from tests.faults.database import Database
from tests.faults.instrument import HEADER, configure, rows
from tests.faults.journal import Key, Reading, readings
from tests.faults.processes import ADAPTERS, MYMONIT_ADAPTER, Supervised

ROWS = int(os.environ.get("FAULTS_ROWS", "1000000"))
FILES = 20
#: What an instrument writes now and then instead of a row.
BROKEN = ("1649228400000000000,\n", "1649228400000000000,12,5\n", "yesterday,12.5\n", "1649228400000000000,off\n")
BROKEN_ROWS = 17
#: Rows that are there when the backup is made.
OLD_ROWS = 20_000
#: How often each of adapter, listener, broker and database is killed, and the part of the rows between two kills.
KILLS = 2
KILLED_WITHIN = 32
#: Seconds for all rows to be confirmed, and to be stored, however slow the machine.
WHOLE_SECS = 3600
SENSOR = "logger"


class Adapter(Supervised):
    """`mymonit-adapter` at a folder of files; killed, it is started again and goes on where it was."""

    def __init__(self, bench: Bench, *arguments: str, name: str = "adapter") -> None:
        super().__init__(
            [*MYMONIT_ADAPTER, *arguments], bench.adapter_environment(), log=bench.folder / f"{name}.log",
            folder=ADAPTERS, restarting=lambda status: status < 0,
        )


class Folder:
    """The instrument's files, its configuration, and where the adapter keeps what it knows."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.files = bench.folder / "files"
        self.files.mkdir()
        self.config = configure(bench.folder, SENSOR)
        self.spool = bench.folder / "spool"
        self.rejects = bench.folder / "rejects"

    def write(self, name: str, some: Iterator[Reading], count: int, *, broken: int = 0) -> list[Key]:
        """A file of so many rows, the broken ones among them."""
        good = list(islice(some, count - broken))
        every = max(1, len(good) // (broken + 1))
        with (self.files / f".{name}").open("w", encoding="utf-8") as file:
            file.write(HEADER)
            for number in range(broken + 1):
                part = good[number * every : (number + 1) * every if number < broken else None]
                file.write(rows(part))
                file.write(BROKEN[number % len(BROKEN)] if number < broken else "")
        (self.files / f".{name}").rename(self.files / name)
        return [key for reading in good for key in self._bench.journal.add(SENSOR, reading)]

    def adapter(self, name: str = "adapter") -> Adapter:
        return Adapter(
            self._bench, "csv", str(self.files), "--config", str(self.config), "--spool", str(self.spool),
            "--rejects", str(self.rejects), "--wait", str(WHOLE_SECS), name=name,
        )


def _in_files(folder: Folder, source: Iterator[Reading]) -> list[Key]:
    keys: list[Key] = []
    for number in range(FILES):
        broken = BROKEN_ROWS // FILES + (number < BROKEN_ROWS % FILES)
        keys += folder.write(f"{number:03d}.csv", source, ROWS // FILES, broken=broken)
    return keys


@pytest.mark.fault("million")
@pytest.mark.processes
def test_a_folder_of_a_million_rows_arrives_while_everything_is_killed(bench: Bench) -> None:
    folder = Folder(bench)
    keys = _in_files(folder, readings(bench.seed))
    bench.listener = bench.make_listener(environment=_straight(bench))
    bench.begin()
    started = time.monotonic()
    adapter = folder.adapter()
    try:
        adapter.start()
        for number, victim in enumerate(_victims(bench, adapter), start=1):
            bench.wait_for_total(number * len(keys) // KILLED_WITHIN, within=WHOLE_SECS)
            victim()
        status = adapter.wait(WHOLE_SECS)
    finally:
        adapter.close()
    bench.journal.confirm(keys)
    bench.until(lambda: bench.stored() >= len(keys), within=WHOLE_SECS, every=2)

    bench.bite(
        kills_of_the_adapter=adapter.endings.count(-9), kills_of_the_listener=bench.listener.endings.count(-9),
        kills_of_the_servers=2 * KILLS,
    )
    bench.note(rows_a_second=round(len(keys) / (time.monotonic() - started)), adapter_status=status)
    bench.conclude()
    assert adapter.endings.count(-9) == bench.listener.endings.count(-9) == KILLS
    assert bench.verdict.stored == ROWS // FILES * FILES - BROKEN_ROWS
    assert len(folder.rejects.read_bytes().splitlines()) == BROKEN_ROWS


def _straight(bench: Bench) -> dict[str, str]:
    """To the servers themselves: the proxies would be the slowest part."""
    return {"DB_PORT": str(bench.database.port), "RABBIT_URL": f"amqp://127.0.0.1:{bench.broker.port}"}


def _victims(bench: Bench, adapter: Adapter) -> list[Callable[[], None]]:
    """What is killed, in this order; the adapter early, since it has read everything before everything is stored."""

    def kill(server: Broker | Database) -> None:
        server.runner.kill()
        server.start()

    database, broker = partial(kill, bench.database), partial(kill, bench.broker)
    return [adapter.kill, bench.listener.kill, adapter.kill, broker, database, bench.listener.kill, broker, database]


@pytest.mark.fault("backup")
@pytest.mark.processes
def test_after_an_old_backup_was_restored_the_adapter_sends_again_what_is_missing(bench: Bench) -> None:
    folder, source = Folder(bench), readings(bench.seed)
    bench.listener = bench.make_listener(environment=_straight(bench))
    bench.begin()
    since = datetime.now(UTC).isoformat(timespec="seconds")
    _ingest(bench, folder, folder.write("old.csv", source, OLD_ROWS))
    dump = bench.folder / "backup.sql"
    _dump(bench, dump)
    _ingest(bench, folder, folder.write("new.csv", source, ROWS))
    before = bench.stored()

    assert bench.listener.terminate() == 0
    _restore(bench, dump)
    gone = before - bench.stored()
    bench.listener = bench.make_listener(environment=_straight(bench))
    bench.begin()
    again = Adapter(
        bench, "resend", "--since", since, "--config", str(folder.config), "--spool", str(folder.spool), name="resend"
    )
    again.start()
    status = again.wait(WHOLE_SECS)
    again.close()
    bench.until(lambda: bench.stored() >= before, within=WHOLE_SECS, every=2)

    bench.bite(gone_with_the_database=gone, duplicates_absorbed=bench.listener.duplicates())
    bench.conclude()
    assert status == 0
    assert gone == ROWS


def _ingest(bench: Bench, folder: Folder, keys: list[Key]) -> None:
    expected = bench.stored() + len(keys)
    adapter = folder.adapter()
    adapter.start()
    status = adapter.wait(WHOLE_SECS)
    adapter.close()
    assert status == 0, adapter.log.read_text(encoding="utf-8")[-500:]
    bench.journal.confirm(keys)
    bench.until(lambda: bench.stored() >= expected, within=WHOLE_SECS, every=1)


def _client(bench: Bench) -> Path:
    """How the database's own programs are let in; a password is no argument."""
    file = bench.folder / "client.cnf"
    file.touch(mode=0o600)
    file.write_text(
        f"[client]\nhost=127.0.0.1\nport={bench.database.port}\nuser={bench.database.user}\n"
        f"password={bench.database.password}\n", encoding="utf-8",
    )
    return file


def _dump(bench: Bench, file: Path) -> None:
    with file.open("wb") as out:
        program = ["mariadb-dump", f"--defaults-file={_client(bench)}"]
        subprocess.run(
            [*program, "--single-transaction", "--databases", bench.name], stdout=out, check=True, timeout=WHOLE_SECS
        )


def _restore(bench: Bench, file: Path) -> None:
    with bench.database.session() as session:
        session.execute(f"DROP DATABASE `{bench.name}`")
    with file.open("rb") as source:
        subprocess.run(
            ["mariadb", f"--defaults-file={_client(bench)}"], stdin=source, check=True, timeout=WHOLE_SECS
        )
