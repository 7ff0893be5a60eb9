"""mymonit quarantine: what could not be stored, and why; tried again, or discarded."""

import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from my_monit.model import CONSOLE, QuarantineSelection, Reason
from my_monit.services.quarantine import Replayed
from my_monit.timestamps import BadTimestamp, from_rfc3339, to_moment
from my_monit.wiring import Container

#: Items that `quarantine list` shows unless told otherwise.
LIST_LIMIT = 100


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    try:
        return None if value is None else to_moment(from_rfc3339(value))
    except BadTimestamp:
        raise click.BadParameter("must be an RFC 3339 time with an offset, such as 2026-01-31T12:00:00Z") from None


_FILTERS = (
    click.option("--reason", type=click.Choice([reason.value for reason in Reason])),
    click.option("--publisher", help="the account at the broker, or the routing key"),
    click.option("--experiment", help="the experiment's name as the message gives it"),
    click.option("--since", callback=_moment, help="received at this time or later (RFC 3339)"),
    click.option("--until", callback=_moment, help="received before this time (RFC 3339)"),
)
_by_id = click.option("--id", "quarantine_id", type=click.IntRange(1), help="this one item alone")


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


def _selection(filters: dict[str, Any]) -> QuarantineSelection:
    publisher, reason = filters["publisher"], filters["reason"]
    return QuarantineSelection(
        reason=Reason(reason) if reason else None,
        publisher=None if publisher is None else publisher.encode(errors="surrogateescape"),
        experiment=filters["experiment"], start=filters["since"], end=filters["until"],
    )


def _check_alone(quarantine_id: int | None, filters: dict[str, Any]) -> None:
    if quarantine_id is not None and any(value is not None for value in filters.values()):
        raise click.UsageError("--id names one item: leave the other filters out")


@click.group()
def quarantine() -> None:
    """What could not be stored, and why."""


@quarantine.command("list")
@_filters
@_by_id
@click.option("--after", type=click.IntRange(0), default=0, help="begin after this id")
@click.option("--limit", type=click.IntRange(1, 100_000), default=LIST_LIMIT, show_default=True)
@click.pass_obj
def list_quarantine(
    container: Container, /, quarantine_id: int | None, after: int, limit: int, **filters: Any
) -> None:
    """List items: id, time, reason, bytes, experiment, publisher."""
    _check_alone(quarantine_id, filters)
    service, selection = container.quarantine_service(), _selection(filters)
    if quarantine_id is not None:
        items = [service.show(CONSOLE, quarantine_id)[0]]
    else:
        items = service.page(CONSOLE, after=after, limit=limit, selection=selection)
    for item in items:
        click.echo(
            f"{item.quarantine_id}\t{item.received:%Y-%m-%dT%H:%M:%SZ}\t{item.reason}\t{item.size}\t"
            f"{item.experiment or '-'}\t{item.publisher!r}"
        )


@quarantine.command()
@click.argument("quarantine_id", type=click.IntRange(1))
@click.option("--raw", is_flag=True, help="write the body alone, byte for byte")
@click.pass_obj
def show(container: Container, quarantine_id: int, raw: bool) -> None:
    """Show one item with its properties and its body, control characters escaped."""
    record, item = container.quarantine_service().show(CONSOLE, quarantine_id)
    if raw:
        sys.stdout.buffer.write(item.body)
        return
    message_id = "-" if item.message_id is None else repr(item.message_id.decode(errors="backslashreplace"))
    for name, value in (
        ("id", record.quarantine_id), ("time", f"{record.received:%Y-%m-%dT%H:%M:%S.%fZ}"), ("reason", item.reason),
        ("publisher", repr(record.publisher)), ("routing key", repr(item.routing_key)), ("message id", message_id),
        ("element", "-" if item.element is None else item.element), ("experiment", item.experiment or "-"),
        ("properties", item.headers), ("bytes", record.size), ("body", repr(item.body)[2:-1]),
    ):
        click.echo(f"{name:12}{value}")


@quarantine.command()
@_filters
@click.pass_obj
def summary(container: Container, /, **filters: Any) -> None:
    """Count items: reason, how many, bytes, first and last time, publisher; then what each publisher takes."""
    groups, usage = container.quarantine_service().summary(CONSOLE, _selection(filters))
    for one in groups:
        click.echo(
            f"{one.reason}\t{one.items}\t{one.size}\t{one.first:%Y-%m-%dT%H:%M:%SZ}\t{one.last:%Y-%m-%dT%H:%M:%SZ}\t"
            f"{one.publisher!r}"
        )
    for publisher, items, size in usage:
        click.echo(f"in all\t{items}\t{size}\t-\t-\t{publisher.decode(errors='replace')!r}")


@quarantine.command()
@_filters
@_by_id
@click.pass_obj
def replay(container: Container, /, quarantine_id: int | None, **filters: Any) -> None:
    """Try items again, and store what can be stored now.

    Without a filter all are tried, but for those of reason id_conflict: these only by --reason or --id. It may be
    interrupted and run again at any time.
    """
    _check_alone(quarantine_id, filters)
    service, selection = container.quarantine_service(), _selection(filters)
    if quarantine_id is not None:
        _tell(service.replay_one(CONSOLE, quarantine_id))
        return
    expected = sum(one.items for one in service.summary(CONSOLE, selection)[0])
    total = Replayed(0, 0, Counter())
    try:
        with click.progressbar(length=expected, label=f"trying {expected} items", file=sys.stderr) as progress:
            for some in service.replay(CONSOLE, selection):
                total = total.plus(some)
                progress.update(some.items)
    finally:
        _tell(total)


def _tell(replayed: Replayed) -> None:
    click.echo(f"stored\t{replayed.stored}")
    for reason, count in sorted(replayed.refused.items()):
        click.echo(f"refused\t{count}\t{reason}")


@quarantine.command()
@_filters
@_by_id
@click.option("--yes", is_flag=True, help="do not ask")
@click.pass_obj
def discard(container: Container, /, quarantine_id: int | None, yes: bool, **filters: Any) -> None:
    """Delete items for good; at least one filter is needed.

    Their message ids stay remembered: the same message sent again is a duplicate.
    """
    _check_alone(quarantine_id, filters)
    service, selection = container.quarantine_service(), _selection(filters)
    if quarantine_id is None and selection == QuarantineSelection():
        raise click.UsageError("say which items: --id, --reason, --publisher, --experiment, --since or --until")
    if not yes:
        expected = 1 if quarantine_id else sum(one.items for one in service.summary(CONSOLE, selection)[0])
        click.confirm(f"Delete {expected} items for good?", abort=True)
    if quarantine_id is not None:
        service.discard_one(CONSOLE, quarantine_id)
        discarded = 1
    else:
        discarded = sum(service.discard(CONSOLE, selection))
    click.echo(f"discarded\t{discarded}")
