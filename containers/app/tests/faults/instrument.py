"""The instrument: csv with a time in nanoseconds and a value in each row, and the configuration that says so."""

from collections.abc import Iterable
from pathlib import Path

from tests.faults.journal import EXPERIMENT, MEASURE, Reading

HEADER = "time,value\n"

_CONFIGURATION = """\
name = "{sensor}"
experiment = "{experiment}"
format = "csv"

[time]
field = "time"
format = "epoch-ns"

[[measures]]
field = "value"
measure = "{measure}"
sensor = "{sensor}"
"""


def configure(folder: Path, sensor: str) -> Path:
    file = folder / f"{sensor}.toml"
    text = _CONFIGURATION.format(sensor=sensor, experiment=EXPERIMENT, measure=MEASURE)
    file.write_text(text, encoding="utf-8")
    return file


def rows(some: Iterable[Reading]) -> str:
    """The shortest text of a value that reads back as the same double."""
    return "".join(f"{reading.time},{reading.value!r}\n" for reading in some)
