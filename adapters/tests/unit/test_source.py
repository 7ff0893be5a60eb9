import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mymonit_adapters import folder, source
from mymonit_adapters.errors import InputError
from mymonit_adapters.inputs import NOTHING
from mymonit_adapters.journal import Journal
from mymonit_adapters.model import Chunk
from mymonit_adapters.source import open_source
from spools import open_spool

DEADLINE_SECS = 5

Read = Callable[[str], Iterator[Chunk]]


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Iterator[Chunk]]:
    """The chunks of all that is there, without what says that there is nothing more at present."""

    def read_chunks(file: str) -> Iterator[Chunk]:
        journal = Journal(open_spool(tmp_path), report=print)
        for item in open_source(file, follow=False, journal=journal, report=print):
            yield from (chunk for chunk in item.chunks if chunk != NOTHING)

    return read_chunks


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """The reading end stands for standard input."""
    reading, writing = os.pipe()
    monkeypatch.setattr(source, "STANDARD_INPUT", reading)
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            pass


def test_a_file_is_read_to_its_end(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "input.txt"
    path.write_bytes(b"1\n" * 100_000)

    assert b"".join(chunk.data for chunk in read(str(path))) == path.read_bytes()


def test_what_has_arrived_is_given_at_once_with_the_time(pipe: tuple[int, int], read: Read) -> None:
    _, writing = pipe
    too_late = threading.Timer(DEADLINE_SECS, os.close, [writing])
    too_late.start()
    before = time.time_ns()

    os.write(writing, b"1\n")
    chunk = next(read("-"))
    too_late.cancel()

    assert chunk.data == b"1\n"
    assert before <= chunk.read_at <= time.time_ns() < before + DEADLINE_SECS * 1_000_000_000


def test_standard_input_ends_when_its_writer_does(pipe: tuple[int, int], read: Read) -> None:
    _, writing = pipe
    os.write(writing, b"1\n")
    os.close(writing)

    assert [chunk.data for chunk in read("-")] == [b"1\n"]


def test_an_input_that_does_not_wait_is_refused_and_not_taken_for_its_end(pipe: tuple[int, int], read: Read) -> None:
    reading, _ = pipe
    os.set_blocking(reading, False)

    with pytest.raises(InputError, match="non-blocking"):
        list(read("-"))


def test_what_cannot_be_read_is_named(tmp_path: Path, read: Read) -> None:
    with pytest.raises(InputError, match="missing"):
        list(read(str(tmp_path / "missing")))


def test_a_folder_gives_its_files(tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "SETTLED_SECS", 0)
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "a.txt").write_bytes(b"1\n")

    assert [chunk.data for chunk in read(str(inside))] == [b"1\n"]
