import time
from collections.abc import Callable

from mymonit_adapters.intake import Intake
from mymonit_adapters.outbox import POLL_SECS
from mymonit_adapters.progress import Progress
from mymonit_adapters.publishing import Publisher
from mymonit_adapters.signals import StopRequest
from mymonit_adapters.spool import Spool
from mymonit_adapters.summary import Summary


def transfer(
    intake: Intake,
    *,
    summary: Summary,
    spool: Spool,
    publisher: Publisher,
    stop: StopRequest,
    wait_secs: float,
    report: Callable[[str], None],
) -> Summary:
    """Reads and publishes until the input ends, a stop is asked for or the publisher gives up; then waits for the
    broker's confirmations."""
    progress = Progress(report)
    intake.start()
    while intake.is_alive() and not stop.made() and publisher.failure is None:
        intake.join(POLL_SECS)
        progress.show(intake.work, f"read {summary.numbers}, confirmed {spool.confirmed}")
    progress.finish()
    deadline = time.monotonic() + wait_secs
    if stop.made():
        report(f"stopping: waiting at most {wait_secs:g} s for confirmations; a second signal ends that too")
        while intake.is_alive() and not intake.waits and not stop.repeated() and time.monotonic() < deadline:
            intake.join(POLL_SECS)
    publisher.drain(timeout_secs=max(0.0, deadline - time.monotonic()), given_up=stop.repeated)
    publisher.close()
    summary.confirmed, summary.kept = spool.confirmed, spool.waiting
    summary.error = intake.error or publisher.failure
    if spool.waiting:
        report(f"{spool.waiting_measures()} measures are not confirmed; the next start sends them from {spool.path}")
    return summary
