"""The command `mymonit`: it starts the two processes, and does what is done at the console."""

import math
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import click
import requests
from flask import Flask

from my_monit import __version__
from my_monit.cli.adapters import adapter
from my_monit.cli.keys import key
from my_monit.cli.quarantine import quarantine
from my_monit.errors import Fault, Invalid, MyMonitError
from my_monit.health import served
from my_monit.logs.setup import setup_logging
from my_monit.logs.trace import traced
from my_monit.messaging.topology import add_publisher, declare
from my_monit.model import CONSOLE, STAFF_ID, Role, User
from my_monit.rest.users import UserSchema
from my_monit.storage.migrations import migrate as migrate_storage
from my_monit.wiring import Container

#: Seconds to wait for a process to tell its health.
HEALTH_SECS = 5
#: Hours that a token may live, at most.
MAX_HOURS = 24


class _Commands(click.Group):
    """Shows an error of ours as one line, without a stack trace."""

    def invoke(self, ctx: click.Context) -> Any:
        container = Container()
        try:
            with traced():
                setup_logging(container.logging_configuration())
                ctx.obj = container
                return super().invoke(ctx)
        except MyMonitError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mymonit")
def main() -> None:
    """MyMONIT: stores a laboratory's measurements and serves them to those who may see them.

    Settings come from environment variables; docs/operations.md lists them.
    """


main.add_command(adapter)
main.add_command(key)
main.add_command(quarantine)


@main.command()
@click.pass_obj
def rest(container: Container) -> None:
    """Serve the REST API, behind the proxy."""
    container.storage().verify()
    container.sign_in()
    container.storage().close()
    container.rest_listener(_make_app).run()


def _make_app() -> Flask:
    container = Container()
    setup_logging(container.logging_configuration())
    container.wire()  # pylint: disable=no-member  # made at run time by dependency-injector
    app: Flask = container.rest_application()
    return app


@main.command()
@click.pass_obj
def listen(container: Container) -> None:
    """Store what the broker delivers, until SIGTERM or Ctrl-C."""
    container.storage().verify()
    listener = container.rabbit_listener()
    _stop_with(listener.stop)
    answering = served(container.health(), container.health_configuration(), container.ledger().render)
    with answering, container.forgetting().running():
        listener.run()
    container.storage().close()


@main.command()
@click.pass_obj
def guard(container: Container) -> None:
    """Suspend publishers that fill the quarantine, until SIGTERM or Ctrl-C."""
    container.storage().verify()
    stopping = threading.Event()
    _stop_with(stopping.set)
    with served(container.guard_health(), container.guard_configuration()):
        container.guard().run(stopping)
    container.storage().close()


def _stop_with(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        # In a thread of its own: the signal may have come while this one held the very lock that stopping takes.
        signal.signal(number, lambda *_: threading.Thread(target=stop).start())


@main.command()
@click.pass_obj
def migrate(container: Container) -> None:
    """Bring the schema, the accounts' rights and the broker's topology up to date."""
    applied = migrate_storage(container.storage_configuration(), container.storage_administration())
    click.echo(f"schema: {', '.join(applied) or 'up to date'}")
    declare(container.management(), container.rabbit_configuration())
    click.echo("broker: up to date")


@main.group()
def user() -> None:
    """People."""


@user.command("add")
@click.option("--id", "user_id", prompt="Staff id", help="1 to 30 of A-Z a-z 0-9 _ -")
@click.option("--role", type=click.Choice([role.value for role in Role]), prompt=True)
@click.option("--name", prompt=True)
@click.option("--username", prompt="Uid at the identity provider", help="the subject of this user's tokens")
@click.option("--email", prompt=True)
@click.pass_obj
def add_user(container: Container, user_id: str, role: str, name: str, username: str, email: str) -> None:
    """Add a user; what no option gives is asked for."""
    given = {"user_id": user_id, "role": role, "name": name, "username": username, "email": email}
    if faults := UserSchema().validate(given):
        raise Invalid(*(Fault(field, texts[0]) for field, texts in faults.items()))
    container.user_service().add(CONSOLE, User(**UserSchema().load(given)))
    click.echo(f"added {user_id}")


def _number(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    """FloatRange lets NaN through."""
    if math.isnan(value):
        raise click.BadParameter("must be a number")
    return value


def _staff_id(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Anything else could be a name or an e-mail, which must not reach the audit."""
    if not STAFF_ID.fullmatch(value):
        raise click.BadParameter("a staff id has 1 to 30 of A-Z a-z 0-9 _ -")
    return value


@main.command()
@click.argument("user_id", callback=_staff_id)
@click.option(
    "--hours", type=click.FloatRange(0, MAX_HOURS, min_open=True), default=1, show_default=True, callback=_number
)
@click.pass_obj
def token(container: Container, user_id: str, hours: float) -> None:
    """Print a token of a user, with IDENTITY=local."""
    click.echo(container.token_service().mint(CONSOLE, user_id, lifetime=timedelta(hours=hours)))


@main.command("demo-data")
@click.pass_obj
def demo_data(container: Container) -> None:
    """Load users, experiments and measures to try MyMONIT with, and a broker account that may publish."""
    container.demonstration().load(CONSOLE)
    account = container.demonstration_configuration()
    add_publisher(container.management(), container.rabbit_configuration(), account)
    click.echo(f"users A001, S001, S002, U001; experiments device-vibrations, black-holes; adapter {account.user}")


@main.command()
@click.argument("process", type=click.Choice(["rest", "listen", "guard"]), default="rest")
@click.pass_obj
def health(container: Container, process: str) -> None:
    """Ask a process on this host whether it is ready; the exit status says it, too."""
    addresses = {
        "rest": container.rest_configuration, "listen": container.health_configuration,
        "guard": container.guard_configuration,
    }
    address = addresses[process]()
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy between us and a process on this host
            answer = session.get(f"http://{address.host}:{address.port}/health/ready", timeout=HEALTH_SECS)
    except requests.RequestException:
        raise click.ClickException(f"{process} does not answer at {address.host}:{address.port}") from None
    if not answer.ok:
        raise click.ClickException(f"{process} is not ready: {answer.text}")
    click.echo("ready")
