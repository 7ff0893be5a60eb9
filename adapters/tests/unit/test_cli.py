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
    assert "text  One number per line." in result.stdout
    assert all(name in result.stdout for name in NONE)


def test_help_of_a_format_says_what_it_takes() -> None:
    result = adapter("text", "--help")

    assert result.exit_code == 0
    assert all(word in result.stdout for word in ("FILE", "--experiment", "--measure", "--sensor", "--unit", "--wait"))


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
    ],
)
def test_bad_arguments_end_it_before_anything_is_read(arguments: list[str]) -> None:
    assert adapter(*arguments, **ACCOUNT, RABBIT_URL="localhost").exit_code == 2
