import ssl
from pathlib import Path

import pytest
from mymonit_adapters.errors import SettingsError
from mymonit_adapters.settings import Broker, read_settings

ACCOUNT = {"RABBIT_USER": "adapter", "RABBIT_PASSWORD": "correct horse"}


def read(**settings: str) -> Broker:
    return read_settings({"RABBIT_URL": "broker.example.org", **ACCOUNT, **settings})


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({"RABBIT_URL": "broker.example.org"}, ("broker.example.org", 5671)),
        ({"RABBIT_URL": "broker.example.org", "RABBIT_PORT": "1234"}, ("broker.example.org", 1234)),
        ({"RABBIT_URL": "amqps://broker.example.org"}, ("broker.example.org", 5671)),
        ({"RABBIT_URL": "amqps://broker.example.org:9/", "RABBIT_PORT": "1234"}, ("broker.example.org", 9)),
        ({"RABBIT_URL": "amqps://[::1]:9"}, ("::1", 9)),
    ],
)
def test_host_and_port_come_from_the_url(settings: dict[str, str], address: tuple[str, int]) -> None:
    broker = read(**settings)

    assert (broker.host, broker.port) == address


def test_the_brokers_certificate_and_host_name_are_verified() -> None:
    tls = read().tls

    assert tls is not None
    assert tls.check_hostname
    assert tls.verify_mode == ssl.CERT_REQUIRED
    assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_without_tls_this_machines_broker_may_be_used(host: str) -> None:
    broker = read(RABBIT_URL=f"amqp://{host}")

    assert (broker.tls, broker.port) == (None, 5672)


@pytest.mark.parametrize("host", ["broker.example.org", "192.168.1.1", "localhost.example.org", "0.0.0.0"])
def test_without_tls_no_other_broker_may_be_used(host: str) -> None:
    with pytest.raises(SettingsError, match="RABBIT_URL must begin with amqps://"):
        read(RABBIT_URL=f"amqp://{host}:5672")


def test_names_have_the_defaults_of_the_message_contract() -> None:
    broker = read()

    assert (broker.vhost, broker.exchange, broker.routing) == ("/", "mymonit", "measures")


def test_an_empty_setting_counts_as_not_given() -> None:
    assert read(RABBIT_VHOST="", RABBIT_PORT="").vhost == "/"


def test_the_password_can_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("from a file\n")

    broker = read(RABBIT_PASSWORD="", RABBIT_PASSWORD_FILE=str(path))

    assert broker.password == "from a file"


def test_the_password_is_not_shown_with_the_settings() -> None:
    assert "correct horse" not in repr(read())


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("RABBIT_URL", ""),
        ("RABBIT_URL", "https://broker.example.org"),
        ("RABBIT_URL", "amqps://"),
        ("RABBIT_URL", "amqps://broker.example.org/vhost"),
        ("RABBIT_URL", "amqps://broker.example.org?heartbeat=1"),
        ("RABBIT_URL", "amqps://adapter:secret@broker.example.org"),
        ("RABBIT_URL", "amqps://broker.example.org:0"),
        ("RABBIT_URL", "amqps://broker.example.org:99999"),
        ("RABBIT_URL", "amqps://broker.example.org:port"),
        ("RABBIT_URL", "amqps://[::1"),
        ("RABBIT_URL", "two words"),
        ("RABBIT_PORT", "0"),
        ("RABBIT_PORT", "65536"),
        ("RABBIT_PORT", "-1"),
        ("RABBIT_PORT", "²"),
        ("RABBIT_PORT", "9" * 5_000),
        ("RABBIT_USER", ""),
        ("RABBIT_USER", "a\nb"),
        ("RABBIT_PASSWORD", ""),
        ("RABBIT_PASSWORD_FILE", "also a file"),
        ("RABBIT_EXCHANGE", "x" * 191),
        ("RABBIT_ROUTING", "a\x00"),
        ("RABBIT_CA", "no such file"),
        ("RABBIT_CA", __file__),
    ],
)
def test_a_missing_or_senseless_setting_is_named_in_one_line(setting: str, value: str) -> None:
    with pytest.raises(SettingsError, match=setting) as caught:
        read(**{setting: value})

    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for content in (None, b"\xff", b"\n"):
        path = tmp_path / "password"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SettingsError, match="RABBIT_PASSWORD_FILE"):
            read(RABBIT_PASSWORD="", RABBIT_PASSWORD_FILE=str(path))
