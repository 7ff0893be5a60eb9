"""A RabbitMQ of the tests' own: as a process, in a folder of its own, on the loopback interface."""

import base64
import contextlib
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
SERVER = PROGRAMS / "rabbitmq-server"
START_SECS = 60  # on a busy machine; eight seconds on an idle one
STOP_SECS = 30
HEARTBEAT_SECS = 2  # short, so that a lost one shows within a test
SALT = b"test"

EXCHANGE, QUEUE, EXPERIMENT = "mymonit", "measures", "device-vibrations"
ADAPTER, OTHER_ADAPTER, READER = "adapter", "other-adapter", "reader"
PASSWORD = "correct horse"

CONFIGURATION = """
listeners.tcp = none
listeners.ssl.default = 127.0.0.1:{tls_port}
ssl_options.cacertfile = {folder}/ca.pem
ssl_options.certfile = {folder}/server.pem
ssl_options.keyfile = {folder}/server.key
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
ssl_options.versions.1 = tlsv1.2
heartbeat = {heartbeat}
load_definitions = {folder}/definitions.json
loopback_users = none
disk_free_limit.absolute = 10MB
"""


@dataclass(frozen=True, kw_only=True)
class Account:
    """How to reach a broker as one of its users."""

    url: str
    ca_file: Path
    user: str
    password: str
    vhost: str = "/"
    exchange: str = EXCHANGE

    def environment(self) -> dict[str, str]:
        return {
            "RABBIT_URL": self.url,
            "RABBIT_CA": str(self.ca_file),
            "RABBIT_USER": self.user,
            "RABBIT_PASSWORD": self.password,
            "RABBIT_VHOST": self.vhost,
            "RABBIT_EXCHANGE": self.exchange,
        }


class RabbitServer:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tls_port, self._dist_port, self._epmd_port = _free_ports(3)
        self._processes: list[subprocess.Popen[bytes]] = []
        _make_certificates(folder)
        (folder / "definitions.json").write_text(json.dumps(_definitions()))
        (folder / "rabbitmq.conf").write_text(
            CONFIGURATION.format(folder=folder, tls_port=self._tls_port, heartbeat=HEARTBEAT_SECS)
        )
        (folder / "plugins").write_text("[].")

    def account(self, user: str) -> Account:
        url = f"amqps://localhost:{self._tls_port}"
        return Account(url=url, ca_file=self._folder / "ca.pem", user=user, password=PASSWORD)

    @property
    def foreign_ca_file(self) -> Path:
        return self._folder / "foreign-ca.pem"

    def start(self) -> None:
        self._run("epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1")
        self._run(str(SERVER))
        _wait_until_open(self._tls_port)
        self._write_down_the_queues()

    def kill(self) -> None:
        """As a power cut does."""
        for process in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # a session of its own: only what this test has started
            process.wait(STOP_SECS)
        self._processes.clear()

    def _write_down_the_queues(self) -> None:
        """RabbitMQ writes a new queue's whereabouts to the disk up to three seconds late; killed before that, it has
        forgotten them when it is back, and the queue never finds a leader again."""
        command = [PROGRAMS / "rabbitmqctl", "eval", "[ok = dets:sync(Table) || Table <- dets:all()]."]
        subprocess.run(command, env=self._environment(), check=True, capture_output=True)

    def _run(self, *command: str) -> None:
        with (self._folder / f"{Path(command[0]).name}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(command, env=self._environment(), stdout=log, stderr=log, start_new_session=True)
            )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"adapters-{self._tls_port}@localhost",
            "RABBITMQ_NODE_PORT": str(self._tls_port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }


@contextlib.contextmanager
def running_rabbit(folder: Path) -> Iterator[RabbitServer]:
    server = RabbitServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _definitions() -> dict[str, object]:
    everything = {"vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
    return {
        "vhosts": [{"name": "/"}, {"name": "empty"}],
        "users": [_user(name) for name in (ADAPTER, OTHER_ADAPTER, READER)],
        "permissions": [
            {"user": ADAPTER, "vhost": "/", "configure": "", "write": f"^{EXCHANGE}$", "read": ""},
            {"user": ADAPTER, "vhost": "empty", "configure": "", "write": f"^{EXCHANGE}$", "read": ""},
            {"user": OTHER_ADAPTER, "vhost": "/", "configure": "", "write": f"^{EXCHANGE}$", "read": ""},
            {"user": READER, **everything},
        ],
        "topic_permissions": [
            {"user": OTHER_ADAPTER, "vhost": "/", "exchange": EXCHANGE, "write": r"^measures\.other$", "read": ""},
        ],
        "exchanges": [_durable(EXCHANGE, type="topic", internal=False)],
        "queues": [_durable(QUEUE, arguments={"x-queue-type": "quorum"})],
        "bindings": [_binding(f"measures.{EXPERIMENT}")],
    }


def _user(name: str) -> dict[str, object]:
    hashed = base64.b64encode(SALT + hashlib.sha256(SALT + PASSWORD.encode()).digest()).decode()
    return {
        "name": name,
        "password_hash": hashed,
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": "",
    }


def _durable(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}, **more}


def _binding(routing_key: str) -> dict[str, object]:
    return {
        "source": EXCHANGE,
        "vhost": "/",
        "destination": QUEUE,
        "destination_type": "queue",
        "routing_key": routing_key,
        "arguments": {},
    }


def _make_certificates(folder: Path) -> None:
    """An authority, a certificate of "localhost" that it has signed, and an authority that nobody trusts."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name in ("ca", "foreign-ca"):
        _openssl(folder, "req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
    _openssl(folder, "req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "server.ext").write_text("subjectAltName=DNS:localhost\n")
    signed_by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "server.ext"]
    _openssl(folder, "x509", "-req", "-in", "server.csr", *signed_by, "-out", "server.pem", "-days", "2")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def _wait_until_open(port: int) -> None:
    """Until TLS is spoken: the port alone is open earlier."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    deadline = time.monotonic() + START_SECS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as plain, context.wrap_socket(plain):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"RabbitMQ has not come up in {START_SECS} seconds") from error
            time.sleep(0.2)
