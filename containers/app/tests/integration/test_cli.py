"""The command `mymonit`, as it is typed: its settings, users, tokens and the demonstration."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import my_monit
from my_monit.cli import main
from my_monit.identity import api_keys
from my_monit.identity.local import LocalIdentity
from my_monit.messaging.management import Management
from my_monit.model import Role, User
from my_monit.settings import RabbitConfiguration
from my_monit.storage.connector import Session
from my_monit.storage.storage import Storage
from my_monit.wiring import Container
from tests.integration.console import Audited, Mymonit, refused
from tests.integration.keys import add_key
from tests.integration.laboratory import CANARY, SAM, Laboratory
from tests.integration.publisher import Account, Publisher

PAT = {
    "--id": "S100", "--role": "SCIENTIST", "--name": "Canary-Pat", "--username": "canary-pat",
    "--email": "canary-pat@example.org",
}


def arguments(options: dict[str, str]) -> list[str]:
    return [part for option in options.items() for part in option]


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


class TestKeys:
    KEY_ID = "0123456789abcdef"

    def test_a_key_that_was_found_is_revoked_by_its_public_id_alone(
        self, mymonit: Mymonit, laboratory: Laboratory, storage: Storage, audited: Audited
    ) -> None:
        with storage.unit() as unit:
            add_key(unit, self.KEY_ID, SAM)

        result = mymonit("key", "revoke", self.KEY_ID)

        assert (result.exit_code, result.output) == (0, f"revoked {self.KEY_ID} of S001\n")
        assert audited() == ("@console", "key.revoke", f"user:S001 key:{self.KEY_ID}", "success")
        assert "no such key" in refused(mymonit("key", "revoke", self.KEY_ID))
        assert audited() == ("@console", "key.revoke", f"key:{self.KEY_ID}", "not_found")

    def test_a_whole_key_is_not_shown_again_when_it_is_typed_by_mistake(self, mymonit: Mymonit) -> None:
        secret = "5" * 64

        result = mymonit("key", "revoke", api_keys.assemble(self.KEY_ID, secret))

        assert result.exit_code == 2 and secret not in result.output


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
