from collections.abc import Callable, Iterable
from typing import TextIO

from mymonit_adapters.instrument import Instrument
from mymonit_adapters.messages import element
from mymonit_adapters.model import Chunk


def dry_run(instrument: Instrument, chunks: Iterable[Chunk], out: TextIO, report: Callable[[str], None]) -> bool:
    """Writes the elements of the messages that would be sent, one a line; whether nothing was rejected."""
    sent = rejected = missing = 0
    for entry in instrument.entries(chunks):
        for reading in entry.readings:
            out.write(element(reading) + "\n")
        for reject in entry.rejects:
            report(f"record {reject.number}: {reject.reason}")
        sent, rejected, missing = sent + len(entry.readings), rejected + len(entry.rejects), missing + entry.missing
    report(f"would send {sent}, rejected {rejected}, missing {missing}")
    return rejected == 0
