"""What shows only after many millions: the cost of a measure as the table grows, and the listener's memory."""

import random
import statistics
import time
from pathlib import Path

import click
import msgspec
from ingest_consumers import Progress, listen, start
from ingest_servers import EXPERIMENT, SENSORS, Bodies, Servers

from my_monit.model import Message
from my_monit.wiring import Container

#: Measures of a message, messages of a batch, and measures between two lines of --growth.
ARRAY, BATCH, STEP = 1000, 50, 1_000_000
#: Which share of the messages comes late, as an adapter's spool does after an outage: from any time that the table has.
LATE_SHARE, FIRST = 0.1, 1_500_000_000
#: Messages that may wait in the queue, and lines that are printed.
WAITING, LINES = 100_000, 40


def grow(rows: int) -> None:
    """Through the ingest service itself, so that the broker's part does not hide the table's."""
    container = Container()
    ingestion = container.ingestion_service()
    click.echo("| million measures | µs for each | of the first |\n| --- | --- | --- |")
    first = 0.0
    for done in range(0, rows, STEP):
        costs = []
        for start_ in range(done, done + STEP, ARRAY * BATCH):
            batch = [_message(number) for number in range(start_, start_ + ARRAY * BATCH, ARRAY)]
            begun = time.perf_counter()
            ingestion.store(batch)
            costs.append((time.perf_counter() - begun) / ARRAY / BATCH * 1e6)
        cost = statistics.median(costs)
        first = first or cost
        click.echo(f"| {(done + STEP) // 1_000_000} | {cost:.2f} | {cost / first:.2f} |")
    container.storage().close()


def _message(start_: int) -> Message:
    pick = random.Random(start_)
    late = pick.randrange(start_ // SENSORS + 1) if pick.random() < LATE_SHARE else 0
    readings = [
        {
            "experiment": EXPERIMENT, "measure": "hertz", "value": round(pick.random() * 100, 3),
            "timestamp": FIRST + number // SENSORS - late, "sensor": f"sensor-{number % SENSORS}",
        }
        for number in range(start_, start_ + ARRAY)
    ]
    return Message(
        body=msgspec.json.encode(readings), routing_key="measures", message_id=b"%d" % start_, user_id=b"bench",
        content_type=None, content_encoding=None, type=None, headers=lambda: "{}",
    )


def remember_memory(servers: Servers, messages: int) -> None:
    """Publishes single messages no faster than they are stored, and looks at the listener's resident memory."""
    step = max(1000, messages // LINES)
    bodies = Bodies(min(step, WAITING), 0)
    progress = Progress(messages // bodies.measures * bodies.measures, timed=False)
    listener = start(listen, progress, 1000)
    click.echo("| messages stored | MiB resident |\n| --- | --- |")
    shown = 0
    for sent in range(bodies.measures, progress.total + 1, bodies.measures):
        bodies.publish(servers, servers.rabbit.queue, wait=False)
        while sent - progress.done > WAITING:
            time.sleep(0.1)
        if sent - shown >= step:
            shown = sent
            click.echo(f"| {progress.done:,} | {_resident(listener.pid)} |")
    _drain(servers)
    progress.finished.set()
    click.echo(f"| {progress.done:,} | {_resident(listener.pid)} |")
    progress.reports([listener])


def _drain(servers: Servers) -> None:
    """Nothing is confirmed, for speed, so the broker may have got a little less than was sent."""
    with servers.publishing() as channel:
        while channel.queue_declare(servers.rabbit.queue, passive=True).method.message_count:
            channel.connection.process_data_events(time_limit=0.5)


def _resident(process: int | None) -> int:
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024
