"""mymonit adapter: the broker accounts of instruments."""

import click

from my_monit.model import CONSOLE
from my_monit.services.adapters import NAME
from my_monit.wiring import Container


def _name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not NAME.fullmatch(value):
        raise click.BadParameter("must be 1 to 64 of A-Z a-z 0-9 _ - and not begin with _ or -")
    return value


@click.group()
def adapter() -> None:
    """Broker accounts that may publish, each for its experiments alone."""


@adapter.command()
@click.argument("name", callback=_name)
@click.option("--experiment", "experiments", required=True, multiple=True, help="may be repeated")
@click.pass_obj
def add(container: Container, name: str, experiments: tuple[str, ...]) -> None:
    """Make an account and print its password, which is not kept anywhere."""
    click.echo(container.adapter_service().add(CONSOLE, name, experiments))


@adapter.command()
@click.argument("name", callback=_name)
@click.pass_obj
def rotate(container: Container, name: str) -> None:
    """Give an account another password, print that, and close the account's connections."""
    click.echo(container.adapter_service().rotate(CONSOLE, name))


@adapter.command()
@click.argument("name")
@click.pass_obj
def suspend(container: Container, name: str) -> None:
    """Let an account publish nothing, and close its connections."""
    container.adapter_service().suspend(CONSOLE, name)
    click.echo(f"suspended {name}")


@adapter.command()
@click.argument("name")
@click.pass_obj
def resume(container: Container, name: str) -> None:
    """Let an account publish again, under every name that its experiments bear by now."""
    container.adapter_service().resume(CONSOLE, name)
    click.echo(f"resumed {name}")


@adapter.command()
@click.argument("name", callback=_name)
@click.pass_obj
def remove(container: Container, name: str) -> None:
    """Delete an account, and close its connections."""
    container.adapter_service().remove(CONSOLE, name)
    click.echo(f"removed {name}")


@adapter.command("list")
@click.pass_obj
def list_adapters(container: Container) -> None:
    """List accounts that may publish: name, active or suspended, experiments ("-": not limited to a list of them)."""
    for account in container.adapter_service().accounts(CONSOLE):
        experiments = "-" if account.experiments is None else ",".join(account.experiments)
        click.echo(f"{account.name}\t{'suspended' if account.suspended else 'active'}\t{experiments}")
