import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from my_monit import settings
from my_monit.errors import ConfigurationError
from my_monit.settings import (
    DemonstrationConfiguration, HealthConfiguration, IdentityConfiguration, IngestionConfiguration,
    LoggingConfiguration, RabbitAdministration, RabbitConfiguration, RestConfiguration, SignInConfiguration,
    StorageAdministration, StorageConfiguration, load,
)

SECRET = "a-secret-that-no-message-may-show"

GROUPS = {
    StorageConfiguration: {"DB_PASSWORD"},
    StorageAdministration: {"DB_ADMIN_USER", "DB_ADMIN_PASSWORD"},
    RabbitConfiguration: {"RABBIT_PASSWORD"},
    RabbitAdministration: {"RABBIT_ADMIN_USER", "RABBIT_ADMIN_PASSWORD"},
    DemonstrationConfiguration: {"ADAPTER_PASSWORD"},
    IngestionConfiguration: set(),
    RestConfiguration: set(),
    HealthConfiguration: set(),
    IdentityConfiguration: set(),
    SignInConfiguration: set(),
    LoggingConfiguration: set(),
}
SECRETS = {
    "DB_PASSWORD": StorageConfiguration, "DB_ADMIN_PASSWORD": StorageAdministration,
    "RABBIT_PASSWORD": RabbitConfiguration, "RABBIT_ADMIN_PASSWORD": RabbitAdministration,
    "ADAPTER_PASSWORD": DemonstrationConfiguration, "FIREBASE_API_KEY": SignInConfiguration,
    "OIDC_CLIENT_SECRET": SignInConfiguration, "SIGN_IN_KEY": SignInConfiguration,
}
_PREFIXES = (
    "DB", "RABBIT", "ADAPTER", "REST", "HEALTH", "IDENTITY", "OIDC", "LOG", "LOGSTASH", "GOOGLE", "MAX", "FIREBASE",
    "SIGN", "MYMONIT",
)


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.partition("_")[0] in _PREFIXES:
            monkeypatch.delenv(name)


@pytest.fixture(name="given")
def all_that_is_needed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for needed in GROUPS.values():
        for name in needed:
            monkeypatch.setenv(name, SECRET)
    return monkeypatch


@pytest.mark.parametrize(("group", "needed"), GROUPS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_what_has_no_default_must_be_set(group: type[settings._Settings], needed: set[str]) -> None:
    if not needed:
        load(group)
        return
    with pytest.raises(ConfigurationError) as error:
        load(group)

    assert {part.split(" is not set")[0] for part in str(error.value).split("; ")} == needed
    assert "\n" not in str(error.value)


def test_the_defaults_are_those_of_the_documentation(given: pytest.MonkeyPatch) -> None:
    storage, rabbit, rest = load(StorageConfiguration), load(RabbitConfiguration), load(RestConfiguration)

    assert (storage.host, storage.port, storage.database, storage.user) == ("127.0.0.1", 3306, "mymonit", "mymonit")
    assert (rabbit.vhost, rabbit.exchange, rabbit.routing, rabbit.queue) == ("/", "mymonit", "measures", "measures")
    assert (rest.host, rest.port) == ("127.0.0.1", 8000)
    assert load(IngestionConfiguration).max_future == 86_400
    assert load(IdentityConfiguration).identity == "local"
    assert load(LoggingConfiguration).logstash_host is None
    assert (load(StorageAdministration).schema_folder / "0001_people.sql").is_file()


@pytest.mark.parametrize(
    ("group", "variable", "value", "field"),
    [
        (StorageConfiguration, "DB_HOST", "db.example.org", "host"),
        (StorageConfiguration, "DB_PORT", "13306", "port"),
        (StorageConfiguration, "DB_DATABASE", "lab_7", "database"),
        (StorageConfiguration, "DB_USER", "somebody", "user"),
        (StorageConfiguration, "DB_CONNECTIONS", "3", "connections"),
        (StorageAdministration, "DB_ADMIN_USER", "root", "admin_user"),
        (StorageAdministration, "DB_SCHEMA", "/schema", "schema_folder"),
        (RabbitConfiguration, "RABBIT_PORT", "15671", "port"),
        (RabbitConfiguration, "RABBIT_VHOST", "lab", "vhost"),
        (RabbitConfiguration, "RABBIT_USER", "somebody", "user"),
        (RabbitConfiguration, "RABBIT_EXCHANGE", "lab", "exchange"),
        (RabbitConfiguration, "RABBIT_ROUTING", "readings", "routing"),
        (RabbitConfiguration, "RABBIT_QUEUE", "readings", "queue"),
        (RabbitConfiguration, "RABBIT_CA", "/ca.crt", "ca"),
        (RabbitConfiguration, "RABBIT_BATCH", "10", "batch"),
        (RabbitConfiguration, "RABBIT_BATCH_SECS", "0.5", "batch_secs"),
        (RabbitAdministration, "RABBIT_MANAGEMENT_URL", "https://broker:15671", "management_url"),
        (DemonstrationConfiguration, "ADAPTER_USER", "somebody", "user"),
        (IngestionConfiguration, "MAX_FUTURE", "0", "max_future"),
        (IngestionConfiguration, "DEDUPLICATION_DAYS", "1", "deduplication_days"),
        (RestConfiguration, "REST_HOST", "0.0.0.0", "host"),
        (RestConfiguration, "REST_WORKERS", "4", "workers"),
        (HealthConfiguration, "HEALTH_PORT", "9000", "port"),
        (IdentityConfiguration, "IDENTITY", "firebase", "identity"),
        (IdentityConfiguration, "IDENTITY_KEY_FILE", "/key.pem", "identity_key_file"),
        (IdentityConfiguration, "GOOGLE_APPLICATION_CREDENTIALS", "/account.json", "google_application_credentials"),
        (IdentityConfiguration, "FIREBASE_AUTH_EMULATOR_HOST", "localhost:9099", "firebase_auth_emulator_host"),
        (IdentityConfiguration, "MYMONIT_MODE", "development", "mymonit_mode"),
        (SignInConfiguration, "OIDC_CLIENT_ID", "page", "oidc_client_id"),
        (SignInConfiguration, "OIDC_SCOPE", "openid lab", "oidc_scope"),
        (LoggingConfiguration, "LOG_LEVEL", "DEBUG", "log_level"),
        (LoggingConfiguration, "LOGSTASH_HOST", "logstash", "logstash_host"),
        (LoggingConfiguration, "LOGSTASH_PORT", "5044", "logstash_port"),
    ],
)
def test_a_variable_sets_its_field(
    given: pytest.MonkeyPatch, group: type[settings._Settings], variable: str, value: str, field: str
) -> None:
    given.setenv(variable, value)

    assert str(getattr(load(group), field)) == value


@pytest.mark.parametrize(
    ("group", "variable", "values"),
    [
        (StorageConfiguration, "DB_PORT", ["0", "65536", "x", "-1", "3306.5"]),
        (StorageConfiguration, "DB_DATABASE", ["a b", "a`b", "x" * 65, "é"]),
        (StorageConfiguration, "DB_CONNECTIONS", ["0", "1001"]),
        (RabbitConfiguration, "RABBIT_URL", ["http://broker", "amqps://", "ftp://user:password@broker", "amqp:///x"]),
        (RabbitConfiguration, "RABBIT_URL", ["amqps://broker:port", "amqps://broker:99999", "amqp://[::1"]),
        (RabbitConfiguration, "RABBIT_PORT", ["0", "x"]),
        (RabbitConfiguration, "RABBIT_ROUTING", ["a.b", "#", "a b", "measures.*"]),
        (RabbitConfiguration, "RABBIT_BATCH", ["0", "10001", "x"]),
        (RabbitConfiguration, "RABBIT_BATCH_SECS", ["0", "-1", "11", "nan", "inf"]),
        (RabbitAdministration, "RABBIT_MANAGEMENT_URL", ["broker:15672", "amqp://broker"]),
        (IngestionConfiguration, "MAX_FUTURE", ["-1", "tomorrow"]),
        (IngestionConfiguration, "DEDUPLICATION_DAYS", ["0", "-1", "1.5", "36501"]),
        (RestConfiguration, "REST_WORKERS", ["0", "65", "many"]),
        (RestConfiguration, "REST_THREADS", ["0", "65"]),
        (HealthConfiguration, "HEALTH_PORT", ["0", "70000"]),
        (IdentityConfiguration, "IDENTITY", ["LOCAL", "magic", "saml"]),
        (
            IdentityConfiguration,
            "OIDC_ISSUER",
            ["lab.example", "http://lab.example", "ftp://lab.example", "https://a@lab.example", "https://lab.example?x"],
        ),
        (IdentityConfiguration, "MYMONIT_MODE", ["PRODUCTION", "test"]),
        (IdentityConfiguration, "FIREBASE_AUTH_EMULATOR_HOST", ["localhost", "http://localhost:9", "localhost:9/x"]),
        (SignInConfiguration, "SIGN_IN_KEY", [("0123456789abcdef" * 2)[1:], "x" * 32, "changeme" * 6, "password" * 4]),
        (LoggingConfiguration, "LOG_LEVEL", ["debug", "LOUD", "10"]),
    ],
)
def test_a_senseless_value_is_named_in_one_line_but_not_repeated(
    given: pytest.MonkeyPatch, group: type[settings._Settings], variable: str, values: list[str]
) -> None:
    for value in values:
        given.setenv(variable, value)
        with pytest.raises(ConfigurationError) as error:
            load(group)
        assert str(error.value).startswith(f"{variable}: "), value
        assert "\n" not in str(error.value)
        assert SECRET not in str(error.value) and "password@" not in str(error.value)


def test_all_faults_of_a_group_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PORT", "x")

    with pytest.raises(ConfigurationError, match="DB_PORT: .*; DB_PASSWORD is not set") as error:
        load(StorageConfiguration)
    assert "its password" in str(error.value)


def test_an_empty_variable_is_not_set(given: pytest.MonkeyPatch) -> None:
    given.setenv("DB_PASSWORD", "")
    given.setenv("DB_HOST", "")

    with pytest.raises(ConfigurationError, match="DB_PASSWORD is not set"):
        load(StorageConfiguration)


class TestSecretsInFiles:
    @pytest.mark.parametrize(("variable", "group"), SECRETS.items())
    def test_every_secret_may_come_from_a_file(
        self, given: pytest.MonkeyPatch, tmp_path: Path, variable: str, group: type[settings._Settings]
    ) -> None:
        (tmp_path / "secret").write_text("from-the-file, which is long enough\r\n", encoding="utf-8")
        given.delenv(variable, raising=False)
        given.setenv(f"{variable}_FILE", str(tmp_path / "secret"))

        loaded = load(group)

        secret = getattr(loaded, variable.lower().removeprefix(str(group.model_config["env_prefix"]).lower()))
        assert secret.get_secret_value() == "from-the-file, which is long enough"
        assert "from-the-file" not in repr(loaded)

    def test_a_variable_and_a_file_at_once_are_a_mistake(self, given: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("from-the-file", encoding="utf-8")
        given.setenv("DB_PASSWORD_FILE", str(tmp_path / "secret"))

        with pytest.raises(ConfigurationError, match="DB_PASSWORD and DB_PASSWORD_FILE are both set"):
            load(StorageConfiguration)

    def test_only_the_lines_end_is_cut_from_a_file(self, given: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text(" blanks count \n", encoding="utf-8")
        given.delenv("DB_PASSWORD")
        given.setenv("DB_PASSWORD_FILE", str(tmp_path / "secret"))

        assert load(StorageConfiguration).password.get_secret_value() == " blanks count "

    @pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "no text"])
    def test_a_file_that_cannot_be_read_is_told(
        self, given: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
    ) -> None:
        if content is not None:
            (tmp_path / "secret").write_bytes(content)
        given.delenv("DB_PASSWORD")
        given.setenv("DB_PASSWORD_FILE", str(tmp_path / "secret"))

        with pytest.raises(ConfigurationError, match="DB_PASSWORD_FILE: the file .* cannot be read"):
            load(StorageConfiguration)

    def test_an_empty_file_is_no_password(self, given: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("\n", encoding="utf-8")
        given.delenv("DB_PASSWORD")
        given.setenv("DB_PASSWORD_FILE", str(tmp_path / "secret"))

        with pytest.raises(ConfigurationError, match="DB_PASSWORD"):
            load(StorageConfiguration)

    def test_what_is_no_secret_is_not_read_from_a_file(self, given: pytest.MonkeyPatch, tmp_path: Path) -> None:
        given.setenv("DB_USER_FILE", "/nowhere")

        assert load(StorageConfiguration).user == "mymonit"


class TestTheBrokersAddress:
    @pytest.mark.parametrize(
        ("url", "port", "ca", "address", "tls"),
        [
            ("broker", None, None, ("broker", 5672), False),
            ("broker", None, "/ca.crt", ("broker", 5671), True),
            ("broker", "5671", None, ("broker", 5671), True),
            ("broker", "15672", None, ("broker", 15672), False),
            ("broker:7000", None, None, ("broker", 7000), False),
            ("10.0.0.7", None, None, ("10.0.0.7", 5672), False),
            ("amqp://broker", None, None, ("broker", 5672), False),
            ("amqp://broker", None, "/ca.crt", ("broker", 5672), False),
            ("amqp://broker:7000", "1", None, ("broker", 7000), False),
            ("amqps://broker", None, None, ("broker", 5671), True),
            ("amqps://broker", "7000", None, ("broker", 7000), True),
            ("amqps://broker:7000", None, "/ca.crt", ("broker", 7000), True),
            ("amqps://[::1]:7000", None, None, ("::1", 7000), True),
        ],
    )
    def test_a_host_name_or_a_url_says_it(
        self, given: pytest.MonkeyPatch, url: str, port: str | None, ca: str | None, address: tuple[str, int], tls: bool
    ) -> None:
        for name, value in (("RABBIT_URL", url), ("RABBIT_PORT", port), ("RABBIT_CA", ca)):
            if value:
                given.setenv(name, value)

        rabbit = load(RabbitConfiguration)

        assert (rabbit.address, rabbit.tls) == (address, tls)

    @pytest.mark.parametrize("url", ["amqps://user:secret@broker", "amqp://broker/lab", "amqps://broker?heartbeat=0"])
    def test_what_a_url_says_beyond_the_address_would_be_ignored_so_it_is_refused(
        self, given: pytest.MonkeyPatch, url: str
    ) -> None:
        given.setenv("RABBIT_URL", url)

        with pytest.raises(ConfigurationError, match="RABBIT_URL: ") as error:
            load(RabbitConfiguration)
        assert "secret" not in str(error.value)


def test_a_value_of_the_program_goes_before_the_environment(given: pytest.MonkeyPatch) -> None:
    """The tests rely on it: nothing of theirs may reach the database that the environment names."""
    given.setenv("DB_DATABASE", "precious")

    own = StorageConfiguration(database="check_1", user="test_1", password=SecretStr("x"))

    assert (own.database, own.user, own.password.get_secret_value()) == ("check_1", "test_1", "x")
