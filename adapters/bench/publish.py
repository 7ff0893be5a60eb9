"""The adapter against a bare Pika publisher with pipelined confirms that has its messages in memory.

    python bench/publish.py [--quick | --memory]

A RabbitMQ of its own is started (Debian's rabbitmq-server), with TLS and a durable quorum queue. Each run is a process
of its own, timed from before its connection to the last confirm. The runs of both are interleaved; the table shows
medians, and the ratio of the adapter's rate to that of the bare publisher. CPU is that of the publishing process.
The adapter does more: it reads and checks what the instrument wrote, and syncs what it sends to the disk first.
"bare one each": the bare publisher sends the measures as single messages, where the adapter packs them into arrays.
--memory: instead, the most that an adapter's process took for a short file and for a long one.
"""

import argparse
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ADAPTERS = Path(__file__).parents[1]
sys.path[:0] = [str(ADAPTERS), str(ADAPTERS / "tests" / "integration"), str(ADAPTERS / "bench")]

# pylint: disable=wrong-import-position
from bare import BarePublisher
from mymonit_adapters.configuration import parse_configuration
from mymonit_adapters.instrument import Instrument
from mymonit_adapters.messages import Message, MessageWriter
from mymonit_adapters.model import Chunk
from mymonit_adapters.rabbit import RabbitPublisher
from mymonit_adapters.run import run
from mymonit_adapters.settings import Broker, SpoolSettings, read_settings
from mymonit_adapters.spool import Spool
from queue_reader import QueueReader, channel_of
from rabbit_server import ADAPTER, EXCHANGE, EXPERIMENT, QUEUE, READER, running_rabbit

RUNS, QUICK_RUNS = 5, 3
ROWS, QUICK_ROWS = 300_000, 50_000
ONE_EACH, QUICK_ONE_EACH = 100_000, 10_000
SINGLES, QUICK_SINGLES = 30_000, 5_000
SHORT_FILE, LONG_FILE = 100_000, 10_000_000
MIB = 1 << 20
WAIT_SECS = 600.0

CONFIGURATION = f"""
name = "bench"
format = "csv"
experiment = "{EXPERIMENT}"
[time]
field = "t"
format = "epoch-s"
[[measures]]
field = "v"
measure = "hertz"
"""


class Result(NamedTuple):
    secs: float
    cpu_secs: float
    peak_mib: int


def file_to_confirmed(broker: dict[str, str], folder: Path) -> Result:
    settings = SpoolSettings(folder=Path(tempfile.mkdtemp(dir=folder)), keep_secs=0, max_bytes=1_024 * MIB)

    def work() -> None:
        summary = run(
            instrument(),
            str(folder / "rows.csv"),
            follow=False,
            broker=read_settings(broker),
            spool_settings=settings,
            rejects=None,
            wait_secs=WAIT_SECS,
            report=print,
        )
        assert summary.all_well, summary

    return timed(work)


def arrays_bare(broker: dict[str, str], folder: Path) -> Result:
    messages = arrays(folder / "rows.csv")
    return timed(lambda: BarePublisher(read_settings(broker), messages).run())


def spooled_arrays_to_confirmed(broker: dict[str, str], folder: Path) -> Result:
    return spool_to_confirmed(broker, folder, arrays(folder / "rows.csv"))


def spooled_singles_to_confirmed(broker: dict[str, str], folder: Path) -> Result:
    return spool_to_confirmed(broker, folder, singles(folder / "rows.csv"))


def spool_to_confirmed(broker: dict[str, str], folder: Path, messages: list[Message]) -> Result:
    spool = Spool(Path(tempfile.mkdtemp(dir=folder)) / "spool-1.sqlite", max_bytes=1_024 * MIB, keep_secs=0)
    spool.commit(messages, None)
    return timed(lambda: drain(read_settings(broker), spool))


def singles_bare(broker: dict[str, str], folder: Path) -> Result:
    messages = singles(folder / "rows.csv")
    return timed(lambda: BarePublisher(read_settings(broker), messages).run())


def drain(broker: Broker, spool: Spool) -> None:
    publisher = RabbitPublisher(broker, spool, report=print)
    publisher.drain(timeout_secs=WAIT_SECS, given_up=lambda: False)
    publisher.close()
    assert spool.waiting == 0


def timed(work: Callable[[], None]) -> Result:
    began, cpu = time.perf_counter(), time.process_time()
    work()
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # which is in KiB
    return Result(time.perf_counter() - began, time.process_time() - cpu, peak_mib)


def instrument() -> Instrument:
    return parse_configuration(CONFIGURATION)


def arrays(path: Path) -> list[Message]:
    writer = MessageWriter(routing="measures")
    for entry in instrument().entries([Chunk(path.read_bytes(), 0)]):
        writer.add(entry.readings)
    return writer.finish()


def singles(path: Path) -> list[Message]:
    """One measure each, as an instrument's lines are that come one by one."""
    writer = MessageWriter(routing="measures")
    messages: list[Message] = []
    for entry in instrument().entries([Chunk(path.read_bytes(), 0)]):
        writer.add(entry.readings)
        messages += writer.finish()
    return messages


class Comparison(NamedTuple):
    what: str
    measures: int
    bare: Callable[[dict[str, str], Path], Result]
    adapter: Callable[[dict[str, str], Path], Result]


def compare(comparison: Comparison, runs: int, broker: dict[str, str], empty: Callable[[], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_rows(Path(folder) / "rows.csv", comparison.measures)
        results: dict[str, list[Result]] = {"bare": [], "adapter": []}
        for _ in range(runs):
            for name, function in (("bare", comparison.bare), ("adapter", comparison.adapter)):
                results[name].append(in_a_process(function, broker, Path(folder)))
                empty()
    show(comparison, results)


def show_memory(broker: dict[str, str], empty: Callable[[], None]) -> None:
    for rows in (SHORT_FILE, LONG_FILE):
        with tempfile.TemporaryDirectory() as folder:
            write_rows(Path(folder) / "rows.csv", rows)
            result = in_a_process(file_to_confirmed, broker, Path(folder))
            empty()
        print(f"csv file of {rows:10,} measures to confirmed: {result.peak_mib} MiB at most", flush=True)


def in_a_process(function: Callable[..., Result], *arguments: object) -> Result:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def write_rows(path: Path, rows: int) -> None:
    with path.open("w", encoding="ascii") as file:
        file.write("t,v\n")
        file.writelines(f"{1_649_228_400 + row}.{row % 1000:03d},{row / 7!r}\n" for row in range(rows))


def show(comparison: Comparison, results: dict[str, list[Result]]) -> None:
    rates = {name: statistics.median(comparison.measures / each.secs for each in of) for name, of in results.items()}
    cpu = {
        name: statistics.median(1e6 * each.cpu_secs / comparison.measures for each in of) for name, of in results.items()
    }
    for name, rate in rates.items():
        print(
            f"{comparison.what:38} {name:8} {rate:10,.0f} measures/s {cpu[name]:7.2f} us CPU/measure"
            f" {rate / rates['bare']:6.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs: whether it works, not how fast")
    parser.add_argument("--memory", action="store_true", help=f"of {SHORT_FILE:,} and {LONG_FILE:,} measures")
    options = parser.parse_args()
    quick = options.quick
    rows, each, few = (QUICK_ROWS, QUICK_ONE_EACH, QUICK_SINGLES) if quick else (ROWS, ONE_EACH, SINGLES)
    comparisons = [
        Comparison("csv file to confirmed, bare one each", each, singles_bare, file_to_confirmed),
        Comparison("csv file to confirmed, arrays", rows, arrays_bare, file_to_confirmed),
        Comparison("spool to confirmed, arrays", rows, arrays_bare, spooled_arrays_to_confirmed),
        Comparison("spool to confirmed, single measures", few, singles_bare, spooled_singles_to_confirmed),
    ]
    with tempfile.TemporaryDirectory() as folder, running_rabbit(Path(folder)) as server:
        with channel_of(server.account(READER)) as channel:
            queue = QueueReader(channel, exchange=EXCHANGE, queue=QUEUE)
            environment = server.account(ADAPTER).environment()
            if options.memory:
                return show_memory(environment, queue.purge)
            for comparison in comparisons:
                compare(comparison, QUICK_RUNS if quick else RUNS, environment, queue.purge)


if __name__ == "__main__":
    main()
