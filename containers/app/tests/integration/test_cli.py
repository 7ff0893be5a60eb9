"""The command `mymonit`, as it is typed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import click
import pika
import pytest
import requests
from click.testing import CliRunner, Result
from flask import Flask

import my_monit
from my_monit.cli import main
from my_monit.health import Health, served
from my_monit.identity.local import LocalIdentity
from my_monit.logs.setup import setup_logging
from my_monit.messaging.management import Management
from my_monit.model import Quarantined, Reason, Role, User
from my_monit.rest.listener import RestListener
from my_monit.settings import HealthConfiguration, LoggingConfiguration, RabbitConfiguration, StorageConfiguration
from my_monit.storage.connector import Session
from my_monit.storage.storage import Storage
from my_monit.wiring import Container
from tests.conftest import Eventually
from tests.integration.laboratory import CANARY, Laboratory
from tests.integration.publisher import Account, Publisher

Mymonit = Callable[..., Result]
Audited = Callable[[], tuple[str, str, str, str]]

PAT = {
    "--id": "S100", "--role": "SCIENTIST", "--name": "Canary-Pat", "--username": "canary-pat",
    "--email": "canary-pat@example.org",
}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(name="mymonit")
def command(environment: dict[str, str], tmp_path: Path) -> Iterator[Mymonit]:
    """Runs the command in this process, with the settings of the test's servers; a setting None is left out."""
    settings: dict[str, str | None] = {
        **environment, "IDENTITY": "local", "IDENTITY_KEY_FILE": str(tmp_path / "key.pem"), "LOGSTASH_HOST": None,
        "LOG_LEVEL": None,
    }

    def run(*arguments: str, given: str = "", **changes: str | None) -> Result:
        return CliRunner().invoke(main, arguments, input=given, env={**settings, **changes})

    yield run
    setup_logging(LoggingConfiguration(logstash_host=None)).close()


def arguments(options: dict[str, str]) -> list[str]:
    return [part for option in options.items() for part in option]


def refused(result: Result) -> str:
    """What the command says when it fails: one line."""
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


@pytest.mark.parametrize("path", [(), *commands(main)], ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_explains_itself_without_any_setting(path: tuple[str, ...], option: str) -> None:
    nothing = {name: None for name in os.environ if name.startswith(("DB_", "RABBIT_"))}

    result = CliRunner().invoke(main, [*path, option], env=nothing)

    assert result.exit_code == 0
    usage, _, explanation, *_ = result.output.splitlines()
    assert usage.startswith("Usage: ") and explanation.strip()[0].isupper()


def test_it_tells_its_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"mymonit, version {my_monit.__version__}\n"


@pytest.mark.parametrize(
    ("typed", "changes", "variables"),
    [
        ("listen", {"DB_PASSWORD": None}, ["DB_PASSWORD"]),
        ("listen", {"RABBIT_PASSWORD": None}, ["RABBIT_PASSWORD"]),
        ("listen", {"RABBIT_URL": "http://broker"}, ["RABBIT_URL"]),
        ("listen", {"HEALTH_PORT": "0"}, ["HEALTH_PORT"]),
        ("rest", {"DB_PASSWORD": ""}, ["DB_PASSWORD"]),
        ("rest", {"DB_PORT": "65536"}, ["DB_PORT"]),
        ("rest", {"REST_WORKERS": "many"}, ["REST_WORKERS"]),
        ("rest", {"IDENTITY": "magic"}, ["IDENTITY"]),
        ("rest", {"IDENTITY": "firebase", "GOOGLE_APPLICATION_CREDENTIALS": None}, ["GOOGLE_APPLICATION_CREDENTIALS"]),
        ("migrate", {"DB_ADMIN_USER": None, "DB_ADMIN_PASSWORD": None}, ["DB_ADMIN_USER", "DB_ADMIN_PASSWORD"]),
        ("migrate", {"DB_SCHEMA": "/nowhere"}, ["DB_SCHEMA"]),
        ("migrate", {"RABBIT_ADMIN_PASSWORD": None}, ["RABBIT_ADMIN_PASSWORD"]),
        ("demo-data", {"ADAPTER_PASSWORD": None}, ["ADAPTER_PASSWORD"]),
        ("token A001", {"DB_PASSWORD": None, "DB_PASSWORD_FILE": "/nowhere"}, ["DB_PASSWORD_FILE"]),
        ("quarantine list", {"DB_DATABASE": "a b"}, ["DB_DATABASE"]),
        ("health", {"LOG_LEVEL": "LOUD"}, ["LOG_LEVEL"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_setting_that_is_missing_or_senseless_is_named_in_one_line(
    mymonit: Mymonit, clean_tables: None, typed: str, changes: dict[str, str | None], variables: list[str]
) -> None:
    line = refused(mymonit(*typed.split(), **changes))

    assert [variable for variable in variables if variable not in line] == []
    assert "http://broker" not in line and "many" not in line


def test_a_secret_may_come_from_a_file(mymonit: Mymonit, environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(environment["DB_PASSWORD"] + "\n", encoding="utf-8")

    assert mymonit("quarantine", "list", DB_PASSWORD=None, DB_PASSWORD_FILE=str(file)).exit_code == 0


@pytest.mark.parametrize("typed", ["rest", "listen", "user add", "token A001", "quarantine list", "demo-data"])
def test_a_database_that_is_away_is_told_in_one_line(mymonit: Mymonit, closed_port: int, typed: str) -> None:
    options = arguments(PAT) if typed == "user add" else []

    assert "database" in refused(mymonit(*typed.split(), *options, DB_PORT=str(closed_port)))


class TestUserAdd:
    def test_a_user_is_added_as_the_options_say(
        self, mymonit: Mymonit, storage: Storage, audited: Audited
    ) -> None:
        result = mymonit("user", "add", *arguments(PAT))

        assert (result.exit_code, result.output) == (0, "added S100\n")
        with storage.unit() as unit:
            user = unit.users.get("S100")
        assert user == User(
            "S100", name="Canary-Pat", username="canary-pat", email="canary-pat@example.org", role=Role.SCIENTIST
        )
        assert audited() == ("@console", "user.create", "user:S100", "success")

    def test_what_no_option_says_is_asked_for(self, mymonit: Mymonit, storage: Storage) -> None:
        result = mymonit("user", "add", "--id", "A100", given="ADMIN\nPat\npat-uid\npat@example.org\n")

        assert result.exit_code == 0
        assert result.output.splitlines()[-1] == "added A100"
        with storage.unit() as unit:
            assert unit.users.get("A100") == User(
                "A100", name="Pat", username="pat-uid", email="pat@example.org", role=Role.ADMIN
            )

    @pytest.mark.parametrize(
        ("option", "value", "named"),
        [
            *[("--id", value, "user_id") for value in ("a b", "", "me", "@console")],
            ("--name", "a\nb", "name"), ("--name", " ", "name"), ("--username", "x" * 129, "username"),
            ("--email", "\x1b[31m", "email"),
        ],
    )
    def test_what_breaks_a_rule_is_named(
        self, mymonit: Mymonit, storage: Storage, option: str, value: str, named: str
    ) -> None:
        line = refused(mymonit("user", "add", *arguments({**PAT, option: value})))

        assert line.startswith(f"Error: {named}: ")
        assert CANARY not in line.lower() and "\x1b" not in line
        with storage.unit() as unit:
            assert unit.users.page(after="", limit=9) == []

    def test_a_role_that_there_is_not_is_refused(self, mymonit: Mymonit) -> None:
        assert mymonit("user", "add", *arguments({**PAT, "--role": "ROOT"})).exit_code == 2

    @pytest.mark.parametrize("option", ["--id", "--username"])
    def test_an_id_and_a_username_are_given_once(self, mymonit: Mymonit, storage: Storage, option: str) -> None:
        assert mymonit("user", "add", *arguments(PAT)).exit_code == 0
        others = {"--id": "S101", "--username": "canary-other"}
        others.pop(option)

        assert "taken" in refused(mymonit("user", "add", *arguments({**PAT, **others})))


class TestToken:
    def test_it_is_printed_alone_and_speaks_for_the_user(
        self, mymonit: Mymonit, laboratory: Laboratory, tmp_path: Path, audited: Audited
    ) -> None:
        result = mymonit("token", "S001", "--hours", "0.5")

        assert result.exit_code == 0 and result.stderr == ""
        (token,) = result.output.splitlines()
        identity = LocalIdentity(tmp_path / "key.pem", issuer="mymonit", audience="mymonit")
        assert identity.verify(token).username == "canary-uid-S001"
        assert audited() == ("@console", "token.mint", "user:S001", "success")

    @pytest.mark.parametrize("staff_id", ["S999", "S009", "canary-uid-S001"])
    def test_only_an_active_user_gets_one(
        self, mymonit: Mymonit, laboratory: Laboratory, audited: Audited, staff_id: str
    ) -> None:
        assert "no such active user" in refused(mymonit("token", staff_id))
        assert audited() == ("@console", "token.mint", f"user:{staff_id}", "not_found")

    @pytest.mark.parametrize("no_id", ["canary@example.org", "Canary Smith", "", "S" * 31])
    def test_what_is_no_staff_id_reaches_neither_the_audit_nor_a_log(
        self, mymonit: Mymonit, storage: Storage, no_id: str
    ) -> None:
        result = mymonit("token", no_id)

        assert result.exit_code == 2 and CANARY not in result.output.lower()
        with storage.unit() as unit:
            assert unit.audit.newest(1) == []

    @pytest.mark.parametrize("hours", ["0", "-1", "24.1", "nan", "inf", "x"])
    def test_it_lives_a_day_at_most(self, mymonit: Mymonit, laboratory: Laboratory, hours: str) -> None:
        result = mymonit("token", "S001", "--hours", hours)

        assert result.exit_code in (1, 2)
        assert "Error: " in result.stderr and "Traceback" not in result.output

    def test_it_is_only_for_tokens_of_our_own(self, mymonit: Mymonit, rest_container: Container) -> None:
        line = refused(mymonit("token", "S001", IDENTITY="firebase", GOOGLE_APPLICATION_CREDENTIALS="/nowhere"))
        assert "GOOGLE_APPLICATION_CREDENTIALS" in line


class TestDemonstrationData:
    @pytest.fixture(name="load")
    def loader(
        self, mymonit: Mymonit, clean_tables: None, rabbit_configuration: RabbitConfiguration, management: Management
    ) -> Iterator[Callable[[], Result]]:
        user = f"demo-{rabbit_configuration.user}"
        yield lambda: mymonit("demo-data", ADAPTER_USER=user, ADAPTER_PASSWORD="demo-password")
        management.delete("users", user)

    def test_loading_it_twice_adds_nothing(
        self, load: Callable[[], Result], administrator: Session, storage: Storage, audited: Audited
    ) -> None:
        def everything() -> list[object]:
            tables = ("USERS", "EXPERIMENTS", "USER_EXPERIMENTS", "SERIES", "MEASURES", "QUARANTINE")
            return [administrator.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]

        first = load()
        once = everything()
        second = load()

        assert first.exit_code == second.exit_code == 0
        assert "A001, S001, S002, U001" in first.output and "demo-password" not in first.output
        assert everything() == once
        assert [len(rows) for rows in once] == [4, 2, 2, 2, 200, 0]
        with storage.unit() as unit:
            assert [(one.user_id, unit.experiments.get(one.experiment_id, visible_to=None).name) for one in (
                unit.associations.current()
            )] == [("S001", "device-vibrations"), ("S002", "black-holes")]
        assert audited() == ("@console", "demonstration.load", "demonstration", "success")
        newest = administrator.rows("SELECT MAX(time) FROM MEASURES")[0][0]
        assert newest < time.time_ns()

    def test_its_broker_account_may_publish_for_every_experiment(
        self, load: Callable[[], Result], rabbit_configuration: RabbitConfiguration
    ) -> None:
        assert load().exit_code == 0

        publisher = Publisher(rabbit_configuration, Account(f"demo-{rabbit_configuration.user}", "demo-password"))
        for key in ("measures", "measures.black-holes"):
            publisher(b"{}", key=key)
        publisher.close()


class TestQuarantine:
    BODY = bytes(range(256)) + "é\u202e\x1b[31m".encode()

    @pytest.fixture(name="ids", autouse=True)
    def refused_messages(self, storage: Storage) -> list[int]:
        with storage.unit() as unit:
            unit.quarantine.add([
                Quarantined(
                    Reason.BAD_STRING, b"adapter\x1b[31m", "measures", b"id\xff\n", 7, "black-holes", '{"app_id": "x"}',
                    self.BODY,
                ),
                Quarantined(Reason.BAD_JSON, b"", "measures", None, None, None, "{}", b""),
            ])
            return [item.quarantine_id for item in unit.quarantine.page(after=0, limit=9)]

    def test_the_list_tells_one_line_for_each(self, mymonit: Mymonit, ids: list[int], audited: Audited) -> None:
        result = mymonit("quarantine", "list")

        assert result.exit_code == 0
        first, second = (line.split("\t") for line in result.output.splitlines())
        assert [first[0], *first[2:]] == [
            str(ids[0]), "bad_string", str(len(self.BODY)), "black-holes", r"'adapter\x1b[31m'"
        ]
        assert [second[0], *second[2:]] == [str(ids[1]), "bad_json", "0", "-", "''"]
        assert audited() == ("@console", "quarantine.list", "quarantine", "success")

    def test_the_list_can_be_narrowed(self, mymonit: Mymonit, ids: list[int]) -> None:
        def listed(*options: str) -> list[int]:
            return [int(line.split("\t")[0]) for line in mymonit("quarantine", "list", *options).output.splitlines()]

        assert listed("--reason", "bad_json") == ids[1:]
        assert listed("--after", str(ids[0])) == ids[1:]
        assert listed("--limit", "1") == ids[:1]
        assert mymonit("quarantine", "list", "--reason", "tired").exit_code == 2
        assert mymonit("quarantine", "list", "--limit", "0").exit_code == 2

    def test_an_item_is_shown_with_control_characters_escaped(
        self, mymonit: Mymonit, ids: list[int], audited: Audited
    ) -> None:
        result = mymonit("quarantine", "show", str(ids[0]))

        told = {line[:12].strip(): line[12:] for line in result.output.splitlines()}
        assert result.exit_code == 0
        assert not {char for char in result.output if not char.isprintable()} - {"\n"}
        assert told["reason"] == "bad_string" and told["element"] == "7" and told["experiment"] == "black-holes"
        assert told["properties"] == '{"app_id": "x"}'
        assert told["message id"] == r"'id\\xff\n'"
        assert told["body"].startswith(r"\x00\x01") and told["bytes"] == str(len(self.BODY))
        assert audited() == ("@console", "quarantine.read", f"quarantine:{ids[0]}", "success")

    def test_an_empty_item_is_shown(self, mymonit: Mymonit, ids: list[int]) -> None:
        told = {line[:12].strip(): line[12:] for line in mymonit("quarantine", "show", str(ids[1])).output.splitlines()}

        assert (told["element"], told["experiment"], told["message id"], told["bytes"]) == ("-", "-", "-", "0")

    def test_the_body_can_be_had_byte_for_byte(self, mymonit: Mymonit, ids: list[int]) -> None:
        assert mymonit("quarantine", "show", "--raw", str(ids[0])).stdout_bytes == self.BODY
        assert mymonit("quarantine", "show", "--raw", str(ids[1])).stdout_bytes == b""

    def test_an_item_that_is_missing_is_told(self, mymonit: Mymonit, ids: list[int], audited: Audited) -> None:
        assert "no such item" in refused(mymonit("quarantine", "show", "999999999999"))
        assert audited()[3] == "not_found"
        assert mymonit("quarantine", "show", "0").exit_code == 2

    def test_every_command_takes_the_same_filters(self, mymonit: Mymonit, ids: list[int]) -> None:
        def listed(*options: str) -> list[int]:
            return [int(line.split("\t")[0]) for line in mymonit("quarantine", "list", *options).output.splitlines()]

        assert listed("--publisher", "adapter\x1b[31m") == listed("--experiment", "black-holes") == ids[:1]
        assert listed("--id", str(ids[1])) == listed("--publisher", "") == ids[1:]
        assert listed("--since", "2020-01-01T00:00:00+01:00") == listed("--until", "2100-01-01T00:00:00Z") == ids
        assert listed("--until", "2020-01-01T00:00:00Z") == listed("--since", "2100-01-01T00:00:00Z") == []

    @pytest.mark.parametrize("command", ["list", "summary", "replay", "discard"])
    @pytest.mark.parametrize("option", [("--since", "yesterday"), ("--until", "2026-01-31T12:00:00"), ("--reason", "x")])
    def test_a_filter_that_means_nothing_is_named(
        self, mymonit: Mymonit, command: str, option: tuple[str, str]
    ) -> None:
        result = mymonit("quarantine", command, *option)

        assert (result.exit_code, option[0] in result.stderr) == (2, True)

    @pytest.mark.parametrize("command", ["list", "replay", "discard"])
    def test_an_id_stands_alone(self, mymonit: Mymonit, ids: list[int], command: str) -> None:
        assert mymonit("quarantine", command, "--id", str(ids[0]), "--reason", "bad_json").exit_code == 2

    def test_the_summary_counts_by_reason_and_by_publisher(self, mymonit: Mymonit) -> None:
        lines = [line.split("\t") for line in mymonit("quarantine", "summary").output.splitlines()]

        assert [(line[0], line[1], line[2], line[5]) for line in lines] == [
            ("bad_json", "1", "0", "''"), ("bad_string", "1", str(len(self.BODY)), r"'adapter\x1b[31m'"),
            ("in all", "1", "2", "''"), ("in all", "1", str(len(self.BODY) + 15), r"'adapter\x1b[31m'"),
        ]

    def test_what_can_be_stored_now_is_stored_and_the_rest_is_counted(
        self, mymonit: Mymonit, storage: Storage, laboratory: Laboratory, audited: Audited
    ) -> None:
        body = b'{"experiment": "late", "measure": "hertz", "value": 1, "timestamp": 1649228400}'
        with storage.unit() as unit:
            unit.quarantine.add([
                Quarantined(Reason.UNKNOWN_EXPERIMENT, b"", "measures", None, 0, "late", "{}", body) for _ in range(3)
            ])
            unit.experiments.add("late")

        result = mymonit("quarantine", "replay", "--reason", "unknown_experiment")
        assert (result.exit_code, result.stdout) == (0, "stored\t3\n")
        assert "trying 3 items" in result.stderr
        assert audited()[1::2] == ("quarantine.replay", "success")
        assert mymonit("quarantine", "replay").stdout == (
            "stored\t0\nrefused\t1\tbad_encoding\nrefused\t1\tbad_json\n"
        )

    def test_one_item_is_replayed_by_its_id(self, mymonit: Mymonit, ids: list[int]) -> None:
        assert "still refused: bad_json" in refused(mymonit("quarantine", "replay", "--id", str(ids[1])))
        assert "no such item" in refused(mymonit("quarantine", "replay", "--id", "999999999999"))

    def test_items_are_discarded_when_somebody_says_yes(
        self, mymonit: Mymonit, ids: list[int], audited: Audited
    ) -> None:
        assert mymonit("quarantine", "discard").exit_code == 2
        assert mymonit("quarantine", "discard", "--yes").exit_code == 2
        assert mymonit("quarantine", "discard", "--reason", "bad_json", given="n\n").exit_code == 1
        assert len(mymonit("quarantine", "list").output.splitlines()) == 2

        result = mymonit("quarantine", "discard", "--reason", "bad_json", given="y\n")
        assert result.exit_code == 0 and "Delete 1 items for good?" in result.output
        assert audited() == ("@console", "quarantine.discard", f"quarantine:{ids[1]}:bad_json", "success")
        assert mymonit("quarantine", "discard", "--id", str(ids[0]), "--yes").stdout == "discarded\t1\n"
        assert mymonit("quarantine", "list").output == ""


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
            except requests.ConnectionError:
                return False

        def end_when_ready() -> None:
            eventually(is_ready, within=20)
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

        assert result.exit_code == 0

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
        self, environment: dict[str, str], clean_tables: None, tmp_path: Path, eventually: Eventually
    ) -> None:
        port = free_port()
        settings = {"REST_PORT": str(port), "IDENTITY": "local", "IDENTITY_KEY_FILE": str(tmp_path / "key.pem")}
        process = subprocess.Popen(
            [sys.executable, "-m", "my_monit", "rest"], env={**environment, **settings}, stderr=subprocess.PIPE,
            text=True, cwd=Path(my_monit.__file__).parents[1],
        )

        def answer(path: str) -> int | None:
            try:
                return requests.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code
            except requests.ConnectionError:
                return None

        try:
            eventually(lambda: answer("/health/ready") == 200, within=30)
            assert answer("/users/") == 401
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "Traceback" not in errors
