"""Measures in figures, reckoned by the database: reads of the key's ranges, and nothing sent but the results.

What the servers' AVG and STDDEV_SAMP lose by rounding grows with the values and may exceed all that they differ by;
and beyond 1e308 or 1e154 both are 0 without a word, or an error. So values are added up in two parts each, and
deviations reckoned from the middle of their own period, in a second read.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite

from my_monit.periods import Stretch
from my_monit.storage.connector import Session
from my_monit.storage.ports import Figures

# Half a value, so that nothing overflows, is _UPPER * _SPLIT + _LOWER, exactly. _UPPER has 25 of a value's 53 bits, so
# that up to 2^24 of them add up without rounding where values differ less than sixteenfold; where they differ more,
# what is rounded is at most 10^-9 of it. _LOWER is so small that its rounding stays below a value's last bit.
_SPLIT = 2.0**28
_UPPER = f"(value * {0.5 + 0.5 / _SPLIT!r}e0 - value * 0.5e0)"
_LOWER = f"(value * 0.5e0 - {_UPPER} * {_SPLIT!r}e0)"

#: Differences beyond these are made so much smaller, or greater, that their squares neither overflow nor vanish.
_WIDE, _NARROW, _SHIFT = 2.0**450, 2.0**-450, 2.0**600
#: Middles of periods in a statement, some 25 kB; one for each series where there are more of these.
_MIDDLES = 1000


@dataclass(frozen=True, slots=True)
class _Group:
    """A series in a period."""

    series_id: int
    period: int
    count: int
    min: float
    max: float
    upper: float
    lower: float

    @property
    def key(self) -> tuple[int, int]:
        return self.series_id, self.period

    @property
    def mean(self) -> float:
        half = self.upper * _SPLIT + self.lower
        mean = 2 * (half / self.count if isfinite(half) else self.upper / self.count * _SPLIT + self.lower / self.count)
        return min(max(mean, self.min), self.max)

    @property
    def middle(self) -> float:
        return self.min / 2 + self.max / 2

    @property
    def scale(self) -> float:
        half = self.max / 2 - self.min / 2
        return 1 / _SHIFT if half > _WIDE else _SHIFT if 0 < half < _NARROW else 1.0


def figures(
    session: Session, series_ids: Sequence[int], stretch: Stretch, lo: int, hi: int, functions: Collection[str]
) -> list[Figures]:
    lo, hi = max(lo, stretch.start), min(hi, stretch.end - 1)
    sums = f"SUM({_UPPER}), SUM({_LOWER})" if "mean" in functions else "0, 0"
    groups = [_Group(series_id, int(period), *values) for series_id, period, *values in session.rows(
        f"SELECT series_id, {_period(stretch)} AS period, COUNT(*), MIN(value), MAX(value), {sums} "
        f"{in_range(series_ids, lo, hi)} GROUP BY series_id, period"
    )]
    deviations = _deviations(session, sorted(series_ids), stretch, groups, lo, hi) if "std" in functions else {}
    return [
        Figures(group.series_id, group.period, {
            name: deviations.get(group.key) if name == "std" else getattr(group, name) for name in functions
        })
        for group in groups
    ]


def _deviations(
    session: Session, series_ids: Sequence[int], stretch: Stretch, groups: Sequence[_Group], lo: int, hi: int
) -> dict[tuple[int, int], float | None]:
    """By series and period, of those with several measures; None where no double can hold it."""
    some = max(1, _MIDDLES // len(series_ids))

    def together(group: _Group) -> tuple[int, float]:
        return group.period // some, group.scale

    found: dict[tuple[int, int], float | None] = {}
    for (_, scale), those in groupby(sorted((group for group in groups if group.count > 1), key=together), together):
        middles = {group.key: group.middle for group in those}
        found |= {
            (series_id, int(period)): deviation / scale if isfinite(deviation / scale) else None
            for series_id, period, deviation in session.rows(_around(middles, scale, series_ids, stretch, lo, hi))
            if deviation is not None  # as in periods that have no middle here
        }
    return found


def _around(
    middles: Mapping[tuple[int, int], float], scale: float, series_ids: Sequence[int], stretch: Stretch,
    lo: int, hi: int,
) -> str:
    """The SQL for the deviations, to a scale, of the groups that have a middle: it is looked up in a list."""
    periods = [period for _, period in middles]
    first, end = min(periods), max(periods) + 1
    places = [middles.get((series_id, period)) for series_id in series_ids for period in range(first, end)]
    listed = ", ".join("NULL" if middle is None else f"{middle:.16e}" for middle in places)
    numbers = ", ".join(map(str, series_ids))  # ascending: INTERVAL counts those up to its first argument
    place = f"(INTERVAL(series_id, {numbers}) - 1) * {end - first} + {_period(stretch)} - {first} + 1"
    lo, hi = max(lo, stretch.start + first * stretch.width), min(hi, stretch.start + end * stretch.width - 1)
    return (
        f"SELECT series_id, {_period(stretch)} AS period, "
        f"STDDEV_SAMP((value - ELT({place}, {listed})) * {scale:.16e}) "
        f"{in_range(series_ids, lo, hi)} GROUP BY series_id, period"
    )


def _period(stretch: Stretch) -> str:
    return f"(time - {stretch.start}) DIV {stretch.width}"


def count(session: Session, series_ids: Sequence[int], lo: int, hi: int, *, up_to: int) -> int:
    # What is stored at all is known without looking, and is mostly little enough.
    numbers = ", ".join(map(str, series_ids))
    total = session.row(f"SELECT SUM(measures) FROM SERIES_COUNTS WHERE series_id IN ({numbers})")
    if total and int(total[0] or 0) < up_to:
        return int(total[0] or 0)
    row = session.row(f"SELECT COUNT(*) FROM (SELECT 1 {in_range(series_ids, lo, hi)} LIMIT {up_to}) AS counted")
    return int(row[0]) if row else 0


def in_range(series_ids: Sequence[int], lo: int, hi: int) -> str:
    return f"FROM MEASURES WHERE series_id IN ({', '.join(map(str, series_ids))}) AND time BETWEEN {lo} AND {hi}"
