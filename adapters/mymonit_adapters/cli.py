import contextlib
import inspect
import os
from functools import partial
from pathlib import Path
from typing import Any

import click

from mymonit_adapters import __version__
from mymonit_adapters.errors import AdapterError, SettingsError
from mymonit_adapters.formats import find_format, format_names
from mymonit_adapters.formats.base import Format
from mymonit_adapters.instrument import plain_instrument
from mymonit_adapters.model import Series
from mymonit_adapters.run import run
from mymonit_adapters.settings import read_settings, read_spool_settings
from mymonit_adapters.summary import Summary

WAIT_SECS = 60.0  # a broker's restart takes less
NOT_ALL_WELL = 1  # also the status of a ClickException

HELP = """Publish what an instrument writes as MyMONIT measurements.

The first argument is the format of the instrument's output; see `mymonit-adapter text --help`.

\b
    tail -f my_input.txt | mymonit-adapter text - \\
        --experiment device-vibrations --measure hertz

The broker and the account come from the environment:

\b
    RABBIT_URL            amqps://host:port, or a host name; TLS is always used,
                          but for amqp:// with this machine's own broker
    RABBIT_PORT           where RABBIT_URL has no port (5671)
    RABBIT_CA             file of the authority that signed the broker's
                          certificate (the system's authorities)
    RABBIT_USER           the adapter's account
    RABBIT_PASSWORD       its password, or
    RABBIT_PASSWORD_FILE  a file that holds it
    RABBIT_VHOST          virtual host (/)
    RABBIT_EXCHANGE       exchange (mymonit)
    RABBIT_ROUTING        what routing keys begin with (measures)

A measurement counts as confirmed when the broker has taken it over. While the broker is away, measurements are kept
in memory, the instrument's output is left waiting when there are too many, and all of it is sent when the broker is
back. What happens, and at the end a summary, is written to standard error.

Exit status: 0 when every line was a number and every number was confirmed, 1 when not, 2 for a bad option or setting.
"""


class BadSetting(click.ClickException):
    exit_code = 2  # as for a bad option


class FormatGroup(click.Group):
    """One command for each format that is installed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return format_names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        try:
            kind = find_format(cmd_name)
        except SettingsError as error:
            raise BadSetting(str(error)) from error
        return None if kind is None else _format_command(cmd_name, kind)


@click.group(cls=FormatGroup, help=HELP, context_settings={"max_content_width": 120})
@click.version_option(__version__)
def main() -> None:
    pass


def _format_command(name: str, kind: Format) -> click.Command:
    return click.Command(
        name,
        callback=partial(_run, name, kind),
        help=f"{kind.summary}\n\n{inspect.cleandoc(kind.details)}\n\nFILE is a file's name, or - for standard input.",
        short_help=kind.summary,
        params=_parameters(),
    )


def _parameters() -> list[click.Parameter]:
    return [
        click.Argument(["file"], type=click.Path(allow_dash=True)),
        click.Option(["--follow"], is_flag=True, help="Go on when the end is reached, and wait for more."),
        click.Option(["--experiment"], required=True, metavar="NAME", help="The experiment that is monitored."),
        click.Option(["--measure"], required=True, metavar="TYPE", help="The measure type, such as hertz."),
        click.Option(["--sensor"], metavar="NAME", help="Which of several instruments of that kind."),
        click.Option(
            ["--unit"], metavar="SYMBOL", help="Have the repository check that the measure type has this unit."
        ),
        click.Option(["--spool"], type=click.Path(path_type=Path), metavar="FOLDER", help="Instead of MYMONIT_SPOOL."),
        click.Option(
            ["--rejects"],
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="Where records that cannot be read are kept.  [default: rejects.ndjson in the spool's folder]",
        ),
        click.Option(
            ["--wait"],
            type=click.FloatRange(min=0, max=86_400),
            default=WAIT_SECS,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait at the end for the broker's confirmations.",
        ),
    ]


def _run(name: str, kind: Format, *, file: str, **options: Any) -> None:
    if file != "-" and not options["follow"] and not Path(file).exists():
        raise click.UsageError(f"there is no file {file}")
    try:
        series = Series(**{label: options[label] for label in ("experiment", "measure", "sensor", "unit")})
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        broker = read_settings(os.environ)
        spool = read_spool_settings(os.environ, folder=options["spool"])
    except SettingsError as error:
        raise BadSetting(str(error)) from error
    try:
        summary = run(
            plain_instrument(name, kind, series),
            file,
            follow=options["follow"],
            broker=broker,
            spool_settings=spool,
            rejects=options["rejects"],
            wait_secs=options["wait"],
            report=_report,
        )
    except AdapterError as error:
        raise click.ClickException(str(error)) from error
    _conclude(summary)


def _conclude(summary: Summary) -> None:
    _report(str(summary))
    if isinstance(summary.error, AdapterError):
        raise click.ClickException(str(summary.error)) from summary.error
    if summary.error is not None:
        raise summary.error
    if not summary.all_well:
        raise click.exceptions.Exit(NOT_ALL_WELL)


def _report(text: str) -> None:
    with contextlib.suppress(OSError):  # publishing goes on when nobody listens
        click.echo(text, err=True)
