"""What the commands share: how they speak, and with which status they end."""

import contextlib
from collections.abc import Iterator

import click

from mymonit_adapters.errors import AdapterError, SettingsError
from mymonit_adapters.summary import Summary

NOT_ALL_WELL = 1  # also the status of a ClickException


class BadSetting(click.ClickException):
    exit_code = 2  # as for a bad option


def report(text: str) -> None:
    with contextlib.suppress(OSError):  # publishing goes on when nobody listens
        click.echo(text, err=True)


@contextlib.contextmanager
def errors_in_one_line() -> Iterator[None]:
    try:
        yield
    except SettingsError as error:
        raise BadSetting(str(error)) from error
    except AdapterError as error:
        raise click.ClickException(str(error)) from error


def conclude(summary: Summary, text: str) -> None:
    report(text)
    if summary.error is not None:
        raise summary.error
    if not summary.all_well:
        raise click.exceptions.Exit(NOT_ALL_WELL)
