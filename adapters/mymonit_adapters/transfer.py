import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mymonit_adapters.errors import PublishingFailed, PublishingStopped
from mymonit_adapters.messages import MessageWriter
from mymonit_adapters.model import Entry
from mymonit_adapters.outstanding import POLL_SECS
from mymonit_adapters.publishing import Publisher
from mymonit_adapters.signals import StopRequest


@dataclass(slots=True, kw_only=True)
class Summary:
    numbers: int = 0
    rejected: int = 0
    confirmed: int = 0
    error: Exception | None = None

    def __str__(self) -> str:
        return (
            f"read {self.numbers + self.rejected}, confirmed {self.confirmed}, "
            f"not confirmed {self.numbers - self.confirmed}, rejected {self.rejected}"
        )

    @property
    def all_well(self) -> bool:
        return self.error is None and self.rejected == 0 and self.confirmed == self.numbers


def transfer(
    items: Iterable[Entry],
    *,
    writer: MessageWriter,
    publisher: Publisher,
    stop: StopRequest,
    wait_secs: float,
    report: Callable[[str], None],
) -> Summary:
    """Publishes until the input ends, a stop is asked for or the publisher gives up, then waits for confirmations."""
    summary = Summary()

    def take(entry: Entry) -> None:
        for reject in entry.rejects:
            summary.rejected += 1
            report(f"line {reject.number}: {reject.reason}")
        for reading in entry.readings:
            summary.numbers += 1
            publisher.submit(writer.write(reading))

    pump = _Pump(items, take, stop)
    pump.start()
    while pump.is_alive() and not stop.made() and publisher.failure is None:
        pump.join(POLL_SECS)
    if stop.made():
        report(f"stopping: waiting at most {wait_secs:g} s for confirmations; a second signal ends that too")
    publisher.drain(timeout_secs=wait_secs, given_up=stop.repeated)
    publisher.close()
    summary.confirmed = publisher.confirmed
    summary.error = pump.error or publisher.failure
    return summary


class _Pump(threading.Thread):
    """A thread of its own, and a daemon: a read that waits for the instrument can be left, but not ended."""

    def __init__(
        self, items: Iterable[Entry], take: Callable[[Entry], None], stop: StopRequest
    ) -> None:
        super().__init__(name="pump", daemon=True)
        self._items = items
        self._take = take
        self._stop_request = stop
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            for item in self._items:
                if self._stop_request.made():
                    return  # the same signal may have cut the instrument's program off in the middle of this line
                self._take(item)
        except (PublishingFailed, PublishingStopped):
            pass  # the publisher knows
        except Exception as error:  # pylint: disable=broad-exception-caught  # the main thread deals with it
            self.error = error
