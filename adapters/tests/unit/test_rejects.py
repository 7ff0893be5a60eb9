import base64
import json
from pathlib import Path

import pytest
from mymonit_adapters.errors import SpoolError
from mymonit_adapters.model import Reject
from mymonit_adapters.rejects import RejectsFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rejects.ndjson"


def reject(number: int, *, raw: bytes = b"abc") -> Reject:
    return Reject(number, "not a number", raw)


def write(rejects: RejectsFile, *written: Reject) -> None:
    rejects.write(written, source="/data/a.csv", input_id="a")


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_reject_is_kept_with_its_position_its_reason_and_the_raw_text(path: Path) -> None:
    write(RejectsFile(path), reject(4, raw='"ü\n\x1b'.encode()))

    assert lines(path) == [
        {"source": "/data/a.csv", "number": 4, "reason": "not a number", "raw": '"ü\n\x1b', "input": "a"}
    ]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_no_text_is_kept_byte_for_byte(path: Path) -> None:
    write(RejectsFile(path), reject(1, raw=b"\xff\x00"))

    (line,) = lines(path)
    assert base64.b64decode(line["raw_base64"]) == b"\xff\x00"


def test_without_rejects_there_is_no_file(path: Path) -> None:
    write(RejectsFile(path))

    assert not path.exists()


def test_what_is_read_again_after_a_crash_is_not_written_again(path: Path) -> None:
    write(RejectsFile(path), reject(1), reject(5), reject(5), reject(7))
    again = RejectsFile(path)

    again.resume("a", records=1)  # up to which the position was kept
    write(again, reject(5), reject(5), reject(7), reject(8))

    assert [line["number"] for line in lines(path)] == [1, 5, 5, 7, 8]


def test_another_input_has_records_with_the_same_numbers(path: Path) -> None:
    write(RejectsFile(path), reject(1))
    again = RejectsFile(path)

    again.resume("b", records=0)
    write(again, reject(1))

    assert len(lines(path)) == 2


def test_a_line_that_a_crash_has_cut_off_is_written_anew(path: Path) -> None:
    write(RejectsFile(path), reject(1), reject(2))
    path.write_bytes(path.read_bytes()[:-20])
    again = RejectsFile(path)

    again.resume("a", records=0)
    write(again, reject(1), reject(2))

    assert [line["number"] for line in lines(path)] == [1, 2]


def test_what_people_have_made_of_the_file_does_no_harm(path: Path) -> None:
    path.write_text("a note\n[1]\n")
    rejects = RejectsFile(path)

    rejects.resume("a", records=0)
    write(rejects, reject(1))

    assert path.read_text().startswith("a note\n[1]\n{")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="rejects"):
        write(RejectsFile(tmp_path / "missing" / "rejects"), reject(1))
