"""One fault's arrangement: a virtual host and a database of its own, the listener between two proxies, and the load.

The listener is reached and run as in production: by its command, its settings, its health and its log.
"""

import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pika.exceptions import AMQPError

from tests.conftest import Eventually
from tests.faults.broker import Broker
from tests.faults.checker import Verdict, judge
from tests.faults.database import Administrator, Database
from tests.faults.deliveries import Deliveries
from tests.faults.journal import EXPERIMENT, Journal
from tests.faults.load import Load
from tests.faults.processes import APP, MYMONIT, Listener
from tests.faults.proxy import Proxy
from tests.faults.publisher import Arrays, Publisher
from tests.faults.runners import free_ports

QUEUE, PARKED = "measures", "measures.parked"
ADAPTER = "faults-adapter"

#: Rows a second, unless a fault needs another load.
RATE = 500
#: Seconds for the listener to become ready again once its servers are back: its longest pause, and a start.
RECOVERY_SECS = 60
#: Seconds until everything confirmed must be stored or quarantined, after the servers are well again.
SETTLE_SECS = 180
#: Messages that the listener stores at a time here, at most: small, so that a fault meets many transactions.
BATCH = 200


class Servers(NamedTuple):
    database: Database
    broker: Broker


class Bench:
    def __init__(self, database: Database, broker: Broker, folder: Path, *, seed: int) -> None:
        self.database = database
        self.broker = broker
        self.folder = folder
        self.seed = seed
        self.journal = Journal()
        self.deliveries = Deliveries()
        self.name = f"f{uuid.uuid4().hex[:10]}"
        self._secrets = [uuid.uuid4().hex for _ in range(3)]
        self.to_database = Proxy(database.port)
        self.to_broker = Proxy(broker.port, tap=self.deliveries.tap)
        self.publisher = Publisher(broker.parameters(self.name, ADAPTER, self._secrets[2]), self.journal)
        self.listener = self.make_listener()
        self.verdict = Verdict()
        #: What shows that the fault was there: nothing of it may be zero.
        self.bites: dict[str, float] = {}
        #: What is worth telling besides.
        self.notes: dict[str, float] = {}
        self.until = Eventually()

    # --- before

    def prepare(self) -> None:
        """Schema, topology, an experiment and the adapter's account."""
        self.mymonit("migrate")
        with self.administrator() as session:
            session.execute("INSERT INTO EXPERIMENTS (experiment_id, name) VALUES (1, %s)", (EXPERIMENT,))
            session.execute("INSERT INTO EXPERIMENT_NAMES (name, experiment_id) VALUES (%s, 1)", (EXPERIMENT,))
        nothing, key = "^$", rf"^measures\.{EXPERIMENT}$"
        self.broker.api("PUT", "users", ADAPTER, body={"password": self._secrets[2], "tags": ""})
        rights = {"configure": nothing, "write": "^mymonit$", "read": nothing}
        self.broker.api("PUT", "permissions", self.name, ADAPTER, body=rights)
        keys = {"exchange": "mymonit", "write": key, "read": nothing}
        self.broker.api("PUT", "topic-permissions", self.name, ADAPTER, body=keys)
        self.broker.write_down_the_queues()

    def begin(self) -> None:
        self.listener.start()
        self.wait_until_ready()

    def mymonit(self, *arguments: str, expected: int = 0) -> str:
        """The application's command, as an administrator runs it: not through the proxies; what it says."""
        done = subprocess.run(
            [*MYMONIT, *arguments], cwd=APP, env=self._administration(), capture_output=True, text=True,
            timeout=120, check=False,
        )
        assert done.returncode == expected, f"mymonit {' '.join(arguments)}: {done.stderr[-2000:]}"
        return done.stderr if expected else done.stdout

    # --- during

    def load(self, *, rate: float = RATE, sensor: str = "adapter") -> Load:
        return Load(
            self.journal, self.adapter_environment(), seed=self.seed, rate=rate, folder=self.folder, sensor=sensor
        )

    def arrays(self) -> Arrays:
        return Arrays(self.publisher, self.journal, seed=self.seed)

    def make_listener(self, **options: Any) -> Listener:
        changes = options.pop("environment", {})
        (health_port,) = free_ports(1)
        environment = {**self.listener_environment(), **changes}
        return Listener(environment, health_port=health_port, log=self.folder / "listener.log", **options)

    def stored(self) -> int:
        with self.administrator() as session:
            return session.number("SELECT COUNT(*) FROM MEASURES")

    def wait_for_rows(self, more: int) -> None:
        """Until so many more are stored: the load flows."""
        self.wait_for_total(self.stored() + more)

    def wait_for_total(self, rows: int, *, within: float = RECOVERY_SECS) -> None:
        self.until(lambda: self.stored() >= rows, within=within, every=0.1)

    def wait_until_ready(self, *, within: float = RECOVERY_SECS) -> float:
        """Seconds that it took."""
        started = time.monotonic()
        self.until(self.listener.ready, within=within)
        return time.monotonic() - started

    @contextmanager
    def administrator(self) -> Iterator[Administrator]:
        with self.database.session(self.name) as session:
            yield session

    def depth(self, queue: str) -> tuple[int, int]:
        """Messages that wait, and consumers, as the broker itself counts them just now."""
        connection = self.broker.connect(self.name)
        try:
            answer = connection.channel().queue_declare(queue, passive=True).method
            return int(answer.message_count), int(answer.consumer_count)
        finally:
            connection.close()

    # --- after

    def bite(self, **proofs: float) -> None:
        for name, number in proofs.items():
            self.bites[name.replace("_", " ")] = number

    def note(self, **facts: float) -> None:
        for name, number in facts.items():
            self.notes[name.replace("_", " ")] = number

    def conclude(self) -> None:
        """Wait until everything has found its place, end the listener, and judge."""
        self.settle()
        status = self.listener.terminate()
        with self.administrator() as session:
            self.verdict = judge(self.journal, session)
        assert self.verdict.counts() == [0] * len(self.verdict.counts()), str(self.verdict)
        assert status == 0, f"the listener ended with {status} after SIGTERM"
        assert [self.depth(queue)[0] for queue in (QUEUE, PARKED)] == [0, 0], "messages were left in the queues"
        without = [name for name, number in self.bites.items() if not number]
        assert not without, f"the fault did not bite: no {', '.join(without)}"

    def settle(self) -> None:
        """Until all that was confirmed is in the database and nothing is under way."""
        expected = sum(self.journal.confirmed.values())
        self.until(lambda: self._arrived() >= expected and self._idle(), within=SETTLE_SECS, every=0.2)

    def close(self) -> None:
        self.listener.close()
        self.publisher.close()
        for proxy in (self.to_broker, self.to_database):
            proxy.close()

    def forget(self) -> None:
        """Virtual host, database and accounts."""
        with self.database.session() as session:
            session.execute(f"DROP DATABASE IF EXISTS `{self.name}`")
            session.execute(f"DROP USER IF EXISTS '{self.name}'@'%'")
        self.broker.api("DELETE", "vhosts", self.name)

    def _arrived(self) -> int:
        with self.administrator() as session:
            return session.number("SELECT (SELECT COUNT(*) FROM MEASURES) + (SELECT COUNT(*) FROM QUARANTINE)")

    def _idle(self) -> bool:
        try:
            if any(self.depth(queue)[0] for queue in (QUEUE, PARKED)):
                return False
        except (AMQPError, OSError):
            return False
        return all(self.broker.api("GET", "queues", self.name, queue).get("messages") == 0 for queue in (QUEUE, PARKED))

    # --- settings

    def listener_environment(self) -> dict[str, str]:
        return {
            **self._common(),
            "DB_PORT": str(self.to_database.port),
            "RABBIT_URL": f"amqp://127.0.0.1:{self.to_broker.port}",
        }

    def adapter_environment(self) -> dict[str, str]:
        """Not through the proxy: the network between listener and broker is not the instrument's."""
        return {
            "PATH": os.environ["PATH"],
            "RABBIT_URL": f"amqp://127.0.0.1:{self.broker.port}",
            "RABBIT_VHOST": self.name,
            "RABBIT_USER": ADAPTER,
            "RABBIT_PASSWORD": self._secrets[2],
        }

    def _common(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "DB_HOST": "127.0.0.1",
            "DB_DATABASE": self.name,
            "DB_USER": self.name,
            "DB_PASSWORD": self._secrets[0],
            "RABBIT_VHOST": self.name,
            "RABBIT_USER": self.name,
            "RABBIT_PASSWORD": self._secrets[1],
            "RABBIT_BATCH": str(BATCH),
        }

    def _administration(self) -> dict[str, str]:
        return {
            **self._common(),
            "DB_PORT": str(self.database.port),
            "DB_ADMIN_USER": self.database.user,
            "DB_ADMIN_PASSWORD": self.database.password,
            "RABBIT_URL": f"amqp://127.0.0.1:{self.broker.port}",
            "RABBIT_MANAGEMENT_URL": self.broker.management_url,
            "RABBIT_ADMIN_USER": self.broker.user,
            "RABBIT_ADMIN_PASSWORD": self.broker.password,
        }


def arranged(bench: Bench) -> Iterator[Bench]:
    """A bench that is ready; its servers are well again afterwards, and hold nothing of it."""
    try:
        bench.prepare()
        yield bench
    finally:
        bench.close()
        for server in (bench.database, bench.broker):
            if not server.runner.alive:
                server.start()
        bench.forget()
