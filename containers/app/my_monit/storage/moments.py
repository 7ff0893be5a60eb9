"""Columns of DATETIME hold UTC without saying so; everywhere else a moment says its offset."""

from datetime import UTC, datetime


def to_column(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None


def from_column(column: datetime) -> datetime:
    return column.replace(tzinfo=UTC)
