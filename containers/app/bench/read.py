"""How fast measures are read: the goals of reading, as ratios to what else could be done on the same machine.

Needs a running stack of one's own (`RATE_LIMIT=0` in its settings), with demonstration data:

    eval "$(./run.sh env)"; set -a; . ./.env; set +a; .local/venv/bin/python containers/app/bench/read.py --quick

What is compared is run alternately; a ratio is the median of the paired ratios, with the least and the greatest. The
experiment that it fills stays in the database. `curl`, `mariadb` and `wrk` must be installed; InfluxDB is held against
it where `influxd` is.
"""

import os
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import click
import mysql.connector
import read_peer
import requests

FIRST = 1_649_228_400 * 10**9
STEP = 25_000_000  # 40 measures a second
ROWS_PER_INSERT = 100_000
SCIENTIST = "S001"
#: Of the load under which small requests are compared.
CONNECTIONS, LOAD_SECS = 16, 4
ROOT = Path(__file__).parents[3]

Job = Callable[[], float]


class Goal(NamedTuple):
    title: str
    least: float
    job: Job
    against: Job
    #: The ratio is one of rates (measures per second), or of times, where less is better.
    of_times: bool = False


class Laboratory:
    """An experiment of one series of evenly spaced measures, each with three digits of milliseconds."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._database = mysql.connector.connect(
            host="127.0.0.1", port=int(os.environ["DB_PORT"]), user=os.environ["DB_ADMIN_USER"],
            password=os.environ["DB_ADMIN_PASSWORD"], database=os.environ["DB_DATABASE"], autocommit=True,
        )
        self._cursor = self._database.cursor()
        self.experiment_id = self._insert("INSERT INTO EXPERIMENTS (name) VALUES (%s)", f"bench-{uuid.uuid4().hex[:12]}")
        self._insert("INSERT INTO USER_EXPERIMENTS (user_id, experiment_id) VALUES (%s, %s)", SCIENTIST, self.experiment_id)
        self.series_id = self._insert(
            "INSERT INTO SERIES (experiment_id, measure_type_id, sensor) VALUES (%s, 1, 'left')", self.experiment_id
        )
        self._insert("INSERT INTO SERIES_COUNTS (series_id, measures) VALUES (%s, %s)", self.series_id, rows)
        self._fill()

    def _fill(self) -> None:
        for first in range(0, self.rows, ROWS_PER_INSERT):
            block = self._insert("INSERT INTO MEASURE_BLOCKS () VALUES ()")
            last = min(first + ROWS_PER_INSERT, self.rows)
            self._cursor.execute(
                "INSERT INTO MEASURES SELECT %s, %s + seq * %s, %s + seq, 20 + RAND(seq) * 10, 1649228400, 1 "
                f"FROM seq_{first}_to_{last - 1}", (self.series_id, FIRST, STEP, (block << 20) - first),
            )

    def _insert(self, sql: str, *parameters: object) -> int:
        self._cursor.execute(sql, parameters)
        return int(self._cursor.lastrowid or 0)

    def measures(self, rows: int) -> Iterator[tuple[str, str]]:
        """Times in nanoseconds and values, as the database writes them."""
        with tempfile.TemporaryFile("w+", encoding="ascii") as file:
            subprocess.run(self.client(rows), stdout=file, check=True, env=client_environment())
            file.seek(0)
            for line in file:
                moment, value = line.split()
                yield moment, value

    def client(self, rows: int) -> list[str]:
        """mariadb -q -B -N of the first of them."""
        sql = (
            f"SELECT time, value FROM MEASURES WHERE series_id = {self.series_id} "
            f"AND time < {FIRST + rows * STEP} ORDER BY time, measure_id"
        )
        return ["mariadb", "-h127.0.0.1", f"-P{os.environ['DB_PORT']}", f"-u{os.environ['DB_ADMIN_USER']}", "-q", "-B",
                "-N", os.environ["DB_DATABASE"], "-e", sql]


class Api:
    def __init__(self, experiment_id: int) -> None:
        self.token = subprocess.run(
            ["./run.sh", "token", SCIENTIST], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.strip()
        self.measures = f"{os.environ['MYMONIT_URL']}/measures/{experiment_id}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = os.environ["MYMONIT_CA"]
        self.session.headers["Authorization"] = f"Bearer {self.token}"

    def curl(self, query: str) -> list[str]:
        return ["curl", "-sS", "--fail", "--cacert", os.environ["MYMONIT_CA"], "-H", f"Authorization: Bearer {self.token}",
                f"{self.measures}{query}"]

    def under_load(self, url: str) -> Job:
        """The time for each request when there are always some under way, as wrk sees it."""
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{LOAD_SECS}s", "-H", f"Authorization: Bearer {self.token}", url]

        def job() -> float:
            shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            if "Non-2xx" in shown:
                raise click.ClickException(f"{url} was refused: is RATE_LIMIT=0 set?\n{shown}")
            return 1 / float(shown.partition("Requests/sec:")[2].split()[0])

        return job

    def first_byte(self, query: str) -> float:
        begun = time.perf_counter()
        with self.session.get(self.measures + query, stream=True, timeout=600) as answer:
            next(answer.iter_content(1))
            return time.perf_counter() - begun

    def pages(self, query: str) -> float:
        """Every page of JSON, one after the other."""
        begun = time.perf_counter()
        following = self.measures + query
        while following:
            with self.session.get(following, timeout=600, stream=True) as answer:
                answer.raise_for_status()
                answer.raw.read()  # at once, as curl does, and not in small pieces
                link = answer.links.get("next")
            following = os.environ["MYMONIT_URL"] + link["url"] if link else ""
        return time.perf_counter() - begun

    def halves(self, start: str, middle: str, end: str) -> float:
        """Every page of JSON of two ranges, both at a time, each one after the other."""
        begun = time.perf_counter()
        queries = [f"?order=asc&from={first}&to={last}&limit=10000" for first, last in ((start, middle), (middle, end))]
        with ThreadPoolExecutor(len(queries)) as clients:
            list(clients.map(self.pages, queries))
        return time.perf_counter() - begun


def client_environment() -> dict[str, str]:
    return {**os.environ, "MYSQL_PWD": os.environ["DB_ADMIN_PASSWORD"]}


def timed(command: Sequence[str]) -> Job:
    def job() -> float:
        with tempfile.TemporaryFile() as out:
            begun = time.perf_counter()
            subprocess.run(command, stdout=out, check=True, env=client_environment())
            return time.perf_counter() - begun

    return job


def fetched(api: Api, url: str, times: int) -> Job:
    def job() -> float:
        begun = time.perf_counter()
        for _ in range(times):
            api.session.get(url, timeout=60).raise_for_status()
        return (time.perf_counter() - begun) / times

    return job


def moment(measures: int) -> str:
    """When so many measures have been taken."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime((FIRST + measures * STEP) // 10**9))


def goals(api: Api, laboratory: Laboratory, rows: int) -> list[Goal]:
    to = moment(rows)
    some = f"?order=asc&to={to}"
    base = timed(laboratory.client(rows))
    csv = timed(api.curl(f"{some}&format=csv"))
    middle = moment(laboratory.rows // 2)
    own = f"{os.environ['MYMONIT_URL']}/users/me"
    constant = f"{os.environ['MYMONIT_URL']}/health/live"
    return [
        Goal("csv, against mariadb -q -B -N", 0.8, csv, base),
        Goal("ndjson, against mariadb -q -B -N", 0.8, timed(api.curl(f"{some}&format=ndjson")), base),
        Goal("JSON in pages of 10,000, against csv", 0.5, lambda: api.pages(f"{some}&limit=10000"), csv),
        Goal("the same, two halves of the range at a time", 0.5,
             lambda: api.halves(moment(0), moment(rows // 2), to), csv),
        Goal("Arrow, against csv", 1.0, timed(api.curl(f"{some}&format=arrow")), csv),
        Goal("a page of 1,000 in the middle, against the first page", 1.2,
             fetched(api, f"{api.measures}?to={middle}", 20), fetched(api, api.measures, 20), of_times=True),
        Goal("GET /users/me, against a constant route", 0.6, api.under_load(own), api.under_load(constant)),
    ]


def goals_of_peer(api: Api, rows: int, peer: read_peer.Peer) -> list[Goal]:
    to = moment(rows)
    some = timed(peer.curl("SELECT value FROM measures"))
    figures = timed(peer.curl(
        "SELECT count(value), min(value), max(value), mean(value) FROM measures "
        f"WHERE time >= {FIRST} AND time < {FIRST + rows * STEP} GROUP BY time(1m)"
    ))
    summary = timed(api.curl(f"/summary?every=PT1M&fn=count,min,max,mean&format=csv&to={to}"))
    return [
        Goal("csv, against InfluxDB", 1.0, timed(api.curl(f"?order=asc&to={to}&format=csv")), some),
        Goal("ndjson, against InfluxDB's csv", 1.0, timed(api.curl(f"?order=asc&to={to}&format=ndjson")), some),
        Goal("figures of every minute, against InfluxDB", 1.0, summary, figures),
    ]


def compare(goal: Goal, runs: int) -> None:
    pairs = [(goal.job(), goal.against()) for _ in range(runs)]
    ratios = sorted(job / against if goal.of_times else against / job for job, against in pairs)
    median = statistics.median(ratios)
    met = median <= goal.least if goal.of_times else median >= goal.least
    sign = "at most" if goal.of_times else "at least"
    own, other = (statistics.median(side) for side in zip(*pairs))
    click.echo(
        f"| {goal.title} | {sign} {goal.least} | **{median:.2f}** ({ratios[0]:.2f}–{ratios[-1]:.2f}) | "
        f"{'met' if met else 'missed'} | {own * 1000:.1f} ms, {other * 1000:.1f} ms |"
    )


def peaks_of_workers() -> list[float]:
    """MiB resident since each was started: of `mymonit rest` of this folder, without the process above them."""
    command = f"{ROOT}/.local/venv/bin/mymonit\0rest\0".encode()
    fields = {
        folder.name: dict(line.split(":", 1) for line in (folder / "status").read_text(encoding="utf-8").splitlines())
        for folder in Path("/proc").glob("[0-9]*")
        if (folder / "cmdline").read_bytes().endswith(command)
    }
    return [int(each["VmHWM"].split()[0]) / 1024 for each in fields.values() if each["PPid"].strip() in fields]


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Measures of each export.")
@click.option("--table", default=5_000_000, show_default=True, help="Measures in the experiment.")
@click.option("--runs", default=5, show_default=True, help="Interleaved runs of each pair.")
@click.option("--quick", is_flag=True, help="100,000 of 300,000 measures, three runs: shows that it works.")
def main(rows: int, table: int, runs: int, quick: bool) -> None:
    rows, table, runs = (100_000, 300_000, 3) if quick else (rows, max(rows, table), runs)
    laboratory = Laboratory(table)
    api = Api(laboratory.experiment_id)
    click.echo(f"{rows:,} measures of {table:,}, {runs} runs\n\n| what | goal | ratio (from – to) | | medians |")
    click.echo("| --- | --- | --- | --- | --- |")
    for goal in goals(api, laboratory, rows):
        compare(goal, runs)
    if read_peer.is_installed():
        with read_peer.running() as peer:
            peer.fill(laboratory.measures(rows))
            for goal in goals_of_peer(api, rows, peer):
                compare(goal, runs)
    for form in ("csv", "ndjson", "arrow"):
        seconds = [api.first_byte(f"?format={form}") for _ in range(runs)]
        click.echo(f"| first byte of {form} | at most 200 ms | {statistics.median(seconds) * 1000:.0f} ms | | |")
    peaks = ", ".join(f"{mib:.0f} MiB" for mib in peaks_of_workers())
    click.echo(f"| the most that each worker has taken | at most 150 MiB | {peaks} | | |")


if __name__ == "__main__":
    main()  # pylint: disable=no-value-for-parameter
