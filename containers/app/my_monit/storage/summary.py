"""Measures in figures, reckoned by the database: a read of the key's ranges and nothing sent but the results."""

from collections.abc import Collection, Sequence

from my_monit.periods import Stretch
from my_monit.storage.connector import Session
from my_monit.storage.ports import Figures

#: Both servers reckon the deviation by recurrence (Welford), not from a sum of squares.
_FUNCTIONS = {
    "count": "COUNT(*)", "min": "MIN(value)", "max": "MAX(value)", "mean": "AVG(value)", "std": "STDDEV_SAMP(value)",
}


def figures(
    session: Session, series_ids: Sequence[int], stretch: Stretch, lo: int, hi: int, functions: Collection[str]
) -> list[Figures]:
    lo, hi = max(lo, stretch.start), min(hi, stretch.end - 1)
    names = [name for name in _FUNCTIONS if name in functions]
    rows = session.rows(
        f"SELECT series_id, (time - {stretch.start}) DIV {stretch.width} AS period, "
        f"{', '.join(_FUNCTIONS[name] for name in names)} {in_range(series_ids, lo, hi)} GROUP BY series_id, period"
    )
    return [
        Figures(series_id, int(period), dict(zip(names, values, strict=True)))
        for series_id, period, *values in rows
    ]


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
