"""A file that grows, is renamed, copied, truncated, replaced: every line once."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mymonit_adapters import follow
from mymonit_adapters.follow import follow_file
from mymonit_adapters.intake import Intake
from mymonit_adapters.journal import Journal
from mymonit_adapters.signals import StopRequest
from mymonit_adapters.spool import Spool
from spools import make_intake, open_spool, values

DEADLINE_SECS = 20


class Follower:
    """Follows one file, and can be killed and started again."""

    def __init__(self, folder: Path, path: Path) -> None:
        self.path = path
        self.reports: list[str] = []
        self._folder = folder
        self.spool: Spool
        self._stop = StopRequest()
        self._intake: Intake
        self.start()

    def start(self) -> None:
        self.spool, self._stop = open_spool(self._folder), StopRequest()
        journal = Journal(self.spool, report=self.reports.append)
        source = follow_file(self.path, journal, report=self.reports.append)
        self._intake = make_intake(source, self.spool, stop=self._stop)
        self._intake.start()

    def stop(self) -> None:
        self._stop.note()
        self._intake.join(DEADLINE_SECS)
        assert not self._intake.is_alive()
        assert self._intake.error is None

    def gives(self, *expected: float) -> bool:
        deadline = time.monotonic() + DEADLINE_SECS
        while values(self.spool) != list(expected) and time.monotonic() < deadline:
            assert self._intake.is_alive(), self._intake.error
            time.sleep(0.01)
        return values(self.spool) == list(expected)

    def rejects(self) -> list[str]:
        return [json.loads(line)["raw"] for line in (self._folder / "rejects.ndjson").read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs" / "numbers.log"


@pytest.fixture
def following(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Follower]]:
    monkeypatch.setattr(follow, "POLL_SECS", 0.01)
    monkeypatch.setattr(follow, "QUIET_SECS", 0.1)
    followers: list[Follower] = []

    def make() -> Follower:
        followers.append(Follower(tmp_path, path))
        return followers[-1]

    yield make
    for follower in followers:
        follower.stop()


Following = Callable[[], Follower]


def append(path: Path, text: str) -> None:
    with path.open("a") as stream:
        stream.write(text)


@pytest.fixture
def follower(following: Following, path: Path) -> Follower:
    """It has read the first line, which is 1."""
    append(path, "1\n")
    follower = following()
    assert follower.gives(1)
    return follower


def test_a_file_that_is_not_there_yet_is_waited_for(following: Following, path: Path) -> None:
    follower = following()
    append(path, "1\n")

    assert follower.gives(1)


def test_a_line_is_read_when_it_is_complete(following: Following, path: Path) -> None:
    append(path, "1\n2")
    follower = following()
    assert follower.gives(1)

    append(path, "5\n")

    assert follower.gives(1, 25)


def test_a_renamed_file_is_read_to_its_end_and_then_the_new_one(follower: Follower, path: Path) -> None:
    renamed = path.rename(path.with_name("numbers.log.1"))
    append(renamed, "2\n")  # its writer has not noticed yet
    append(path, "3\n")

    assert follower.gives(1, 2, 3)


def test_the_rest_of_a_file_that_was_copied_and_truncated_is_read_from_the_copy(
    follower: Follower, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "POLL_SECS", 0.5)  # time for both before it looks again
    time.sleep(0.05)
    append(path, "2\n3\n")
    shutil.copy(path, path.with_name("numbers.log.1"))
    os.truncate(path, 0)
    append(path, "4\n")

    assert follower.gives(1, 2, 3, 4)


def test_what_a_truncation_has_cut_off_is_rejected_and_not_taken_for_a_number(
    following: Following, path: Path
) -> None:
    append(path, "1\n12.")
    follower = following()
    assert follower.gives(1)
    path.write_text("4\n")

    assert follower.gives(1, 4)
    assert follower.rejects() == ["12."]


def test_a_file_that_was_overwritten_with_as_much_is_read_anew(following: Following, path: Path) -> None:
    append(path, "1\n2\n")
    os.utime(path, (1, 1))  # some file systems' clocks tick only every ten milliseconds
    follower = following()
    assert follower.gives(1, 2)
    path.write_text("3\n4\n")

    assert follower.gives(1, 2, 3, 4)


def test_after_a_restart_it_goes_on_where_it_was(follower: Follower, path: Path) -> None:
    follower.stop()
    append(path, "2\n")
    follower.start()

    assert follower.gives(1, 2)


def test_what_was_written_before_and_after_a_rename_while_it_was_down_is_read(follower: Follower, path: Path) -> None:
    follower.stop()
    append(path, "2\n")
    path.rename(path.with_name("numbers.log.2"))
    append(path, "3\n")
    path.rename(path.with_name("numbers.log.1"))
    append(path, "4\n")
    follower.start()

    assert follower.gives(1, 2, 3, 4)


def test_what_was_copied_and_truncated_while_it_was_down_is_read(follower: Follower, path: Path) -> None:
    follower.stop()
    append(path, "2\n")
    shutil.copy(path, path.with_name("numbers.log.1"))
    path.write_text("3\n")
    follower.start()

    assert follower.gives(1, 2, 3)


def test_what_is_gone_for_good_is_told(follower: Follower, path: Path) -> None:
    follower.stop()
    path.write_text("7\n8\n")
    follower.start()

    assert follower.gives(1, 7, 8)
    assert any("is gone" in report for report in follower.reports)
