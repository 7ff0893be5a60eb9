import sys
from pathlib import Path

import pytest
from mymonit_adapters.errors import SettingsError
from mymonit_adapters.formats import ENTRY_POINT_GROUP, find_format, format_names
from mymonit_adapters.formats.base import Record
from mymonit_adapters.formats.text import TextFormat
from mymonit_adapters.model import Chunk
from mymonit_adapters.table import Table

LABORATORY = """
from mymonit_adapters.formats.base import Format, Record

class OneByte(Format):
    summary = "One byte per reading."
    details = "Bytes from 0 to 255."

    def read(self, chunks, fields):
        number = 0
        for data, read_at in chunks:
            for number, byte in enumerate(data, number + 1):
                yield Record(number, number, read_at, bytes([byte]), [str(byte)] * len(fields))
"""


@pytest.fixture
def laboratory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package of somebody else's."""
    (tmp_path / "laboratory_formats.py").write_text(LABORATORY)
    information = tmp_path / "laboratory_formats-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: laboratory-formats\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "laboratory_formats", raising=False)
    return information / "entry_points.txt"


def test_text_is_built_in() -> None:
    assert "text" in format_names()
    assert find_format("text") is TextFormat


def test_a_format_that_nobody_has_installed_is_not_found() -> None:
    assert find_format("punched-cards") is None


def test_another_package_can_bring_a_format(laboratory: Path) -> None:
    laboratory.write_text(f"[{ENTRY_POINT_GROUP}]\none-byte = laboratory_formats:OneByte\n")

    kind = find_format("one-byte")

    assert "one-byte" in format_names()
    assert kind is not None
    assert list(kind(Table({})).read([Chunk(b"\x07", 1)], [1])) == [Record(1, 1, 1, b"\x07", ["7"])]


def test_another_package_cannot_replace_what_is_built_in(laboratory: Path) -> None:
    laboratory.write_text(f"[{ENTRY_POINT_GROUP}]\ntext = laboratory_formats:OneByte\n")

    assert find_format("text") is TextFormat


@pytest.mark.parametrize(
    "target", ["no_such_module:Format", "laboratory_formats:Missing", "laboratory_formats:Record"]
)
def test_a_broken_format_of_another_package_is_named_and_leaves_text_alone(laboratory: Path, target: str) -> None:
    laboratory.write_text(f"[{ENTRY_POINT_GROUP}]\nbroken = {target}\n")

    with pytest.raises(SettingsError, match="broken"):
        find_format("broken")
    assert find_format("text") is TextFormat
