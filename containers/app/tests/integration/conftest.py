"""Real MySQL or MariaDB, and real RabbitMQ: each session has a database and a virtual host of its own.

The servers' addresses and administrators come from the environment, as `./run-checks.sh` or `./run-infra.sh` set it.
"""

import os
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from click.testing import CliRunner, Result
from dependency_injector import providers
from pydantic import SecretStr

from my_monit import settings
from my_monit.cli import main
from my_monit.errors import ConfigurationError
from my_monit.logs.setup import setup_logging
from my_monit.messaging.management import Management
from my_monit.messaging.topology import add_publisher, declare, parking_queue
from my_monit.storage.connector import Session, StorageConnector, open_connection
from my_monit.storage.migrations import migrate
from my_monit.wiring import Container
from tests.integration.console import Mymonit
from tests.integration.database import administrating, empty_tables
from tests.integration.instruments import Instruments
from tests.integration.laboratory import CANARY, Laboratory, furnish
from tests.integration.lane import Lane, ListenerThread
from tests.integration.log_lines import LogLines
from tests.integration.publisher import Account, Publisher
from tests.integration.rest_api import Api, minted_by
from tests.unit.vouching import Vouching, all_providers

_RUN = uuid.uuid4().hex[:12]


def _load(group):
    try:
        return settings.load(group)
    except ConfigurationError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no servers to test with: {error}")


@pytest.fixture(scope="session")
def storage_administration():
    return _load(settings.StorageAdministration)


@pytest.fixture(scope="session")
def storage_configuration(storage_administration) -> Iterator[settings.StorageConfiguration]:
    """A database with the schema, and an account with the application's rights; both are gone afterwards."""
    # Not test_...: there a freshly installed MariaDB lets everybody do everything.
    configuration = settings.StorageConfiguration(
        password=SecretStr(uuid.uuid4().hex), database=f"check_{_RUN}", user=f"test_{_RUN}"
    )
    migrate(configuration, storage_administration)
    yield configuration
    connection = open_connection(
        configuration,
        user=storage_administration.admin_user,
        password=storage_administration.admin_password.get_secret_value(),
        database=None,
    )
    Session(connection).execute(f"DROP DATABASE `{configuration.database}`")
    Session(connection).execute(f"DROP USER '{configuration.user}'@'%'")
    connection.close()


@pytest.fixture
def administrator(storage_configuration, storage_administration) -> Iterator[Session]:
    with administrating(storage_configuration, storage_administration) as session:
        yield session


@pytest.fixture
def clean_tables(administrator) -> None:
    """Empty every table that the application writes; what the schema brings along stays."""
    empty_tables(administrator)


@pytest.fixture(scope="session")
def rabbit_configuration() -> Iterator[settings.RabbitConfiguration]:
    """A virtual host with the topology and the listener's account; both are gone afterwards."""
    management = Management(_load(settings.RabbitAdministration))
    configuration = settings.RabbitConfiguration(
        vhost=f"test-{_RUN}", user=f"test-{_RUN}", password=SecretStr(uuid.uuid4().hex), batch=100
    )
    declare(management, configuration)
    yield configuration
    management.delete("vhosts", configuration.vhost)
    management.delete("users", configuration.user)


@pytest.fixture(scope="session")
def management(rabbit_configuration) -> Management:
    return Management(_load(settings.RabbitAdministration))


@pytest.fixture(scope="session")
def broker_administrator(management) -> Account:
    return Account(management.user, _load(settings.RabbitAdministration).admin_password.get_secret_value())


@pytest.fixture(scope="session")
def told_by_broker(broker_administrator) -> Callable[..., Any]:
    """What the management API answers at a path."""
    api = _load(settings.RabbitAdministration).management_url

    def told(*path: str) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            session.auth = broker_administrator
            return session.get("/".join([api, "api", *(quote(part, safe="") for part in path)]), timeout=10).json()

    return told


@pytest.fixture(scope="session")
def adapter(rabbit_configuration, management) -> Iterator[Account]:
    """An account that may publish for every experiment; it is gone afterwards."""
    account = settings.DemonstrationConfiguration(user=f"adapter-{_RUN}", password=SecretStr(uuid.uuid4().hex))
    add_publisher(management, rabbit_configuration, account)
    yield Account(account.user, account.password.get_secret_value())
    management.delete("users", account.user)


@pytest.fixture(scope="session")
def environment(storage_configuration, rabbit_configuration) -> dict[str, str]:
    """The settings of a process that works with the test's database and virtual host."""
    secrets = ("DB_PASSWORD_FILE", "RABBIT_PASSWORD_FILE")
    return {name: value for name, value in os.environ.items() if name not in secrets} | {
        "DB_DATABASE": storage_configuration.database,
        "DB_USER": storage_configuration.user,
        "DB_PASSWORD": storage_configuration.password.get_secret_value(),
        "RABBIT_VHOST": rabbit_configuration.vhost,
        "RABBIT_USER": rabbit_configuration.user,
        "RABBIT_PASSWORD": rabbit_configuration.password.get_secret_value(),
        "RABBIT_BATCH": str(rabbit_configuration.batch),
    }


@pytest.fixture(name="mymonit")
def command(environment: dict[str, str], tmp_path: Path) -> Iterator[Mymonit]:
    """Runs the command in this process, with the settings of the test's servers; a setting None is left out."""
    variables: dict[str, str | None] = {
        **environment, "IDENTITY": "local", "IDENTITY_KEY_FILE": str(tmp_path / "key.pem"), "LOGSTASH_HOST": None,
        "LOG_LEVEL": None,
    }

    def run(*arguments: str, given: str = "", **changes: str | None) -> Result:
        return CliRunner().invoke(main, arguments, input=given, env={**variables, **changes})

    yield run
    setup_logging(settings.LoggingConfiguration(logstash_host=None)).close()


@pytest.fixture
def container(storage_configuration, clean_tables) -> Iterator[Container]:
    """The application's own container upon the test's database."""
    container = Container()
    container.storage_configuration.override(providers.Object(storage_configuration))
    yield container
    container.storage().close()


@pytest.fixture
def pool(container) -> StorageConnector:
    """The connections of `storage`."""
    return container.storage_connector()


@pytest.fixture
def storage(container):
    return container.storage()


@pytest.fixture(scope="module")
def listening_container(
    storage_configuration, storage_administration, rabbit_configuration, management
) -> Iterator[Container]:
    """The application's container on empty tables, with two experiments, and empty queues."""
    for queue in (rabbit_configuration.queue, parking_queue(rabbit_configuration.queue)):
        management.delete("queues", rabbit_configuration.vhost, queue, "contents")
    container = Container()
    container.storage_configuration.override(providers.Object(storage_configuration))
    container.rabbit_configuration.override(providers.Object(rabbit_configuration))
    container.rabbit_names.override(providers.Object(rabbit_configuration))
    with administrating(storage_configuration, storage_administration) as session:
        empty_tables(session)
    with container.storage().unit() as unit:
        furnish(unit)
        unit.experiments.add("good-news")
    yield container
    container.storage().close()


@pytest.fixture(scope="module")
def module_lane(
    listening_container, storage_configuration, storage_administration, rabbit_configuration, adapter
) -> Iterator[Lane]:
    """A listener in a thread of this process. It remembers names and series, so the module must not empty them."""
    listener = ListenerThread(listening_container.rabbit_listener())
    publisher = Publisher(rabbit_configuration, adapter)
    with administrating(storage_configuration, storage_administration) as session:
        yield Lane(session, publisher)
    publisher.close()
    listener.stop()


@pytest.fixture
def lane(module_lane) -> Lane:
    module_lane.forget()
    return module_lane


@pytest.fixture
def without_waiting_for_the_disk(administrator) -> Iterator[None]:
    """For tests of thousands of requests, each of which is audited: what a crash would lose does not matter here."""
    [(before,)] = administrator.rows("SELECT @@GLOBAL.innodb_flush_log_at_trx_commit")
    administrator.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 0")
    yield
    administrator.execute(f"SET GLOBAL innodb_flush_log_at_trx_commit = {before}")


@pytest.fixture
def log_lines() -> Iterator[LogLines]:
    lines = LogLines()
    with redirect_stderr(lines.stream):
        logging = setup_logging(settings.LoggingConfiguration(log_level="DEBUG", logstash_host=None))
    yield lines
    logging.close()


@pytest.fixture
def laboratory(storage) -> Laboratory:
    with storage.unit() as unit:
        return furnish(unit)


@pytest.fixture
def audited(storage) -> Callable[[], tuple[str, str, str, str]]:
    """The newest row of the audit: who, what, upon what, with which outcome."""

    def newest() -> tuple[str, str, str, str]:
        with storage.unit() as unit:
            return tuple(unit.audit.newest(1)[0][:4])

    return newest


@pytest.fixture(scope="session")
def closed_port() -> Iterator[int]:
    """A port that nobody answers at, and that nobody else can take meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture(scope="session")
def rest_container(storage_configuration, tmp_path_factory) -> Iterator[Container]:
    """Wired once, because wiring is slow; REST remembers nothing between two requests."""
    container = Container()
    container.storage_configuration.override(providers.Object(storage_configuration))
    key_file = tmp_path_factory.mktemp("identity") / "key.pem"
    keys = settings.IdentityConfiguration(identity="local", identity_key_file=key_file)
    container.identity_configuration.override(providers.Object(keys))
    container.wire()
    container.rest_application()
    yield container
    container.unwire()
    container.storage().close()


@pytest.fixture
def api(rest_container, laboratory, log_lines) -> Iterator[Api]:
    """The REST API; at the end nothing personal or secret may have been logged, and nothing have crashed."""
    api = Api(rest_container.rest_application(), minted_by(rest_container.identity()))
    yield api
    assert CANARY not in log_lines.text.lower()
    assert not [secret for secret in api.secrets if secret in log_lines.text]
    assert not log_lines.of("request_crashed")


@pytest.fixture(scope="module")
def vouchings(tmp_path_factory) -> Iterator[dict[str, Vouching]]:
    """Every identity provider, by its name; Firebase's library asks a stand-in for Google."""
    with all_providers(tmp_path_factory.mktemp("providers")) as vouchings:
        yield vouchings


@pytest.fixture
def instruments(storage, laboratory) -> Instruments:
    return Instruments(storage, laboratory)


@pytest.fixture
def path(laboratory) -> str:
    """Of the measures that SAM may read."""
    return f"/measures/{laboratory.vibrations.experiment_id}"
