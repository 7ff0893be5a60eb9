import socket
from collections.abc import Iterator

import pytest
import requests

from my_monit.errors import ConfigurationError, StorageUnavailable
from my_monit.health import Health, served
from my_monit.settings import HealthConfiguration


@pytest.fixture(name="configuration")
def free_address() -> HealthConfiguration:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return HealthConfiguration(host="127.0.0.1", port=free.getsockname()[1])


@pytest.fixture(name="health")
def served_health(configuration: HealthConfiguration) -> Iterator[Health]:
    health = Health()
    with served(health, configuration, lambda: b"a_metric 1\n"):
        yield health


def answer(configuration: HealthConfiguration, path: str) -> tuple[int, object]:
    with requests.Session() as session:
        session.trust_env = False
        response = session.get(f"http://127.0.0.1:{configuration.port}{path}", timeout=5)
    return response.status_code, response.json()


def test_a_process_that_starts_lives_but_is_not_ready(health: Health, configuration: HealthConfiguration) -> None:
    assert answer(configuration, "/health/live") == (200, {"status": "ok"})
    assert answer(configuration, "/health/ready") == (503, {"status": "starting"})


def test_it_is_ready_once_it_has_succeeded_and_not_while_it_fails(
    health: Health, configuration: HealthConfiguration
) -> None:
    health.succeed()
    assert answer(configuration, "/health/ready") == (200, {"status": "ok"})
    health.fail("the database is away")
    assert answer(configuration, "/health/ready") == (503, {"status": "the database is away"})
    assert answer(configuration, "/health/live") == (200, {"status": "ok"})


def test_an_idle_process_is_not_ready_while_its_server_is_away(configuration: HealthConfiguration) -> None:
    away = [True]

    def check() -> None:
        if away:
            raise StorageUnavailable("the database cannot answer")

    health = Health(check)
    health.succeed()
    with served(health, configuration, lambda: b"a_metric 1\n"):
        assert answer(configuration, "/health/ready") == (503, {"status": "the database cannot answer"})
        assert answer(configuration, "/health/live") == (200, {"status": "ok"})
        away.clear()
        assert answer(configuration, "/health/ready") == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/", "/health", "/health/ready/", "/health/x"])
def test_there_is_nothing_else(health: Health, configuration: HealthConfiguration, path: str) -> None:
    assert answer(configuration, path)[0] == 404


def test_the_port_is_free_again_at_the_end(configuration: HealthConfiguration) -> None:
    for _ in range(2):
        with served(Health(), configuration):
            pass
    with pytest.raises(requests.ConnectionError):
        answer(configuration, "/health/live")


def test_a_port_in_use_is_told(health: Health, configuration: HealthConfiguration) -> None:
    with pytest.raises(ConfigurationError, match="HEALTH_PORT"), served(Health(), configuration):
        pass
