import time
from pathlib import Path

import pytest
from mymonit_adapters.adoption import adopt
from mymonit_adapters.errors import SpoolError, SpoolFull
from mymonit_adapters.positions import Position
from mymonit_adapters.spool import Spool
from spools import message, open_spool

MIB = 1 << 20
FEW = 1_000
POSITION = Position("id", "/data/a.csv", "1", "2", 30, 40, 50, b"digest", 60)


def take(spool: Spool, *, most: int = FEW, most_bytes: int = MIB) -> list[str]:
    return [each.message.message_id for each in spool.take(0, most=most, most_bytes=most_bytes)]


def confirm(spool: Spool, *, most: int = FEW) -> None:
    spool.confirm(spool.take(0, most=most, most_bytes=1 << 30))


def test_messages_and_the_position_of_their_input_are_there_after_a_restart(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.commit([message(1), message(2)], POSITION)

    again = open_spool(tmp_path)  # the first one was not closed, as after a crash

    assert take(again) == ["1", "2"]
    assert again.waiting == 2
    assert again.positions_at("/data/a.csv") == [POSITION]
    assert again.positions_of("2") == [POSITION]


def test_what_is_taken_is_bounded_by_its_bytes_but_for_one_message(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.commit([message(number, size=100) for number in range(3)], None)

    assert take(spool, most_bytes=250) == ["0", "1"]
    assert take(spool, most_bytes=10) == ["0"]


def test_what_is_confirmed_is_kept_for_some_days_and_then_pruned(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, keep_secs=0)
    spool.commit([message(1)], None)
    confirm(spool)
    spool.commit([message(2)], None)
    kept = spool.messages()
    deadline = time.monotonic() + 10
    while spool.messages() == kept and time.monotonic() < deadline:
        time.sleep(0.1)  # a second must be over
        spool.commit([], None)

    assert spool.messages() == 1
    assert take(spool) == ["2"]


def test_a_full_spool_refuses_what_is_new_and_keeps_what_it_has(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, max_bytes=MIB)
    with pytest.raises(SpoolFull, match="10 messages wait"):
        for number in range(20):
            spool.commit([message(number, size=MIB // 11)], None)

    assert len(take(spool)) == 10
    assert spool.path.stat().st_size <= MIB


def test_a_full_spool_gives_up_what_is_only_kept(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, max_bytes=MIB)
    for number in range(50):
        spool.commit([message(number, size=MIB // 11)], None)
        confirm(spool)

    assert spool.pruned_early >= 40
    assert spool.path.stat().st_size <= 2 * MIB


def test_measures_of_earlier_runs_are_told_apart(tmp_path: Path) -> None:
    open_spool(tmp_path).commit([message(1)], None)
    spool = open_spool(tmp_path)

    assert spool.begin_run() == 1
    spool.commit([message(2), message(3)], None)
    confirm(spool)

    assert spool.confirmed == 2


def test_a_file_that_is_no_spool_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "spool-1.sqlite").write_bytes(b"something else" * 1_000)

    with pytest.raises(SpoolError, match="spool-1.sqlite"):
        open_spool(tmp_path)


def test_another_spool_is_taken_over_with_all_that_it_has(tmp_path: Path) -> None:
    spool, other = (open_spool(_made(tmp_path / name)) for name in ("a", "b"))
    spool.commit([message(1)], None)
    other.commit([message(2), message(3)], POSITION)
    confirm(other, most=1)

    adopt(other.path, spool)
    adopt(other.path, spool)  # again, as after a crash before the file was removed

    assert take(spool) == ["1", "3"]
    assert spool.waiting == 2
    assert spool.messages() == 3
    assert spool.positions_at("/data/a.csv") == [POSITION]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
