import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mymonit_adapters.cli import main

SERIES = ["--experiment", "device-vibrations", "--measure", "hertz"]
ACCOUNT = {"RABBIT_USER": "adapter", "RABBIT_PASSWORD": "correct horse"}
NONE = dict.fromkeys(
    f"RABBIT_{name}"
    for name in ("URL", "PORT", "CA", "USER", "PASSWORD", "PASSWORD_FILE", "VHOST", "EXCHANGE", "ROUTING")
)


def adapter(*arguments: str, **environment: str) -> Result:
    return CliRunner(env={**NONE, **environment}).invoke(main, arguments)


def test_help_lists_the_formats_and_the_settings() -> None:
    result = adapter("--help")

    assert result.exit_code == 0
    assert "text    One number per line." in result.stdout
    assert all(name in result.stdout for name in (*NONE, "MYMONIT_SPOOL", "SPOOL_MAX_MIB", "KEEP_DAYS"))
    assert all(command in result.stdout for command in ("check", "resend", "status"))


def test_help_of_a_format_says_what_it_takes() -> None:
    result = adapter("text", "--help")

    assert result.exit_code == 0
    assert all(word in result.stdout for word in ("FILE", "--experiment", "--measure", "--sensor", "--unit", "--wait", "--follow"))


def test_a_missing_setting_is_named_in_one_line() -> None:
    result = adapter("text", "-", *SERIES, **ACCOUNT)

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "RABBIT_URL is missing" in result.stderr


def test_a_broker_elsewhere_without_tls_is_refused() -> None:
    result = adapter("text", "-", *SERIES, **ACCOUNT, RABBIT_URL="amqp://broker.example.org")

    assert result.exit_code == 2
    assert "amqps://" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["text", "-", "--measure", "hertz"],
        ["text", "-", "--experiment", "lab"],
        ["text", "-", "--experiment", "a.b", "--measure", "hertz"],
        ["text", "no such file", *SERIES],
        ["text", "-", *SERIES, "--wait", "-1"],
        ["text", "-", *SERIES, "--password", "secret"],
        ["punched-cards", "-", *SERIES],
        ["text", "-", *SERIES, "--config", "no such file"],
        ["resend", "--since", "yesterday"],
        ["resend", "--since", "2026-11-20T03:00:00"],
        ["resend"],
    ],
)
def test_bad_arguments_end_it_before_anything_is_read(arguments: list[str]) -> None:
    assert adapter(*arguments, **ACCOUNT, RABBIT_URL="localhost").exit_code == 2


CONFIGURATION = """
name = "pump"
format = "csv"
experiment = "lab"

[time]
field = "t"
format = "epoch-s"

[[measures]]
field = "p"
measure = "pascal"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "pump.toml"
    path.write_text(CONFIGURATION)
    return path


def test_a_dry_run_shows_what_would_be_sent_and_needs_no_broker(tmp_path: Path, config: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.csv").write_text("t,p\n2,20\n")
    (tmp_path / "in" / "a.csv").write_text("t,p\n1,10\n")

    result = adapter("csv", str(tmp_path / "in"), "--config", str(config), "--dry-run")

    assert result.exit_code == 0
    assert [json.loads(line)["value"] for line in result.stdout.splitlines()] == [10.0, 20.0]


def test_a_configuration_of_another_format_is_refused(config: Path) -> None:
    result = adapter("text", "-", "--config", str(config), "--dry-run")

    assert result.exit_code == 2
    assert "format" in result.stderr


def test_a_configuration_and_a_series_are_one_too_many(config: Path) -> None:
    result = adapter("csv", "-", "--config", str(config), "--sensor", "north")

    assert result.exit_code == 2
    assert "--sensor" in result.stderr


def test_a_mistake_in_a_configuration_is_found(config: Path) -> None:
    assert adapter("check", str(config)).exit_code == 0

    config.write_text(CONFIGURATION.replace("measure =", "mesure ="))

    assert adapter("check", str(config)).exit_code == 1


@pytest.mark.parametrize("setting", ["SPOOL_MAX_MIB", "KEEP_DAYS"])
def test_a_senseless_setting_of_the_spool_is_named(setting: str) -> None:
    result = adapter("text", "-", *SERIES, **ACCOUNT, RABBIT_URL="localhost", **{setting: "-1"})

    assert result.exit_code == 2
    assert setting in result.stderr


def test_the_status_of_no_spool_at_all_is_nothing(tmp_path: Path) -> None:
    result = adapter("status", "--spool", str(tmp_path))

    assert (result.exit_code, result.stdout) == (0, "")
