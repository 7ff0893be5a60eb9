"""Instruments with a configuration file, what is sent again, and what the spool holds."""

import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from adapter_process import StartAdapter, wait_until
from queue_reader import QueueReader
from rabbit_server import EXPERIMENT, Account

CONFIGURATION = f"""
name = "pump"
format = "csv"
experiment = "{EXPERIMENT}"

[time]
field = "t"
format = "epoch-s"

[[measures]]
field = "p"
measure = "pascal"
missing = ["-"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "pump.toml"
    path.write_text(CONFIGURATION)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    return made


def test_a_folder_of_csv_is_ingested_and_the_command_ends(
    start: StartAdapter, account: Account, queue: QueueReader, folder: Path, config: Path
) -> None:
    (folder / "a.csv").write_text("t,p\n1,10\n2,-\n3,x\n")
    (folder / "b.csv").write_text("t,p\n4,40\n")

    adapter = start(account, command=("csv", str(folder), "--config", str(config)))

    assert adapter.wait() == 1
    assert adapter.reports()[-1] == "read 3, confirmed 2, not confirmed 0, rejected 1, missing 1"
    assert [(each["timestamp"], each["value"]) for each in queue.take_all_measures()] == [(1, 10.0), (4, 40.0)]
    assert len((adapter.spool / "pump" / "rejects.ndjson").read_text().splitlines()) == 1


def test_a_followed_folder_goes_on_after_a_kill(
    start: StartAdapter, account: Account, queue: QueueReader, folder: Path, config: Path, tmp_path: Path
) -> None:
    command, spool = ("csv", str(folder), "--config", str(config), "--follow"), str(tmp_path / "spool")
    (folder / "a.csv").write_text("t,p\n1,10\n")
    adapter = start(account, command=command, MYMONIT_SPOOL=spool)
    wait_until(lambda: queue.depth() == 1, what="the first file")
    wait_until(lambda: not _waits(start, account, spool, confirmed=1), what="the confirmation to be noted")
    adapter.kill()
    (folder / "b.csv").write_text("t,p\n2,20\n")
    adapter = start(account, command=command, MYMONIT_SPOOL=spool)
    wait_until(lambda: queue.depth() == 2, what="the second file")

    adapter.signal(signal.SIGTERM)

    assert adapter.wait_for_exit() == 0
    assert [each["value"] for each in queue.take_all_measures()] == [10.0, 20.0]


def test_what_was_confirmed_is_sent_again_under_the_same_ids_beside_a_running_adapter(
    start: StartAdapter, account: Account, queue: QueueReader, tmp_path: Path
) -> None:
    spool = str(tmp_path / "spool")
    adapter = start(account, MYMONIT_SPOOL=spool)
    for number in range(3):
        adapter.write(b"%d\n" % number)
        wait_until(lambda number=number: queue.depth() == number + 1, what="the reading")
    before = {each.properties.message_id: each.body for each in queue.take_all()}
    wait_until(lambda: not _waits(start, account, spool, confirmed=3), what="the confirmations to be noted")

    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    again = start(account, command=("resend", "--since", since), MYMONIT_SPOOL=spool)

    assert again.wait() == 0
    assert again.reports() == ["sent again 3, not confirmed 0"]
    assert {each.properties.message_id: each.body for each in queue.take_all()} == before
    assert adapter.wait() == 0


def _waits(start: StartAdapter, account: Account, spool: str, *, confirmed: int) -> bool:
    status = start(account, command=("status",), MYMONIT_SPOOL=spool)
    assert status.wait() == 0
    return f": 0 measures wait, {confirmed} are confirmed and kept" not in status.output()


def test_what_was_confirmed_at_another_time_is_not_sent_again(
    start: StartAdapter, account: Account, queue: QueueReader, tmp_path: Path
) -> None:
    spool = str(tmp_path / "spool")
    adapter = start(account, MYMONIT_SPOOL=spool)
    adapter.write(b"1\n")
    assert adapter.wait() == 0
    earlier = datetime.fromtimestamp(time.time() - 60, UTC)

    options = ("--since", (earlier - timedelta(hours=1)).isoformat(), "--until", earlier.isoformat())
    again = start(account, command=("resend", *options), MYMONIT_SPOOL=spool)

    assert again.wait() == 0
    assert again.reports() == ["sent again 0, not confirmed 0"]
    assert queue.depth() == 1
