"""`mymonit migrate`, `listen`, `rest` and `health`: how a process begins, says how it is, and ends."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask

from my_monit.health import Health, served
from my_monit.messaging.management import Management
from my_monit.rest.listener import RestListener
from my_monit.settings import HealthConfiguration, RabbitConfiguration, StorageConfiguration
from my_monit.storage.connector import Session
from my_monit.wiring import Container
from tests.conftest import Eventually
from tests.integration.console import Mymonit, free_port, refused
from tests.integration.service_process import RestProcess


class TestHealth:
    @pytest.mark.parametrize("process", ["rest", "listen"])
    def test_a_process_that_does_not_answer_is_told(self, mymonit: Mymonit, closed_port: int, process: str) -> None:
        line = refused(mymonit("health", process, REST_PORT=str(closed_port), HEALTH_PORT=str(closed_port)))

        assert line == f"Error: {process} does not answer at 127.0.0.1:{closed_port}"

    @pytest.mark.parametrize("process", ["rest", "listen"])
    def test_the_exit_status_says_whether_it_is_ready(
        self, mymonit: Mymonit, process: str, monkeypatch: pytest.MonkeyPatch, closed_port: int
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port}")
        health, port = Health(), free_port()
        with served(health, HealthConfiguration(host="127.0.0.1", port=port)):
            ports = {"REST_PORT": str(port), "HEALTH_PORT": str(port)}

            assert "starting" in refused(mymonit("health", process, **ports))
            health.succeed()
            assert mymonit("health", process, **ports).output == "ready\n"


class TestMigrate:
    @pytest.fixture(name="fresh")
    def fresh_servers(
        self, administrator: Session, management: Management, rabbit_configuration: RabbitConfiguration,
        storage_configuration: StorageConfiguration,
    ) -> Iterator[dict[str, str]]:
        """Names that nothing bears yet; what is made of them is gone afterwards."""
        database, vhost = f"{storage_configuration.database}_cli", f"{rabbit_configuration.vhost}-cli"
        account = f"{storage_configuration.user}_cli"
        yield {
            "DB_DATABASE": database, "DB_USER": account, "RABBIT_VHOST": vhost, "RABBIT_USER": account
        }
        administrator.execute(f"DROP DATABASE IF EXISTS `{database}`")
        administrator.execute(f"DROP USER IF EXISTS '{account}'@'%'")
        management.delete("vhosts", vhost)
        management.delete("users", account)

    def test_everything_is_made_once_and_then_up_to_date(self, mymonit: Mymonit, fresh: dict[str, str]) -> None:
        first, second = mymonit("migrate", **fresh), mymonit("migrate", **fresh)

        assert first.exit_code == second.exit_code == 0
        assert first.output.splitlines()[0].startswith("schema: 0001_")
        assert second.output == "schema: up to date\nbroker: up to date\n"
        assert mymonit("quarantine", "list", **fresh).exit_code == 0

    def test_a_start_without_it_says_what_to_do(
        self, mymonit: Mymonit, fresh: dict[str, str], administrator: Session
    ) -> None:
        for command in ("rest", "listen"):
            refused(mymonit(command, **fresh))
        mymonit("migrate", **fresh)
        administrator.execute(f"GRANT DELETE ON `{fresh['DB_DATABASE']}`.AUDIT TO '{fresh['DB_USER']}'@'%'")

        assert "mymonit migrate" in refused(mymonit("rest", **fresh))
        mymonit("migrate", **fresh)
        table = f"`{fresh['DB_DATABASE']}`.SCHEMA_MIGRATIONS"
        administrator.execute(f"UPDATE {table} SET finished = NULL WHERE version > 1")
        assert "mymonit migrate" in refused(mymonit("listen", **fresh))


class TestListen:
    def test_sigterm_ends_it_with_0(self, mymonit: Mymonit, clean_tables: None, eventually: Eventually) -> None:
        port = free_port()

        def is_ready() -> bool:
            try:
                return requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).ok
            except requests.RequestException:
                return False

        ready: list[bool] = []

        def end_when_ready() -> None:
            try:
                ready.append(eventually(is_ready, within=20))
            finally:  # otherwise nothing would ever end it
                os.kill(os.getpid(), signal.SIGTERM)

        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        ending = threading.Thread(target=end_when_ready)
        ending.start()
        try:
            result = mymonit("listen", HEALTH_PORT=str(port))
        finally:
            ending.join()
            for number, handler in handlers.items():
                signal.signal(number, handler)

        assert (ready, result.exit_code) == ([True], 0)

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"RABBIT_QUEUE": "absent"}, "mymonit migrate"),
            ({"RABBIT_EXCHANGE": "absent"}, "mymonit migrate"),
            ({"RABBIT_USER": "nobody"}, "RABBIT_USER"),
            ({"RABBIT_VHOST": "absent"}, "RABBIT_VHOST"),
            ({"RABBIT_CA": "/nowhere", "RABBIT_URL": "amqps://localhost"}, "RABBIT_CA"),
            ({"DB_PASSWORD": "wrong"}, "account"),
            ({"DB_DATABASE": "absent"}, "database"),
        ],
        ids=str,
    )
    def test_what_no_retry_can_mend_ends_the_start(
        self, mymonit: Mymonit, clean_tables: None, changes: dict[str, str], told: str
    ) -> None:
        assert told in refused(mymonit("listen", HEALTH_PORT=str(free_port()), **changes))

    def test_a_health_port_that_is_in_use_is_told(self, mymonit: Mymonit, clean_tables: None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            assert "HEALTH_PORT" in refused(mymonit("listen", HEALTH_PORT=str(port)))


class TestRest:
    def test_each_worker_makes_its_own_application(
        self, mymonit: Mymonit, rest_container: Container, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The workers are forked, so nothing that is open before may be theirs."""
        made: list[tuple[object, Flask]] = []

        def run(listener: RestListener) -> None:
            made.extend((listener.cfg, listener.load()) for _ in range(2))

        monkeypatch.setattr(RestListener, "run", run)
        result = mymonit("rest", REST_HOST="127.0.0.1", REST_PORT="8123", REST_WORKERS="3", REST_THREADS="5")
        rest_container.wire()

        assert result.exit_code == 0, result.output
        (settings, first), (_, second) = made
        assert (settings.bind, settings.workers, settings.threads) == (["127.0.0.1:8123"], 3, 5)
        assert first is not second

    def test_a_port_that_is_in_use_is_told(self, mymonit: Mymonit) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            assert "REST_PORT" in refused(mymonit("rest", REST_HOST="127.0.0.1", REST_PORT=str(port)))

    def test_it_serves_and_sigterm_ends_it_with_0(
        self, environment: dict[str, str], clean_tables: None, tmp_path: Path
    ) -> None:
        settings = {"IDENTITY": "local", "IDENTITY_KEY_FILE": str(tmp_path / "key.pem")}
        process = RestProcess({**environment, **settings}, port=free_port(), log=tmp_path / "rest.log")

        try:
            process.wait_until_ready()
            assert requests.get(f"{process.address}/users/", timeout=5).status_code == 401
            assert process.terminate() == 0
        finally:
            process.close()
        assert "Traceback" not in process.log
