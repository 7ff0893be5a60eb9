import inspect
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from mymonit_adapters import __version__, commands
from mymonit_adapters.configuration import read_configuration
from mymonit_adapters.console import NOT_ALL_WELL, BadSetting, conclude, errors_in_one_line, report
from mymonit_adapters.dry_run import dry_run
from mymonit_adapters.errors import SettingsError
from mymonit_adapters.formats import find_format, format_names
from mymonit_adapters.formats.base import Format
from mymonit_adapters.instrument import Instrument, plain_instrument
from mymonit_adapters.model import Series
from mymonit_adapters.run import run
from mymonit_adapters.settings import read_settings, read_spool_settings
from mymonit_adapters.source import samples

WAIT_SECS = 60.0  # a broker's restart takes less
LABELS = ("experiment", "measure", "sensor", "unit")

HELP = """Publish what an instrument writes as MyMONIT measurements.

The first argument is the format of the instrument's output; see `mymonit-adapter csv --help`.

\b
    tail -f my_input.txt | mymonit-adapter text - \\
        --experiment device-vibrations --measure hertz
    mymonit-adapter csv /data/pump --config pump.toml --follow

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

So does what is kept on this machine:

\b
    MYMONIT_SPOOL         the folder of all instruments' spools, on a local disk
                          (~/.local/state/mymonit-adapter)
    SPOOL_MAX_MIB         what one spool may take of the disk (1024)
    KEEP_DAYS             how long what is confirmed is kept for `resend` (7)

A measurement counts as confirmed when the broker has taken it over. Until then it is in the spool, on disk, together
with how far its file was read: after a crash or a restart of the machine the same command goes on where it was, and
nothing is lost or sent under two ids. While the broker is away, the spool fills; when it is full, reading pauses, and
says so. What happens, and at the end a summary, is written to standard error.

A file that was read is not read again. A record that cannot be read is kept in a file of rejects with its position and
the reason.

Exit status: 0 when everything was read and confirmed, 1 when not, 2 for a bad option or setting.
"""

INPUT_HELP = """
INPUT is a file, a folder that receives files, or - for standard input.

A folder's files are read in the order of their names, each when it has not changed for two seconds; they are never
moved or deleted. Names that begin with a dot or end in .tmp, .part or ~ are left alone: write under such a name and
rename the file when it is complete. A file that is replaced under the same name is a new one.

Without --follow, what is there is dealt with, and the command ends. With it, a folder is watched for more files, and a
file for more lines, as `tail -F` does: through rotation by renaming, by copying and truncating, and while it does not
exist. Both ask the file system again and again, so that network shares work.
"""


class FormatGroup(click.Group):
    """One command for each format that is installed, beside the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return format_names() + super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if command := super().get_command(ctx, cmd_name):
            return command
        try:
            kind = find_format(cmd_name)
        except SettingsError as error:
            raise BadSetting(str(error)) from error
        return None if kind is None else _format_command(cmd_name, kind)


@click.group(cls=FormatGroup, help=HELP, context_settings={"max_content_width": 120})
@click.version_option(__version__)
def main() -> None:
    pass


main.add_command(commands.check)
main.add_command(commands.resend)
main.add_command(commands.status)


def _format_command(name: str, kind: type[Format]) -> click.Command:
    return click.Command(
        name,
        callback=partial(_run, name, kind),
        help=f"{kind.summary}\n\n{inspect.cleandoc(kind.details)}\n{INPUT_HELP}",
        short_help=kind.summary,
        params=_parameters(),
    )


def _parameters() -> list[click.Parameter]:
    file = click.Path(dir_okay=False, path_type=Path)
    return [
        click.Argument(["file"], metavar="INPUT", type=click.Path(allow_dash=True)),
        click.Option(
            ["--config"],
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="What the instrument's output means (TOML), instead of the next four.",
        ),
        click.Option(["--experiment"], metavar="NAME", help="The experiment that is monitored."),
        click.Option(["--measure"], metavar="TYPE", help="The measure type, such as hertz."),
        click.Option(["--sensor"], metavar="NAME", help="Which of several instruments of that kind."),
        click.Option(
            ["--unit"], metavar="SYMBOL", help="Have the repository check that the measure type has this unit."
        ),
        click.Option(["--follow"], is_flag=True, help="Go on at the end, and wait for more."),
        click.Option(["--dry-run"], is_flag=True, help="Only show what would be sent; needs no broker."),
        click.Option(
            ["--rejects"], type=file, metavar="FILE", help="Where rejects go.  [default: rejects.ndjson in the spool]"
        ),
        click.Option(
            ["--spool"],
            type=click.Path(file_okay=False, path_type=Path),
            metavar="FOLDER",
            help="The folder of all instruments' spools, instead of MYMONIT_SPOOL.",
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


def _run(name: str, kind: type[Format], *, file: str, config: Path | None, **options: Any) -> None:
    if file != "-" and not Path(file).exists() and (options["dry_run"] or not options["follow"]):
        raise click.UsageError(f"there is no {file}")
    with errors_in_one_line():
        labels = {label: options[label] for label in LABELS}
        instrument = _instrument(name, kind, config, labels)
        if options["dry_run"]:
            out = sys.stdout
            well = [dry_run(instrument, chunks, out, report) for chunks in samples(file)]
            raise click.exceptions.Exit(0 if all(well) else NOT_ALL_WELL)
        summary = run(
            instrument,
            file,
            follow=options["follow"],
            broker=read_settings(os.environ),
            spool_settings=read_spool_settings(os.environ, folder=options["spool"]),
            rejects=options["rejects"],
            wait_secs=options["wait"],
            report=report,
        )
        conclude(summary, str(summary))


def _instrument(name: str, kind: type[Format], config: Path | None, labels: dict[str, str | None]) -> Instrument:
    if config is not None:
        if given := [label for label, value in labels.items() if value is not None]:
            raise click.UsageError(f"--{given[0]} and --config are both given: the configuration file says it all")
        instrument = read_configuration(config)
        if not isinstance(instrument.kind, kind):
            raise SettingsError(f"{config}: format is another one than {name}")
        return instrument
    for label in ("experiment", "measure"):
        if labels[label] is None:
            raise click.UsageError(f"--{label} is missing, or --config")
    try:
        return plain_instrument(name, kind, Series(**labels))  # type: ignore[arg-type]  # both are there
    except ValueError as error:
        raise click.UsageError(str(error)) from error
