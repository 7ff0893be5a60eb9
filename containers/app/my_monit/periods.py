"""Periods of time on the clock and in the calendar of a zone: PT1M, P1D, P1M. Days there have 23 or 25 hours at times.

Periods of hours, minutes and seconds are counted from 1970-01-01T00:00:00Z. Days begin at midnight in the zone, weeks
on Monday, months and years with their first day; several of them are counted from the one in which 1970 begins. What
would begin before the first time there is, or end after the last, is cut there.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import NamedTuple

from my_monit.timestamps import LATEST, NANOSECONDS

_TEXT = re.compile(r"P(?:([1-9][0-9]{0,5})([DWMY])|T([1-9][0-9]{0,5})([HMS]))")
_CLOCK = {"H": 3600 * NANOSECONDS, "M": 60 * NANOSECONDS, "S": NANOSECONDS}
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST_MONDAY = date(1969, 12, 29).toordinal()
# Years that begin before and after all times, whatever the zone.
_BEFORE, _AFTER = 1969, 2263
_FIRST_DAY, _LAST_DAY = date(_BEFORE, 1, 1).toordinal(), date(_AFTER, 1, 1).toordinal()
_FIRST_MONTH, _LAST_MONTH = (_BEFORE - 1970) * 12, (_AFTER - 1970) * 12


class BadPeriod(ValueError):
    pass


class Stretch(NamedTuple):
    """Periods of the same length in a row; all in nanoseconds since 1970."""

    start: int
    width: int
    periods: int

    @property
    def end(self) -> int:
        return self.start + self.width * self.periods


@dataclass(frozen=True)
class Period:
    """Either `nanoseconds`, or so many days or months of the calendar."""

    nanoseconds: int = 0
    days: int = 0
    months: int = 0

    def edges(self, start: int, zone: tzinfo) -> Iterator[int]:
        """Where periods begin: the one that `start` lies in, and all after it; then the end of all times."""
        for begin in self._begins(start, zone):
            yield min(max(begin, 0), LATEST + 1)
            if begin > LATEST:
                return

    def _begins(self, start: int, zone: tzinfo) -> Iterator[int]:
        if self.nanoseconds:
            yield from itertools.count(start // self.nanoseconds * self.nanoseconds, self.nanoseconds)
        local = datetime.fromtimestamp(start // NANOSECONDS, zone).date()
        for day in self._months_from(local) if self.months else self._days_from(local):
            yield int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * NANOSECONDS

    def _days_from(self, day: date) -> Iterator[date]:
        origin = _FIRST_MONDAY if self.days % 7 == 0 else _EPOCH
        first = origin + (day.toordinal() - origin) // self.days * self.days
        for number in itertools.count(first, self.days):
            yield date.fromordinal(min(max(number, _FIRST_DAY), _LAST_DAY))

    def _months_from(self, day: date) -> Iterator[date]:
        first = ((day.year - 1970) * 12 + day.month - 1) // self.months * self.months
        for number in itertools.count(first, self.months):
            within = min(max(number, _FIRST_MONTH), _LAST_MONTH)
            yield date(1970 + within // 12, within % 12 + 1, 1)


def parse_period(text: str) -> Period:
    """Raises BadPeriod unless it is an ISO 8601 duration of one unit."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise BadPeriod(text)
    count, unit, clock_count, clock_unit = match.groups()
    if clock_unit:
        return Period(nanoseconds=int(clock_count) * _CLOCK[clock_unit])
    if unit in "DW":
        return Period(days=int(count) * (7 if unit == "W" else 1))
    return Period(months=int(count) * (12 if unit == "Y" else 1))


def stretches(period: Period, start: int, end: int, zone: tzinfo, *, limit: int) -> list[Stretch] | None:
    """The periods that [start, end) touches; None when there are more than `limit`."""
    found: list[Stretch] = []
    periods = 0
    edges = period.edges(start, zone)
    edge = next(edges)
    for following in edges:
        if edge >= end:
            break
        periods += 1
        if periods > limit:
            return None
        width = following - edge
        if found and found[-1].width == width:
            found[-1] = found[-1]._replace(periods=found[-1].periods + 1)
        else:
            found.append(Stretch(edge, width, 1))
        edge = following
    return found
