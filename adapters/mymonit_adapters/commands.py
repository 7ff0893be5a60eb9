"""The commands beside those of the formats."""

import math
import os
import time
from datetime import datetime
from pathlib import Path

import click

from mymonit_adapters.checking import check as check_configuration
from mymonit_adapters.configuration import read_configuration
from mymonit_adapters.console import NOT_ALL_WELL, conclude, errors_in_one_line, report
from mymonit_adapters.resend import Period
from mymonit_adapters.run import resend as resend_kept
from mymonit_adapters.settings import read_settings, read_spool_settings
from mymonit_adapters.status import instruments_in, status_of
from mymonit_adapters.summary import Summary

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)

config_option = click.option(
    "--config", type=FILE, metavar="FILE", help="Of this instrument only: its configuration file."
)
spool_option = click.option(
    "--spool", type=FOLDER, metavar="FOLDER", help="The folder of all instruments' spools, instead of MYMONIT_SPOOL."
)


class Moment(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value} is no time such as 2026-11-20T03:00:00Z", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value} has no offset: end it with Z (UTC) or one such as +01:00", param, ctx)
        return moment


@click.command()
@click.argument("config", type=FILE)
@click.argument("file", type=FILE, required=False)
def check(config: Path, file: Path | None) -> None:
    """Find mistakes in a configuration before they cost data.

    CONFIG is the configuration file of an instrument (TOML), FILE a sample of what the instrument writes: the first
    measurements that would be sent are shown, what would be rejected here and why, and what the server would put into
    its quarantine. Nothing is sent, and no broker is needed.

    \b
        mymonit-adapter check pump.toml
        mymonit-adapter check pump.toml pump-2026-11-20.csv

    Exit status: 0 when all is well, 1 when not.
    """
    if not check_configuration(config, file, click.echo):
        raise click.exceptions.Exit(NOT_ALL_WELL)


@click.command()
@click.option("--since", type=Moment(), required=True, metavar="TIME", help="Such as 2026-11-20T03:00:00Z.")
@click.option("--until", type=Moment(), metavar="TIME", help="Before this time.  [default: now]")
@config_option
@spool_option
def resend(since: datetime, until: datetime | None, config: Path | None, spool: Path | None) -> None:
    """Send again what the broker confirmed since a time.

    For a repository that was restored from a backup: what was stored after the backup was made is gone there, but
    still in the spools (for KEEP_DAYS, 7 days by default). It is sent again under the same ids, so that what the
    repository already has is not stored twice. Choose a time a little before the backup; the adapters may be at work
    meanwhile. It goes on until everything is confirmed, or a signal ends it; then say it again.

    \b
        mymonit-adapter resend --since 2026-11-20T03:00:00Z
        mymonit-adapter resend --since 2026-11-20T03:00:00Z --config pump.toml

    The broker and the account come from the environment, as for every command; see mymonit-adapter --help. Exit
    status: 0 when all is confirmed again, 1 when not, 2 for a bad option or setting.
    """
    period = Period(math.floor(since.timestamp()), math.ceil(until.timestamp() if until else time.time() + 1))
    summary = Summary()
    with errors_in_one_line():
        broker = read_settings(os.environ)
        for folder in _folders(config, spool):
            resend_kept(folder, period, broker=broker, summary=summary, report=report)
        conclude(summary, f"sent again {summary.confirmed}, not confirmed {summary.numbers - summary.confirmed}")


@click.command()
@config_option
@spool_option
def status(config: Path | None, spool: Path | None) -> None:
    """Show what is in the spools.

    For each instrument: how many measures wait for the broker and since when, how many are confirmed and kept, how
    much room they take, and where. The adapters may be at work meanwhile.
    """
    with errors_in_one_line():
        for folder in _folders(config, spool):
            for each in status_of(folder):
                click.echo(each)


def _folders(config: Path | None, spool: Path | None) -> list[Path]:
    root = read_spool_settings(os.environ, folder=spool).folder
    return [root / read_configuration(config).name] if config else instruments_in(root)
