"""How fast the listener is, as ratios of one run: against a bare consumer, a bare insert, and itself."""

import math
import os
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import click
from ingest_consumers import ACK_EVERY, Note, Progress, consume, insert, listen, start
from ingest_servers import Bodies, Servers, cpu_of, cpu_of_all, server_at
from ingest_long import grow, remember_memory

from my_monit.storage.connector import Session

ARRAY = 1000
#: Messages of a batch, and half of what a listener holds. A batch of arrays is no larger by itself, for it is bounded
#: by its elements, but then one listener would hold all that there is.
SINGLES_BATCH, ARRAYS_BATCH = 4000, 50
#: Percent of the machine's CPU that others may take before a run says nothing of ours.
QUIET_PERCENT = 10


class Result(NamedTuple):
    """Measures per second, and microseconds of CPU for each: of our processes, of the database, of the broker.

    `foreign` is the share of the machine's CPU that everything else took, in percent.
    """

    rate: float
    client: float
    database: float
    broker: float
    foreign: float


@dataclass
class Bench:
    servers: Servers
    administrator: Session
    singles: Bodies
    arrays: Bodies

    def __post_init__(self) -> None:
        self.administrator.execute("CREATE TABLE BARE LIKE MEASURES")
        self.administrator.execute(f"GRANT INSERT ON BARE TO `{self.servers.storage.user}`@'%'")
        self._database = server_at(self.servers.storage.port)
        self._broker = server_at(self.servers.rabbit.address[1])

    def listener(self, bodies: Bodies, *, with_ids: bool = True, processes: int = 1) -> Result:
        bodies.publish(self.servers, self.servers.rabbit.queue, with_ids=with_ids)
        return self._timed(bodies.measures, processes, listen, SINGLES_BATCH if bodies is self.singles else ARRAYS_BATCH)

    def bare_consumer(self) -> Result:
        self.singles.publish(self.servers, self.servers.rabbit.queue)
        return self._timed(self.singles.measures, 1, consume)

    def bare_insert(self) -> Result:
        return self._timed(self.arrays.measures, 1, insert, self.arrays.measures)

    def _timed(self, measures: int, processes: int, work: Callable[..., None], *arguments: object) -> Result:
        progress = Progress(measures)
        began, before = time.monotonic(), self._used()
        started = [start(work, progress, *arguments) for _ in range(processes)]
        notes = progress.reports(started)
        ours, database, broker, everything = (now - then for then, now in zip(before, self._used(), strict=True))
        foreign = (everything - ours - database - broker) / (time.monotonic() - began) / (os.cpu_count() or 1) * 100
        return Result(_rate(notes), _cpu(notes), database / measures * 1e6, broker / measures * 1e6, foreign)

    def _used(self) -> tuple[float, float, float, float]:
        own = sum(os.times()[:4])  # with those of its processes that have ended
        return own, cpu_of(self._database), cpu_of(self._broker), cpu_of_all()


def _rate(notes: list[list[Note]]) -> float:
    """From the end of the first batch of any process to the end of the last."""
    first, *others = sorted(note for mine in notes for note in mine)
    return sum(note.measures for note in others) / (others[-1].at - first.at)


def _cpu(notes: list[list[Note]]) -> float:
    busy = [mine for mine in notes if len(mine) > 1]
    used = sum(mine[-1].cpu - mine[0].cpu for mine in busy)
    return used / sum(note.measures for mine in busy for note in mine[1:]) * 1e6


SINGLE, BARE, SINGLE_NO_IDS = "single messages", "a bare consumer of these", "single messages without ids"
ARRAYS, INSERT, ARRAYS_NO_IDS, TWO = "arrays", "bare inserts of 10,000 rows", "arrays without ids", "arrays, 2 listeners"

RATIOS = (
    ("single messages / bare consumer", SINGLE, BARE, "≥ 0.75"),
    ("arrays / fastest safe insert", ARRAYS, INSERT, "≥ 0.85"),
    ("arrays, two listeners / one", TWO, ARRAYS, "≥ 1"),
    ("upkeep of ids, single messages: without / with", SINGLE_NO_IDS, SINGLE, "≤ 1.25"),
    ("upkeep of ids, arrays: without / with", ARRAYS_NO_IDS, ARRAYS, "≤ 1.25"),
)


def compare(bench: Bench, runs: int) -> dict[str, list[Result]]:
    """Interleaved: whatever else the machine does falls upon all of them alike."""
    cases: dict[str, Callable[[], Result]] = {
        SINGLE: lambda: bench.listener(bench.singles),
        BARE: bench.bare_consumer,
        SINGLE_NO_IDS: lambda: bench.listener(bench.singles, with_ids=False),
        ARRAYS: lambda: bench.listener(bench.arrays),
        INSERT: bench.bare_insert,
        ARRAYS_NO_IDS: lambda: bench.listener(bench.arrays, with_ids=False),
        TWO: lambda: bench.listener(bench.arrays, processes=2),
    }
    results: dict[str, list[Result]] = {name: [] for name in cases}
    for run in range(runs):
        for name in random.sample(list(cases), len(cases)):
            results[name].append(cases[name]())
            say(f"run {run + 1} of {runs}: {name}: {results[name][-1].rate:,.0f} measures/s")
    return results


def say(text: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)


def spread(values: list[float], form: str) -> str:
    """The median, and the middle half of them."""
    if any(map(math.isnan, values)):
        return "–"
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:{form}} ({low:{form}}–{high:{form}})"


def print_tables(results: dict[str, list[Result]]) -> None:
    click.echo("| ratio | median (middle half) | goal |\n| --- | --- | --- |")
    for title, upper, lower, goal in RATIOS:
        ratios = [one.rate / base.rate for one, base in zip(results[upper], results[lower], strict=True)]
        click.echo(f"| {title} | {spread(ratios, '.2f')} | {goal} |")
    click.echo("\n| per measure | measures/s | CPU µs: client | database | broker | others' share of the machine, % |")
    click.echo("| --- | --- | --- | --- | --- | --- |")
    for name, measured in results.items():
        parts = " | ".join(spread([getattr(one, part) for one in measured], ".1f") for part in Result._fields[1:])
        click.echo(f"| {name} | {spread([one.rate for one in measured], ',.0f')} | {parts} |")


def warn_of_others(results: dict[str, list[Result]]) -> None:
    """Unknown where a server is not seen: then nothing is said."""
    shares = [one.foreign for measured in results.values() for one in measured]
    if statistics.median(shares) > QUIET_PERCENT:
        say("the machine was busy with other things: these rates and ratios are not to be trusted, CPU hardly")


@click.command()
@click.option("--runs", default=5, show_default=True, type=click.IntRange(min=2), help="Interleaved runs of each case.")
@click.option("--singles", default=80_000, show_default=True, type=click.IntRange(min=2 * SINGLES_BATCH),
              help=f"Messages of one measure in a run; a multiple of {ACK_EVERY}.")
@click.option("--arrays", default=1000, show_default=True, type=click.IntRange(min=3 * ARRAYS_BATCH),
              help=f"Messages of {ARRAY:,} measures in a run.")
@click.option("--quick", is_flag=True, help="A smoke run: says that it works, not how fast.")
@click.option("--growth", is_flag=True, help="Instead: what a measure costs as the table grows. Long.")
@click.option("--memory", is_flag=True, help="Instead: the listener's memory over many messages. Long.")
@click.option("--rows", default=50_000_000, show_default=True, type=click.IntRange(min=1_000_000),
              help="Measures of --growth.")
@click.option("--messages", default=10_000_000, show_default=True, type=click.IntRange(min=100_000),
              help="Messages of --memory.")
def main(
    runs: int, singles: int, arrays: int, quick: bool, growth: bool, memory: bool, rows: int, messages: int
) -> None:
    """Measure the ingest lane on the servers of the environment, as ./run-infra.sh prints it."""
    if quick:
        runs, singles, arrays = 2, 3 * SINGLES_BATCH, 3 * ARRAYS_BATCH
    servers = Servers()
    with servers.rooms() as administrator:
        if growth:
            grow(rows)
        elif memory:
            remember_memory(servers, messages)
        else:
            bench = Bench(
                servers, administrator, Bodies(singles // ACK_EVERY * ACK_EVERY, 0), Bodies(arrays, ARRAY)
            )
            results = compare(bench, runs)
            version = administrator.rows("SELECT VERSION()")[0][0]
            click.echo(f"{version}, {runs} runs, {singles:,} single messages, {arrays:,} arrays of {ARRAY:,}\n")
            print_tables(results)
            warn_of_others(results)


if __name__ == "__main__":
    main()  # pylint: disable=no-value-for-parameter
