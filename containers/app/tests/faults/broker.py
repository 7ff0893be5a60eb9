"""A broker of the harness' own: RabbitMQ as a process or as a container, without TLS, on the loopback interface."""

import os
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pika
import requests
from pika.exceptions import AMQPError

from tests.faults.runners import ContainerRunner, ProcessRunner, Runner, free_ports, wait_until_up

#: Seconds to wait for an answer of its management API.
ANSWER_SECS = 30

IMAGE = "rabbitmq:4-management"
PROGRAMS = Path("/usr/lib/rabbitmq/bin")

CONFIGURATION = """
listeners.tcp.1 = 127.0.0.1:{port}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management_port}
default_user = {user}
default_pass = {password}
loopback_users = none
max_message_size = 16777216
disk_free_limit.absolute = 50MB
collect_statistics_interval = 1000
"""


class Broker:
    def __init__(
        self, runner: Runner, *, port: int, management_port: int, user: str, password: str, conf: Path
    ) -> None:
        self.runner = runner
        self.port = port
        self.user = user
        self.password = password
        self.management_url = f"http://127.0.0.1:{management_port}"
        self._conf = conf
        self._plain = conf.read_text(encoding="utf-8")

    def start(self) -> None:
        self.runner.start()
        self.wait()

    def wait(self) -> None:
        """Until it serves AMQP and its management API."""
        wait_until_up("broker", self._enter, but=(requests.RequestException, AMQPError, OSError))

    def _enter(self) -> None:
        self.api("GET", "overview")
        self.connect("/").close()

    def configure(self, **settings: object) -> None:
        """What its configuration says besides at its next start."""
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        self._conf.write_text(self._plain + lines, encoding="utf-8")

    def api(self, method: str, *path: str, body: object = None) -> Any:
        url = "/".join([self.management_url, "api", *(quote(part, safe="") for part in path)])
        with requests.Session() as session:
            session.trust_env = False
            session.auth = (self.user, self.password)
            answer = session.request(method, url, json=body, timeout=ANSWER_SECS)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def evaluate(self, expression: str) -> str:
        return self.runner.tool("rabbitmqctl", "eval", expression)

    def write_down_the_queues(self) -> None:
        """RabbitMQ writes a new queue's whereabouts to the disk up to three seconds late; killed before that, it has
        forgotten them when it is back, and the queue never finds a leader again."""
        self.evaluate("[dets:sync(Table) || Table <- dets:all()].")

    def parameters(self, vhost: str, user: str | None = None, password: str | None = None) -> pika.ConnectionParameters:
        credentials = pika.PlainCredentials(user or self.user, password or self.password)
        return pika.ConnectionParameters(
            host="127.0.0.1", port=self.port, virtual_host=vhost, credentials=credentials, heartbeat=0,
            socket_timeout=10, stack_timeout=20, blocked_connection_timeout=300,
        )

    def connect(self, vhost: str) -> pika.BlockingConnection:
        return pika.BlockingConnection(self.parameters(vhost))


def rabbitmq(folder: Path) -> Broker:
    """A process with a new data folder, and Erlang's name server beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    port, management_port, dist_port, epmd_port = free_ports(4)
    conf, user, password = _configuration(folder, port=port, management_port=management_port)
    environment = {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_NODENAME": f"faults-{port}@localhost",
        "RABBITMQ_DIST_PORT": str(dist_port),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(conf),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
        "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the server instead of waiting beside it
    }
    (folder / "plugins").write_text("[rabbitmq_management].")
    runner = _WithNameServer(
        ProcessRunner(["epmd", "-port", str(epmd_port), "-address", "127.0.0.1"], environment, log=folder / "epmd.log"),
        [str(PROGRAMS / "rabbitmq-server")], {**environment, "ERL_FLAGS": "-start_epmd false"},
        log=folder / "broker.log",
    )
    return Broker(runner, port=port, management_port=management_port, user=user, password=password, conf=conf)


class _WithNameServer(ProcessRunner):
    """Erlang's name server lives as long as the harness needs the broker, through all of its restarts."""

    def __init__(self, names: ProcessRunner, command: list[str], environment: dict[str, str], *, log: Path) -> None:
        super().__init__(command, environment, log=log)
        self._names = names

    def start(self) -> None:
        if not self._names.alive:
            self._names.start()
        super().start()

    def discard(self) -> None:
        super().discard()
        self._names.discard()


def rabbitmq_container(folder: Path) -> Broker:
    folder.mkdir(parents=True, exist_ok=True)
    port, management_port, dist_port, epmd_port, metrics_port = free_ports(5)
    conf, user, password = _configuration(folder, port=port, management_port=management_port)
    with conf.open("a", encoding="utf-8") as file:
        file.write(f"prometheus.tcp.port = {metrics_port}\n")  # the image has that plugin enabled
    environment = {
        "ERL_EPMD_PORT": epmd_port, "RABBITMQ_DIST_PORT": dist_port, "RABBITMQ_NODENAME": f"faults-{port}@localhost"
    }
    options = ["--volume", f"{conf}:/etc/rabbitmq/conf.d/90-faults.conf:ro"]
    for name, value in environment.items():
        options += ["--env", f"{name}={value}"]
    runner = ContainerRunner(f"mymonit-faults-{uuid.uuid4().hex[:8]}", IMAGE, options=options)
    return Broker(runner, port=port, management_port=management_port, user=user, password=password, conf=conf)


def _configuration(folder: Path, *, port: int, management_port: int) -> tuple[Path, str, str]:
    conf, user, password = folder / "rabbitmq.conf", "harness", uuid.uuid4().hex
    conf.write_text(
        CONFIGURATION.format(port=port, management_port=management_port, user=user, password=password), encoding="utf-8"
    )
    conf.chmod(0o644)  # a container's own user reads it
    return conf, user, password
