import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mymonit_adapters import source
from mymonit_adapters.errors import InputError
from mymonit_adapters.source import read_chunks

DEADLINE_SECS = 5


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


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "input.txt"
    path.write_bytes(b"1\n" * 100_000)

    assert b"".join(chunk.data for chunk in read_chunks(str(path))) == path.read_bytes()


def test_what_has_arrived_is_given_at_once_with_the_time(pipe: tuple[int, int]) -> None:
    _, writing = pipe
    too_late = threading.Timer(DEADLINE_SECS, os.close, [writing])
    too_late.start()
    before = time.time_ns()

    os.write(writing, b"1\n")
    chunk = next(read_chunks("-"))
    too_late.cancel()

    assert chunk.data == b"1\n"
    assert before <= chunk.read_at <= time.time_ns() < before + DEADLINE_SECS * 1_000_000_000


def test_standard_input_ends_when_its_writer_does(pipe: tuple[int, int]) -> None:
    _, writing = pipe
    os.write(writing, b"1\n")
    os.close(writing)

    assert [chunk.data for chunk in read_chunks("-")] == [b"1\n"]


def test_an_input_that_does_not_wait_is_refused_and_not_taken_for_its_end(pipe: tuple[int, int]) -> None:
    reading, _ = pipe
    os.set_blocking(reading, False)

    with pytest.raises(InputError, match="non-blocking"):
        list(read_chunks("-"))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match=str(path)):
            list(read_chunks(str(path)))
