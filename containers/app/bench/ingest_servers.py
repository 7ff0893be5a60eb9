"""A database and a virtual host of the benchmark's own, what is published there, and what the servers' CPU says."""

import os
import random
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel
from pydantic import SecretStr

from my_monit import settings
from my_monit.messaging.connector import RabbitConnector
from my_monit.messaging.management import Management
from my_monit.messaging.topology import declare
from my_monit.storage.connector import Session, open_connection
from my_monit.storage.migrations import migrate

EXPERIMENT = "bench"
SENSORS = 40
#: Seconds since 1970 of the first measure; each later one is a millisecond younger.
FIRST = 1_700_000_000
_TICKS = os.sysconf("SC_CLK_TCK")
_LISTENS = "0A"


class Servers:
    """Those of the environment, each with a room that nobody else uses and that is gone afterwards."""

    def __init__(self) -> None:
        own = f"mymonit_bench_{os.getpid()}"
        self.administration = settings.load(settings.StorageAdministration)
        self._broker_administration = settings.load(settings.RabbitAdministration)
        self.management = Management(self._broker_administration)
        # Processes that are started from here read them, as any listener does.
        for name in ("DB_PASSWORD_FILE", "RABBIT_PASSWORD_FILE"):
            os.environ.pop(name, None)
        os.environ |= {
            "DB_DATABASE": own, "DB_USER": own[:32], "DB_PASSWORD": secrets.token_hex(16), "RABBIT_VHOST": own,
            "RABBIT_USER": own, "RABBIT_PASSWORD": secrets.token_hex(16), "RABBIT_QUEUE": "measures",
            "LOG_LEVEL": "WARNING",
        }
        self.storage = settings.load(settings.StorageConfiguration)
        self.rabbit = settings.load(settings.RabbitConfiguration)

    @contextmanager
    def rooms(self) -> Iterator[Session]:
        """Within the block they are there; gives a session of the database's administrator, which commits itself."""
        with self._administrating(None) as server:
            server.execute(f"CREATE DATABASE `{self.storage.database}`")  # fails when it is another's
            try:
                migrate(self.storage, self.administration)
                declare(self.management, self.rabbit)
                with self._administrating(self.storage.database) as session:
                    session.execute(f"INSERT INTO EXPERIMENTS (name) VALUES ('{EXPERIMENT}')")
                    session.execute("INSERT INTO EXPERIMENT_NAMES SELECT name, experiment_id FROM EXPERIMENTS")
                    yield session
            finally:
                server.execute(f"DROP DATABASE `{self.storage.database}`")
                server.execute(f"DROP USER IF EXISTS `{self.storage.user}`@'%'")
                self.management.delete("vhosts", self.rabbit.vhost)
                self.management.delete("users", self.rabbit.user)

    @contextmanager
    def _administrating(self, database: str | None) -> Iterator[Session]:
        connection = open_connection(
            self.storage, user=self.administration.admin_user,
            password=self.administration.admin_password.get_secret_value(), database=database,
        )
        connection.autocommit = True
        yield Session(connection)
        connection.close()

    @contextmanager
    def publishing(self) -> Iterator[BlockingChannel]:
        account = self._broker_administration
        connector = RabbitConnector(self.rabbit.model_copy(
            update={"user": account.admin_user, "password": SecretStr(account.admin_password.get_secret_value())}
        ))
        with connector.channel() as (_, channel):
            yield channel


class Bodies:
    """Made once, and published as often as a run needs them: only what is timed may cost time."""

    def __init__(self, messages: int, measures: int) -> None:
        """`measures` of each message; 0: one that is no array."""
        self.measures = messages * (measures or 1)
        readings = _readings(self.measures)
        if measures:
            self._bodies = [
                msgspec.json.encode(readings[start : start + measures]) for start in range(0, len(readings), measures)
            ]
        else:
            self._bodies = [msgspec.json.encode(reading) for reading in readings]

    def publish(self, servers: Servers, queue: str, *, with_ids: bool = True, wait: bool = True) -> None:
        """Put them all into a queue, through the default exchange; on return they are there, if it waits for that."""
        with servers.publishing() as channel:
            for body in self._bodies:
                properties = BasicProperties(delivery_mode=2, message_id=str(uuid.uuid4()) if with_ids else None)
                channel.basic_publish("", queue, body, properties)
            while wait and channel.queue_declare(queue, passive=True).method.message_count < len(self._bodies):
                channel.connection.process_data_events(time_limit=0.02)


def _readings(count: int) -> list[dict[str, object]]:
    pick = random.Random(1)
    return [
        {
            "experiment": EXPERIMENT, "measure": "hertz", "value": round(pick.random() * 100, 3),
            "timestamp": FIRST + number / 1000, "sensor": f"sensor-{number % SENSORS}",
        }
        for number in range(count)
    ]


def server_at(port: int) -> int | None:
    """The process that listens at this port of this machine; None when it is another's, or in a container."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(link) in inodes for link in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:
            continue
    return None


def cpu_of(process: int | None) -> float:
    """Seconds of CPU that it has used, and NaN when that cannot be seen."""
    if process is None:
        return float("nan")
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def cpu_of_all() -> float:
    """Seconds of CPU that everything on this machine has used."""
    user, nice, system, _, _, *interrupts = map(int, Path("/proc/stat").read_text(encoding="ascii").split()[1:8])
    return (user + nice + system + sum(interrupts)) / _TICKS
