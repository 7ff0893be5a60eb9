"""What waiting cannot help: one clear line, and the end."""

from dataclasses import replace

import pytest
from adapter_process import StartAdapter
from rabbit_server import ADAPTER, OTHER_ADAPTER, Account, RabbitServer


@pytest.fixture
def allowed(own_broker: RabbitServer) -> Account:
    return own_broker.account(ADAPTER)


def refusal(start: StartAdapter, account: Account, **settings: str) -> str:
    """The one line with which the adapter ends, without the end of its input."""
    adapter = start(account, **settings)

    assert adapter.wait_for_exit() == 1
    (error,) = (line for line in adapter.reports() if not line.startswith("read "))
    return error


def test_a_wrong_password(start: StartAdapter, allowed: Account) -> None:
    error = refusal(start, replace(allowed, password="wrong horse"))

    assert error == "Error: the broker refuses the account adapter: check RABBIT_USER and RABBIT_PASSWORD"


def test_a_virtual_host_that_does_not_exist(start: StartAdapter, allowed: Account) -> None:
    assert "refuses the virtual host nowhere" in refusal(start, replace(allowed, vhost="nowhere"))


def test_a_virtual_host_that_the_account_may_not_use(start: StartAdapter, own_broker: RabbitServer) -> None:
    assert "refuses the virtual host empty" in refusal(start, replace(own_broker.account(OTHER_ADAPTER), vhost="empty"))


def test_an_exchange_that_does_not_exist_shows_before_the_first_reading(start: StartAdapter, allowed: Account) -> None:
    assert "check RABBIT_EXCHANGE" in refusal(start, replace(allowed, vhost="empty"))


def test_an_experiment_that_the_account_may_not_publish_for(start: StartAdapter, own_broker: RabbitServer) -> None:
    adapter = start(own_broker.account(OTHER_ADAPTER))
    adapter.write(b"1\n")

    assert adapter.wait_for_exit() == 1
    kept, summary, error = adapter.reports()
    assert kept.startswith("1 measures are not confirmed")
    assert summary == "read 1, confirmed 0, not confirmed 1, rejected 0, missing 0"
    assert "ACCESS_REFUSED" in error
    assert "needs the right to publish for this experiment" in error


def test_a_certificate_of_an_authority_that_is_not_trusted(
    start: StartAdapter, allowed: Account, own_broker: RabbitServer
) -> None:
    assert "certificate is refused" in refusal(start, replace(allowed, ca_file=own_broker.foreign_ca_file))


def test_a_certificate_for_another_host(start: StartAdapter, allowed: Account) -> None:
    elsewhere = allowed.url.replace("localhost", "127.0.0.1")

    assert "check RABBIT_CA and the host in RABBIT_URL" in refusal(start, replace(allowed, url=elsewhere))
