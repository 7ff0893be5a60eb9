from collections.abc import Iterator
from pathlib import Path

import pytest
from mymonit_adapters import folder as folder_module
from mymonit_adapters.folder import files_of
from mymonit_adapters.journal import Journal
from mymonit_adapters.spool import Spool
from spools import make_intake, open_spool, values

DEADLINE_SECS = 20


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "SCAN_SECS", 0.01)
    monkeypatch.setattr(folder_module, "SETTLED_SECS", 0.05)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return open_spool(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    return made


def read(folder: Path, spool: Spool) -> list[float]:
    """One run without `follow`; what it added."""
    before = len(values(spool))
    intake = make_intake(files_of(folder, Journal(spool, report=lambda _: None), follow=False), spool)
    intake.start()
    intake.join(DEADLINE_SECS)
    assert not intake.is_alive()
    assert intake.error is None
    return values(spool)[before:]


def test_files_are_read_in_the_order_of_their_names_and_left_where_they_are(folder: Path, spool: Spool) -> None:
    for name in ("b", "a", "c"):
        (folder / f"{name}.txt").write_text(f"{ord(name)}\n")

    assert read(folder, spool) == [97, 98, 99]
    assert len(list(folder.iterdir())) == 3


def test_a_file_is_read_once(folder: Path, spool: Spool) -> None:
    (folder / "a.txt").write_text("1\n")

    assert read(folder, spool) == [1]
    assert read(folder, spool) == []
    (folder / "b.txt").write_text("2\n")
    assert read(folder, spool) == [2]


def test_a_file_that_was_replaced_under_its_name_is_new(folder: Path, spool: Spool) -> None:
    file, other = folder / "a.txt", folder / "b.part"
    file.write_text("1\n2\n")
    assert read(folder, spool) == [1, 2]

    other.write_text("1\n3\n")
    other.rename(file)
    assert read(folder, spool) == [1, 3]
    file.write_text("4\n5\n")
    assert read(folder, spool) == [4, 5]


def test_a_file_that_has_grown_goes_on_where_it_was(folder: Path, spool: Spool) -> None:
    file = folder / "a.txt"
    file.write_text("1\n")
    assert read(folder, spool) == [1]

    file.write_text("1\n2\n")

    assert read(folder, spool) == [2]


def test_a_renamed_file_is_no_new_one(folder: Path, spool: Spool) -> None:
    file = folder / "a.txt"
    file.write_text("1\n")
    assert read(folder, spool) == [1]

    file.rename(folder / "z.txt")

    assert read(folder, spool) == []


def test_what_is_hidden_or_being_written_or_a_folder_is_left_alone(folder: Path, spool: Spool) -> None:
    for name in (".a", "a.tmp", "a.part", "a~"):
        (folder / name).write_text("1\n")
    (folder / "inside").mkdir()

    assert read(folder, spool) == []


def test_with_follow_new_files_are_read_when_they_have_settled(folder: Path, spool: Spool) -> None:
    growing = folder / "a.txt"
    growing.write_text("1\n")
    found: Iterator[object] = files_of(folder, Journal(spool, report=lambda _: None), follow=True)

    first = next(found)
    (folder / "b.txt").write_text("2\n")
    second = next(found)

    assert [Path(each.name).name for each in (first, second)] == ["a.txt", "b.txt"]
