"""Which clustering of the table MEASURES reads and writes best? Needs a MariaDB or MySQL server, nothing of my_monit.

Run it with a buffer pool smaller than one table (about 60 bytes a row), otherwise the disk plays no part.
Everything is interleaved, and only the ratios to layout B mean something on a shared machine.
"""

import os
import random
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click
import mysql.connector

NS = 1_000_000_000
DAY = 86_400 * NS
FIRST = 1_640_995_200 * NS  # 2022-01-01, four years follow
SPAN = 4 * 365 * DAY
SERIES = 50
SLOWEST = 1_000  # the busiest series is this many times as frequent as the rarest
LATE_SHARE = 0.1
LATE_AT_LEAST, LATE_MEAN = DAY // 24, DAY
PAUSE_AT, PAUSE_LENGTH = 0.7, 0.05  # of the rows, of the span: the experiment stands still once
ENDS_AT = 0.6  # of the rows: then every tenth series has ended for good

BATCH = 10_000  # rows of one INSERT and one commit
CHUNK = 10_000  # rows that a stream holds at once
TIMED_SHARE = 0.1  # inserts are timed one by one in the first and the last tenth, and run side by side in between

INITIAL_WIDTH = 60 * NS
MAX_GROWTH = 16
SURPLUS = 1.2  # a window a little too wide costs less than a second query

COLUMNS = """series_id INT UNSIGNED NOT NULL, time BIGINT NOT NULL, id BIGINT UNSIGNED NOT NULL, value DOUBLE NOT NULL,
    received INT UNSIGNED NOT NULL, publisher SMALLINT UNSIGNED NOT NULL"""
INSERT_ORDER = "series_id, time, id, value, received, publisher"
BY_TIME = f"experiment_id INT UNSIGNED NOT NULL, {COLUMNS}, PRIMARY KEY (experiment_id, time, series_id, id)"
BY_SERIES = f"{COLUMNS}, PRIMARY KEY (series_id, time, id)"
YEARS = ", ".join(f"PARTITION y{n} VALUES LESS THAN ({FIRST + n * 365 * DAY})" for n in range(1, 4))

DEFINITIONS = {
    "A": f"({BY_TIME})",
    "B": f"({BY_SERIES})",
    "C": f"({BY_TIME}, KEY series (series_id, time))",
    "D": f"({BY_SERIES}, FOREIGN KEY (series_id) REFERENCES SERIES (id))",
    "E": f"({BY_SERIES}) PARTITION BY RANGE (time) ({YEARS}, PARTITION rest VALUES LESS THAN MAXVALUE)",
}
INSERT_ONLY = "D"  # its rows lie as B's do: only the price of the check at each insert is in question
BASE = "B"

Key = tuple[int, int, int]  # time, series, id
Answer = tuple[int, Key]  # number of rows, the last one's key
Chunks = Iterator[list[Any]]


class Database:
    """One connection. Rows come back raw, as the streams of the application take them."""

    def __init__(self, name: str | None = None) -> None:
        if not mysql.connector.HAVE_CEXT:
            raise click.ClickException("The driver's C extension does not load: install mysql-connector-python 9.7.0")
        try:
            self._connection: Any = mysql.connector.connect(
                host=os.environ.get("DB_HOST", "127.0.0.1"), port=int(os.environ.get("DB_PORT", "3306")),
                user=os.environ["DB_USER"], password=os.environ["DB_PASSWORD"],
                database=name, use_pure=False, autocommit=True)
        except KeyError as error:
            raise click.ClickException(f"Set the environment variable {error.args[0]}") from error
        except mysql.connector.Error as error:
            raise click.ClickException(f"Cannot connect: {error.msg}. Check DB_HOST, DB_PORT, DB_USER") from error

    def stream(self, sql: str) -> Chunks:
        cursor = self._connection.cursor(raw=True)
        cursor.execute(sql)
        while rows := cursor.fetchmany(CHUNK):
            yield rows
        cursor.close()

    def rows(self, sql: str) -> list[Any]:
        return [row for rows in self.stream(sql) for row in rows]

    def execute(self, sql: str) -> None:
        self._connection.cmd_query(sql)

    def close(self) -> None:
        self._connection.close()


@dataclass
class Arrivals:
    """Rows as SQL literals, in the order in which they arrive."""

    total: int
    done: int = 0
    _random: random.Random = field(default_factory=lambda: random.Random(1))

    @staticmethod
    def weights() -> list[float]:
        return [float(SLOWEST ** (-n / (SERIES - 1))) for n in range(SERIES)]

    @classmethod
    def share(cls, series: int) -> float:
        return cls.weights()[series - 1] / sum(cls.weights())

    def batch(self) -> list[str]:
        weights = self.weights()
        if self.done > self.total * ENDS_AT:
            weights = [0.0 if n % 10 == 7 else weight for n, weight in enumerate(weights)]
        step = int(SPAN * (1 - PAUSE_LENGTH)) // self.total
        clock = FIRST + self.done * step + (int(SPAN * PAUSE_LENGTH) if self.done > self.total * PAUSE_AT else 0)
        pick = self._random
        rows = []
        for series in pick.choices(range(1, SERIES + 1), weights, k=BATCH):
            clock += step
            self.done += 1
            late = int(LATE_AT_LEAST + pick.expovariate(1 / LATE_MEAN)) if pick.random() < LATE_SHARE else 0
            at = (clock - late) // 1_000_000 * 1_000_000  # instruments count milliseconds, so instants coincide
            rows.append(f"{series},{at},{self.done},{pick.random() * 100!r},{clock // NS},{series % 8}")
        return rows


def keyset(key: Key | None) -> str:
    if key is None:
        return ""
    at, series, row = key
    return f" AND (time < {at} OR (time = {at} AND (series_id < {series} OR (series_id = {series} AND id < {row}))))"


def key_of(row: Any) -> Key:
    return int(row[0]), int(row[1]), int(row[2])


NEWEST_FIRST = "ORDER BY time DESC, series_id DESC, id DESC"
SELECT = "SELECT time, series_id, id, value FROM"


class ByTime:
    """Layouts A and C: one experiment's rows lie in the order of their times."""

    def __init__(self, database: Database, table: str) -> None:
        self._database, self._table = database, table
        self._own_index = table == "C"

    def series(self, series: int, hi: int, limit: int) -> Chunks:
        where, order = f"experiment_id = 1 AND series_id = {series} AND time < {hi}", NEWEST_FIRST
        if self._own_index:  # asked for in exactly its order, else the server sorts; by it alone, else it takes the key
            where, order = f"series_id = {series} AND time < {hi}", "ORDER BY time DESC, experiment_id DESC, id DESC"
        return self._database.stream(f"{SELECT} {self._table} WHERE {where} {order} LIMIT {limit}")

    def experiment(self, hi: int, limit: int, key: Key | None) -> Chunks:
        where = f"experiment_id = 1 AND time < {hi}{keyset(key)}"
        return self._database.stream(f"{SELECT} {self._table} WHERE {where} {NEWEST_FIRST} LIMIT {limit}")


class BySeries:
    """Layouts B, D and E: one series' rows lie together; an experiment is read in windows of time."""

    def __init__(self, database: Database, table: str) -> None:
        self._database, self._table = database, table
        self._all = ", ".join(map(str, range(1, SERIES + 1)))

    def series(self, series: int, hi: int, limit: int) -> Chunks:
        where = f"series_id = {series} AND time < {hi}"
        return self._database.stream(f"{SELECT} {self._table} WHERE {where} ORDER BY time DESC, id DESC LIMIT {limit}")

    def newest(self, hi: int) -> int | None:
        dive = f"(SELECT MAX(time) FROM {self._table} WHERE series_id = %d AND time < {hi})"
        found = self._database.rows(" UNION ALL ".join(dive % series for series in range(1, SERIES + 1)))
        return max((int(at) for at, in found if at is not None), default=None)

    def window(self, lo: int, hi: int, limit: int, key: Key | None) -> list[Any]:
        where = f"series_id IN ({self._all}) AND time >= {lo} AND time < {hi}{keyset(key)}"
        return self._database.rows(f"{SELECT} {self._table} WHERE {where} {NEWEST_FIRST} LIMIT {limit}")

    def experiment(self, hi: int, limit: int, key: Key | None) -> Chunks:
        width = INITIAL_WIDTH
        top = self.newest(hi)
        while limit > 0 and top is not None:
            hi = top + 1
            found = self.window(hi - width, hi, min(CHUNK, limit), key)
            limit -= len(found)
            if not found:
                top, width, key = self.newest(hi - width), width * MAX_GROWTH, None
                continue
            yield found
            full = len(found) == min(CHUNK, limit + len(found))
            key = key_of(found[-1]) if full else None
            top = key[0] if key else hi - width - 1
            fitting = int(max(1, hi - top - 1) * SURPLUS * min(CHUNK, limit) / len(found))
            width = max(1, min(fitting, width * MAX_GROWTH))


class ByUnion(BySeries):
    """The other way to page through layout B: the newest rows of every series, then the newest of those."""

    def experiment(self, hi: int, limit: int, key: Key | None) -> Chunks:
        one = (f"({SELECT} {self._table} WHERE series_id = %d AND time < {hi}{keyset(key)}"
               f" ORDER BY time DESC, id DESC LIMIT {limit})")
        arms = " UNION ALL ".join(one % series for series in range(1, SERIES + 1))
        return self._database.stream(f"{arms} {NEWEST_FIRST} LIMIT {limit}")


Reader = ByTime | BySeries


@dataclass(frozen=True)
class Read:
    title: str
    rows: int
    newest: bool
    series: int | None = None  # the whole experiment

    def run(self, reader: Reader, hi: int) -> Answer:
        if self.series is None:
            key = None if self.newest else (hi - 1, SERIES // 2, 0)  # a page in the middle follows another one
            chunks = reader.experiment(hi, self.rows, key)
        else:
            chunks = reader.series(self.series, hi, self.rows)
        count, last = 0, None
        for rows in chunks:
            count, last = count + len(rows), rows[-1]
        return count, key_of(last) if last else (0, 0, 0)

    def fits(self, total: int) -> bool:
        """A third of the table must be enough, as places are drawn from the upper two thirds."""
        return self.rows <= total * (Arrivals.share(self.series) if self.series else 1) / 3


READS = [
    Read("busiest series, newest 1,000", 1_000, True, 1),
    Read("rarest series, newest 1,000", 1_000, True, SERIES),
    Read("series that ended, newest 1,000", 1_000, True, 8),
    Read("busiest series, 100,000 in the middle", 100_000, False, 1),
    Read("busiest series, 1,000,000 in the middle", 1_000_000, False, 1),
    Read("middling series, 10,000 in the middle", 10_000, False, SERIES // 2),
    Read("experiment, newest 1,000", 1_000, True),
    Read("experiment, page of 1,000 in the middle", 1_000, False),
    Read("experiment, 1,000,000 in the middle by time", 1_000_000, False),
]
UNION = "B by UNION ALL"
UNION_ROWS = 10_000  # above that, it reads series x limit rows into a temporary table: hopeless

Times = dict[str, list[float]]  # per layout, one entry per run; the n-th entries of all layouts were taken together


def say(text: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)


def insert(database: Database, table: str, rows: list[str]) -> float:
    first = "experiment_id, " if table in "AC" else ""
    start = "(1," if table in "AC" else "("
    sql = f"INSERT INTO {table} ({first}{INSERT_ORDER}) VALUES {start}{f'),{start}'.join(rows)})"
    begun = time.perf_counter()
    database.execute(sql)
    return time.perf_counter() - begun


def insert_timed(databases: dict[str, Database], tables: list[str], rows: list[str], times: Times) -> None:
    for table in random.sample(tables, len(tables)):
        times.setdefault(table, []).append(insert(databases[table], table, rows))


def fill(databases: dict[str, Database], total: int) -> dict[str, Times]:
    """Every batch goes into every layout before the next one: all tables see the same arrival order."""
    arrivals = Arrivals(total)
    times: dict[str, Times] = {"insert, first tenth": {}, "insert, last tenth": {}}
    first, last = times.values()
    kept = [table for table in databases if table not in INSERT_ONLY]
    with ThreadPoolExecutor(len(kept)) as pool:
        while arrivals.done < total:
            if arrivals.done % (total // 20) < BATCH:
                say(f"{arrivals.done:,} of {total:,} rows in each table")
            done, rows = arrivals.done, arrivals.batch()
            if done < total * TIMED_SHARE:
                insert_timed(databases, list(databases), rows, first)
            elif done >= total * (1 - TIMED_SHARE):
                insert_timed(databases, kept, rows, last)
            else:
                list(pool.map(lambda table, rows=rows: insert(databases[table], table, rows), kept))
    return times


def measure(read: Read, readers: dict[str, Reader], runs: int, seed: int) -> Times:
    """Each run reads at a place of its own, the same one for all layouts, so that a table's cache does not help it."""
    places = random.Random(seed)
    times: Times = {name: [] for name in readers}
    for _ in range(runs):
        hi = FIRST + (2 * SPAN if read.newest else int(SPAN * places.uniform(0.4, 0.95)))
        answers = set()
        for name in random.sample(list(readers), len(readers)):
            begun = time.perf_counter()
            answers.add(read.run(readers[name], hi))
            times[name].append(time.perf_counter() - begun)
        if len(answers) > 1:
            raise click.ClickException(f"The layouts disagree on {read.title}: {answers}")
    return times


def read_all(databases: dict[str, Database], total: int, runs: int) -> dict[str, Times]:
    readers: dict[str, Reader] = {
        name: ByTime(database, name) if name in "AC" else BySeries(database, name)
        for name, database in databases.items() if name not in INSERT_ONLY}
    result = {}
    for number, read in enumerate(read for read in READS if read.fits(total)):
        say(f"reading: {read.title}")
        paged = read.series is None and read.rows <= UNION_ROWS
        also: dict[str, Reader] = {UNION: ByUnion(databases[BASE], BASE)} if paged else {}
        result[read.title] = measure(read, readers | also, runs, number)
    return result


def size(database: Database, table: str) -> float:
    database.rows(f"ANALYZE TABLE {table}")
    sql = "SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema = DATABASE()"
    return float(database.rows(f"{sql} AND table_name = '{table}'")[0][0])


def ratio(times: Times, name: str) -> str:
    """The median of the paired ratios, and the middle half of them."""
    if name not in times:
        return "–"
    ratios = [one / base for one, base in zip(times[name], times[BASE], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return "1" if name == BASE else f"**{middle:.2f}** ({low:.2f}–{high:.2f})"


def duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def print_table(layouts: list[str], times: dict[str, Times], sizes: dict[str, float], total: int) -> None:
    names = [*layouts, UNION]
    click.echo(f"| time relative to {BASE}: median (middle half) | {' | '.join(names)} | {BASE}, median |")
    click.echo("| --- |" + " --- |" * (len(names) + 1))
    for title, measured in times.items():
        cells = " | ".join(ratio(measured, name) for name in names)
        click.echo(f"| {title} | {cells} | {duration(statistics.median(measured[BASE]))} |")
    cells = " | ".join(f"{sizes[name] / sizes[BASE]:.2f}" if name in sizes else "–" for name in names)
    click.echo(f"| bytes on disk | {cells} | {sizes[BASE] / total:.1f} per row |")


def create(name: str, layouts: list[str]) -> dict[str, Database]:
    databases = {layout: Database(name) for layout in layouts}
    database = databases[BASE]
    database.execute("CREATE TABLE SERIES (id INT UNSIGNED NOT NULL PRIMARY KEY)")
    database.execute(f"INSERT INTO SERIES VALUES ({'),('.join(map(str, range(1, SERIES + 1)))})")
    for layout in layouts:
        database.execute(f"CREATE TABLE {layout} {DEFINITIONS[layout]}")
    return databases


@contextmanager
def own_database(layouts: list[str]) -> Iterator[dict[str, Database]]:
    name = f"mymonit_bench_{os.getpid()}"
    server = Database()
    server.execute(f"CREATE DATABASE {name}")
    databases: dict[str, Database] = {}
    try:
        databases = create(name, layouts)
        yield databases
    finally:
        say(f"dropping the database {name}")
        for database in databases.values():
            database.close()  # first: a half-read answer would hold the tables
        server.execute(f"DROP DATABASE {name}")
        server.close()


def checked_layouts(_context: click.Context, _option: click.Parameter, value: str) -> list[str]:
    layouts = sorted(set(value.upper()))
    if not set(layouts) <= set(DEFINITIONS) or BASE not in layouts:
        raise click.BadParameter(f"letters of {''.join(DEFINITIONS)}, {BASE} among them")
    return layouts


@click.command()
@click.option("--rows", default=50_000_000, show_default=True, type=click.IntRange(min=20 * BATCH),
              help="Rows in each table; a multiple of 10,000.")
@click.option("--runs", default=7, show_default=True, type=click.IntRange(min=2), help="Interleaved runs of each read.")
@click.option("--layouts", default="".join(DEFINITIONS), show_default=True, callback=checked_layouts,
              help="Which to compare; B is the base of every ratio.")
def main(rows: int, runs: int, layouts: list[str]) -> None:
    """Measure the layouts of MEASURES on the server of DB_HOST, DB_PORT, DB_USER and DB_PASSWORD.

    \b
    A  PRIMARY KEY (experiment_id, time, series_id, id)
    B  PRIMARY KEY (series_id, time, id)
    C  A and an index (series_id, time)
    D  B and a foreign key to SERIES (the first tenth of the inserts only)
    E  B partitioned by year
    """
    total = rows // BATCH * BATCH
    with own_database(layouts) as databases:
        settings = "SELECT VERSION(), @@innodb_buffer_pool_size, @@innodb_flush_log_at_trx_commit"
        version, pool, durable = (bytes(cell).decode() for cell in databases[BASE].rows(settings)[0])
        times = fill(databases, total)
        sizes = {layout: size(databases[layout], layout) for layout in layouts if layout not in INSERT_ONLY}
        times |= read_all(databases, total, runs)
        click.echo(f"{version}, buffer pool {int(pool) >> 20} MiB, innodb_flush_log_at_trx_commit {durable},"
                   f" {total:,} rows, {runs} runs\n")
        print_table(layouts, times, sizes, total)


if __name__ == "__main__":
    main()  # pylint: disable=no-value-for-parameter
