"""Every folder of examples/: what the instrument writes, and what is sent for it."""

import struct
from pathlib import Path

import pytest
from mymonit_adapters.checking import check
from mymonit_adapters.configuration import read_configuration
from mymonit_adapters.dry_run import dry_run
from mymonit_adapters.model import Chunk

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(path.parent.name for path in EXAMPLES.glob("*/expected.ndjson"))
REJECTED = {"furnace": 3, "gate": 2, "spectrometer": 2, "vibration-table": 3, "weather-station": 3}


def sent(folder: Path, data: bytes, tmp_path: Path) -> tuple[str, list[str]]:
    reports: list[str] = []
    with (tmp_path / "sent").open("w+", encoding="utf-8") as out:
        dry_run(read_configuration(folder / "config.toml"), [Chunk(data, 1)], out, reports.append)
        out.seek(0)
        return out.read(), reports


@pytest.mark.parametrize("name", FOLDERS)
def test_an_example_is_sent_as_it_says(name: str, tmp_path: Path) -> None:
    folder = EXAMPLES / name
    (given,) = folder.glob("input.*")

    written, reports = sent(folder, given.read_bytes(), tmp_path)

    assert written == (folder / "expected.ndjson").read_text(encoding="utf-8")
    assert f"rejected {REJECTED[name]}," in reports[-1]


@pytest.mark.parametrize("name", FOLDERS)
def test_check_tells_what_would_be_sent_and_what_not(name: str) -> None:
    reports: list[str] = []
    (given,) = (EXAMPLES / name).glob("input.*")

    assert not check(EXAMPLES / name / "config.toml", given, reports.append)
    assert any(line.startswith("would send: {") for line in reports)
    assert f"rejected {REJECTED[name]}," in reports[-1]


def test_a_format_of_a_laboratorys_own_is_a_folder_to_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = EXAMPLES / "own-format"
    information = tmp_path / "our_formats-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: our-formats\nVersion: 1.0\n")
    entry_point = "[mymonit_adapters.formats]\nour-counter = our_formats:CounterFormat\n"
    (information / "entry_points.txt").write_text(entry_point)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(folder))

    data = struct.pack(">IIII", 1_649_228_400, 7, 1_649_228_401, 0)
    written, reports = sent(folder, data, tmp_path)

    assert written == '{"experiment":"black-holes","measure":"becquerel","value":7.0,"timestamp":1649228400}\n'
    assert reports == ["record 2: a count below 1", "would send 1, rejected 1, missing 0"]
