"""A database server of the harness' own: MariaDB as a process, or MySQL as a container."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mysql.connector

from tests.faults.runners import START_SECS, ContainerRunner, ProcessRunner, Runner, free_ports, wait_until_up

#: Seconds to wait for a connection, and for an answer.
CONNECT_SECS = 5
ANSWER_SECS = 120

IMAGE = "mysql:8.4"
_PRODUCT = Path(__file__).parents[3] / "mysql" / "mymonit.cnf"

#: Small, since a machine may run several, and so that there is little to make.
_SMALL = {
    "innodb_buffer_pool_size": "128M", "loose_innodb_log_file_size": "96M", "loose_innodb_redo_log_capacity": "96M",
}


class Database:
    def __init__(self, runner: Runner, *, port: int, user: str, password: str, encrypted: bool = False) -> None:
        """`encrypted`: its connections are, so that a proxy does not see what is said on them."""
        self.runner = runner
        self.encrypted = encrypted
        self.port = port
        self.user = user
        self.password = password

    def start(self) -> None:
        self.runner.start()
        self.wait()

    def wait(self) -> None:
        """Until its administrator is let in."""
        wait_until_up("database", self._enter, but=(mysql.connector.Error,))

    def _enter(self) -> None:
        with self.session():
            pass

    @contextmanager
    def session(self, database: str | None = None) -> Iterator["Administrator"]:
        connection = mysql.connector.connect(
            host="127.0.0.1", port=self.port, user=self.user, password=self.password, database=database,
            use_pure=False, charset="utf8mb4", collation="utf8mb4_bin", autocommit=True, time_zone="+00:00",
            connection_timeout=CONNECT_SECS, read_timeout=ANSWER_SECS, write_timeout=ANSWER_SECS,
        )
        try:
            yield Administrator(connection)
        finally:
            connection.close()


class Administrator:
    """A session that may do everything; it commits each statement unless a transaction was begun."""

    def __init__(self, connection: Any) -> None:
        self._cursor = connection.cursor()

    def execute(self, sql: str, parameters: tuple[object, ...] = ()) -> None:
        self._cursor.execute(sql, parameters)
        if self._cursor.with_rows:
            self._cursor.fetchall()

    def rows(self, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        self._cursor.execute(sql, parameters)
        return list(self._cursor.fetchall())

    def number(self, sql: str, parameters: tuple[object, ...] = ()) -> int:
        return int(self.rows(sql, parameters)[0][0] or 0)


def mariadb(folder: Path, *, data: Path | None = None, **options: object) -> Database:
    """A process with the product's configuration and a new data folder."""
    port, user, password = free_ports(1)[0], "harness", uuid.uuid4().hex
    folder.mkdir(parents=True, exist_ok=True)
    data = data or folder / "data"
    install = [
        "mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db",
        "--auth-root-authentication-method=socket", "--user=root",
    ]
    temporary = folder / "tmp"  # a server that starts removes what others have there
    temporary.mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(temporary)}
    subprocess.run(install, check=True, capture_output=True, timeout=START_SECS, env=environment)
    accounts = folder / "accounts.sql"
    accounts.write_text("".join(
        f"CREATE USER IF NOT EXISTS '{user}'@'{host}' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON *.* TO '{user}'@'{host}' WITH GRANT OPTION;\n" for host in ("localhost", "127.0.0.1")
    ), encoding="utf-8")
    own = {
        **_SMALL, "datadir": data, "tmpdir": temporary, "socket": folder / "socket", "pid_file": folder / "pid",
        "port": port, "bind_address": "127.0.0.1", "init_file": accounts, "user": "root", **options,
    }
    configuration = folder / "my.cnf"
    lines = "".join(f"{name} = {value}\n" for name, value in own.items())
    configuration.write_text(f"!include {_PRODUCT}\n[mysqld]\nskip_log_bin\n{lines}", encoding="utf-8")
    command = ["mariadbd", f"--defaults-file={configuration}"]
    runner = ProcessRunner(command, {"PATH": "/usr/sbin:/usr/bin:/bin"}, log=folder / "database.log")
    return Database(runner, port=port, user=user, password=password)


def mysql_container(folder: Path) -> Database:
    """With TLS: without it MySQL lets nobody in who has not been there since it started."""
    port, password = free_ports(1)[0], uuid.uuid4().hex
    folder.mkdir(parents=True, exist_ok=True)
    secrets = folder / "environment"
    secrets.write_text(f"MYSQL_ROOT_PASSWORD={password}\n", encoding="utf-8")
    secrets.chmod(0o600)
    mount = f"{_PRODUCT}:/etc/mysql/conf.d/mymonit.cnf:ro"
    own = {**_SMALL, "port": port, "bind-address": "127.0.0.1"}
    runner = ContainerRunner(
        f"mymonit-faults-{uuid.uuid4().hex[:8]}", IMAGE, options=["--env-file", str(secrets), "--volume", mount],
        arguments=[f"--{name}={value}" for name, value in own.items()],
    )
    return Database(runner, port=port, user="root", password=password, encrypted=True)
