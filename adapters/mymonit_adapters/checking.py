"""Finds mistakes in a configuration before they cost data."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from mymonit_adapters.configuration import read_configuration
from mymonit_adapters.errors import SettingsError
from mymonit_adapters.instrument import Instrument
from mymonit_adapters.messages import element
from mymonit_adapters.model import Chunk, Reading, Series
from mymonit_adapters.times import LATEST, NANOSECONDS

CHUNK_BYTES = 65_536
SHOWN = 5  # of each kind of what is found
MAX_FUTURE_SECS = 86_400  # the server's default

Report = Callable[[str], None]


def check(path: Path, sample: Path | None, report: Report) -> bool:
    """Reports what is wrong, and with a sample what would be sent; whether all is well."""
    try:
        instrument = read_configuration(path)
    except SettingsError as error:
        report(str(error))
        return False
    report(f"{path}: no mistake found in the configuration of {instrument.name}")
    if sample is None:
        return True
    try:
        return _check_sample(instrument, _chunks(sample), report)
    except OSError as error:
        report(f"cannot read {sample}: {error.strerror}")
        return False


def quarantine_reason(reading: Reading, *, latest: int) -> str | None:
    """Why the server would not store this, in its words; names and units that are not there only the server knows."""
    if not math.isfinite(reading.value):
        return "non_finite"
    if not 0 <= reading.time <= min(latest, LATEST):
        return "bad_timestamp"
    try:
        series = reading.series
        Series(experiment=series.experiment, measure=series.measure, sensor=series.sensor, unit=series.unit)
    except ValueError:
        return "bad_string"
    return None


def _check_sample(instrument: Instrument, chunks: Iterator[Chunk], report: Report) -> bool:
    found: Counter[str] = Counter()

    def tell(kind: str, text: str) -> None:
        found[kind] += 1
        if found[kind] <= SHOWN:
            report(f"{kind}: {text}")

    latest = time.time_ns() + MAX_FUTURE_SECS * NANOSECONDS
    missing = 0
    for entry in instrument.entries(chunks):
        missing += entry.missing
        for reject in entry.rejects:
            tell("rejected", f"record {reject.number}: {reject.reason}")
        for reading in entry.readings:
            reason = quarantine_reason(reading, latest=latest)
            if reason is None:
                tell("would send", element(reading))
            else:
                tell("quarantined", f"record {entry.number}: {reason}: {element(reading)}")
    counts = ", ".join(f"{kind} {found[kind]}" for kind in ("would send", "quarantined", "rejected"))
    report(f"{counts}, missing {missing}")
    return found["would send"] > 0 and found["quarantined"] == found["rejected"] == 0


def _chunks(sample: Path) -> Iterator[Chunk]:
    with sample.open("rb") as stream:
        while data := stream.read(CHUNK_BYTES):
            yield Chunk(data, time.time_ns())
