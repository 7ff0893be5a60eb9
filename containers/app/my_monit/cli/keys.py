"""mymonit key: what the console does about API keys. They are made and listed over REST."""

import click

from my_monit.model import CONSOLE, KEY_ID
from my_monit.wiring import Container


def _key_id(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Never shown when it is wrong: it may be a whole key."""
    if not KEY_ID.fullmatch(value):
        raise click.BadParameter("a key's public id is the 16 hexadecimal digits behind mmk_; leave the rest away")
    return value


@click.group()
def key() -> None:
    """API keys."""


@key.command()
@click.argument("key_id", callback=_key_id)
@click.pass_obj
def revoke(container: Container, key_id: str) -> None:
    """Revoke a key that was found somewhere, whoever's it is."""
    user_id = container.key_service().revoke(CONSOLE, key_id, user_id=None)
    click.echo(f"revoked {key_id} of {user_id}")
