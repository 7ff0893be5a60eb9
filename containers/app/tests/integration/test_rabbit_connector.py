"""Which brokers the connector gives up, which may come back, and what it says of each."""

import errno
import socket
from pathlib import Path

import pytest

from my_monit.errors import BrokerUnavailable, ConfigurationError
from my_monit.messaging import connector
from my_monit.settings import RabbitConfiguration


def test_a_broker_that_is_gone_as_soon_as_it_was_reached_is_away(
    rabbit_configuration: RabbitConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: socket.socket) -> None:
        raise OSError(errno.ENOTCONN, "not connected")

    monkeypatch.setattr(socket.socket, "getpeername", gone)

    with pytest.raises(BrokerUnavailable):
        connector.RabbitConnector(rabbit_configuration).check()


def test_a_broker_that_is_not_there_may_come_back(
    rabbit_configuration: RabbitConfiguration, closed_port: int
) -> None:
    nowhere = rabbit_configuration.model_copy(update={"url": f"amqp://127.0.0.1:{closed_port}", "port": None})
    with pytest.raises(BrokerUnavailable, match="cannot be reached"):
        connector.RabbitConnector(nowhere).check()


@pytest.mark.parametrize("scheme", ["amqp", "amqps"])
def test_a_broker_that_never_answers_is_given_up(
    rabbit_configuration: RabbitConfiguration, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector, "HANDSHAKE_SECS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        names = rabbit_configuration.model_copy(update={"url": f"{scheme}://127.0.0.1:{port}", "port": None})
        with pytest.raises(BrokerUnavailable, match="cannot be reached"):
            connector.RabbitConnector(names).check()


def test_a_certificate_of_another_authority_is_refused(rabbit_configuration: RabbitConfiguration) -> None:
    if not rabbit_configuration.tls:
        pytest.skip("this broker has no TLS")
    of_the_system = rabbit_configuration.model_copy(update={"ca": None})
    with pytest.raises(BrokerUnavailable, match="RABBIT_CA"):
        connector.RabbitConnector(of_the_system).check()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_read_is_told(
    rabbit_configuration: RabbitConfiguration, tmp_path: Path, content: str | None
) -> None:
    ca = tmp_path / "ca.crt"
    if content is not None:
        ca.write_text(content, encoding="utf-8")
    names = rabbit_configuration.model_copy(update={"url": "amqps://localhost", "ca": ca})
    with pytest.raises(ConfigurationError, match="RABBIT_CA"):
        connector.RabbitConnector(names)
