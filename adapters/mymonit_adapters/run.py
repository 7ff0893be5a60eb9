import math
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mymonit_adapters.committing import Committer
from mymonit_adapters.instrument import Instrument
from mymonit_adapters.intake import Intake
from mymonit_adapters.journal import Journal
from mymonit_adapters.messages import MessageWriter
from mymonit_adapters.rabbit import RabbitPublisher
from mymonit_adapters.rejects import RejectsFile
from mymonit_adapters.resend import Kept, Period
from mymonit_adapters.settings import Broker, SpoolSettings
from mymonit_adapters.signals import stop_on_signals
from mymonit_adapters.source import open_source
from mymonit_adapters.spool_folder import open_spool, spool_files
from mymonit_adapters.summary import Summary
from mymonit_adapters.transfer import transfer

REJECTS = "rejects.ndjson"


def run(
    instrument: Instrument,
    file: str,
    *,
    follow: bool,
    broker: Broker,
    spool_settings: SpoolSettings,
    rejects: Path | None,
    wait_secs: float,
    report: Callable[[str], None],
) -> Summary:
    """Raises SpoolError."""
    folder = spool_settings.folder / instrument.name
    with open_spool(folder, settings=spool_settings, report=report) as spool, stop_on_signals() as stop:
        journal = Journal(spool, report=report)
        publisher = RabbitPublisher(broker, spool, report=report)
        committer = Committer(
            writer=MessageWriter(routing=broker.routing),
            spool=spool,
            rejects=RejectsFile(rejects or folder / REJECTS),
            committed=publisher.wake,
            report=report,
        )
        intake = Intake(
            open_source(file, follow=follow, journal=journal, report=report),
            reader=instrument,
            journal=journal,
            committer=committer,
            stop=stop,
        )
        return transfer(
            intake,
            summary=committer.summary,
            spool=spool,
            publisher=publisher,
            stop=stop,
            wait_secs=wait_secs,
            report=report,
        )


def resend(
    folder: Path, period: Period, *, broker: Broker, summary: Summary, report: Callable[[str], None]
) -> None:
    """All that was kept of the period in one instrument's folder, until it is confirmed or a signal comes."""
    with stop_on_signals() as stop:
        for path in spool_files(folder):
            with closing(Kept(path, period)) as kept:
                if kept.pruned_before:
                    report(f"{path} no longer has what the broker confirmed before {kept.pruned_before}")
                if summary.error is None and not stop.made():
                    publisher = RabbitPublisher(broker, kept, report=report)
                    publisher.drain(timeout_secs=math.inf, given_up=stop.made)
                    publisher.close()
                    summary.error = publisher.failure
                summary.numbers += kept.all_measures
                summary.confirmed += kept.measures
