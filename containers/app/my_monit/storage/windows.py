"""How the measures of several series are read in the order of time: through windows of it.

One series is read along its key. A whole experiment is many series, so it is read through windows of time: each
window is a handful of short key ranges that the database merges, and its width follows what the last one yielded.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from my_monit.model import Position
from my_monit.storage.connector import Session

#: Nanoseconds of the first window when nothing is known of the data's density: one minute, safe where data is dense
#: and few steps away from enough where it is sparse (docs/decisions/0002-measures-layout.md).
FIRST_SPAN = 60_000_000_000
#: How much wider the next window may be than one that yielded too little.
GROWTH = 16
#: A window is made to hold this much more than is wanted: a little too much is cheap, too little is another query.
SURPLUS = 1.2
#: How many times what is wanted a window may hold, as the server estimates it, which may be twice what is there. All of
#: a window is read and sorted for any part of it, so it is made narrower where measures suddenly lie dense.
CROWD = 8
#: Measures in a window that are read in milliseconds, however few of them are wanted.
FEW = 10_000

#: The bit of a measure's id that says: its value is -0.0. MariaDB stores every zero as +0.0.
NEGATIVE_ZERO = 1 << 63

#: Series into which one query dives: what each costs the server grows with their number.
SERIES_PER_DIVE = 500

EARLIEST, LATEST = 0, 2**63 - 1


class Direction(Protocol):
    order: str
    beyond: str
    edge: str
    #: A series id and a measure id beyond all others.
    beyond_all: tuple[int, int]


class Descending:
    order, beyond, edge, beyond_all = "DESC", "<", "MAX", (0, 0)


class Ascending:
    order, beyond, edge, beyond_all = "ASC", ">", "MIN", (2**32 - 1, 2**64 - 1)


class Records(NamedTuple):
    """Some measures as one query wrote them; `cut_at` is the last one's place when there are more."""

    raw: bytes
    measures: int
    cut_at: Position | None


#: Reads from one time to another, both included, beyond a position, up to a limit.
Select = Callable[[int, int, Position | None, int], Records]


def rows_of(
    series_ids: Sequence[int], direction: type[Direction], lo: int, hi: int, after: Position | None,
    condition: str = "",
) -> str:
    """FROM, WHERE and ORDER BY of the measures in a window; `lo` and `hi` are inclusive nanoseconds."""
    order, beyond = direction.order, direction.beyond
    numbers = ", ".join(map(str, series_ids))
    keyset = "" if after is None else (
        f"AND (time {beyond} {after.time} OR (time = {after.time} AND (series_id {beyond} {after.series_id} "
        f"OR (series_id = {after.series_id} AND measure_id {beyond} {after.measure_id})))) "
    )
    keyset += f"AND ({condition}) " if condition else ""
    return (
        f"FROM MEASURES WHERE series_id IN ({numbers}) AND time BETWEEN {lo} AND {hi} {keyset}"
        f"ORDER BY time {order}, series_id {order}, measure_id {order}"
    )


class Windows:
    """Reads in one direction of time, part by part, until a limit is reached or nothing is left."""

    def __init__(
        self, session: Session, series_ids: Sequence[int], direction: type[Direction], select: Select
    ) -> None:
        self._session = session
        self._series_ids = series_ids
        self._direction = direction
        self._select = select

    def read(self, lo: int, hi: int, *, after: Position | None, limit: int, span: int | None) -> Iterator[Records]:
        if after is not None:
            lo, hi = (lo, min(hi, after.time)) if self._descending else (max(lo, after.time), hi)
        if len(self._series_ids) == 1:
            yield self._select(lo, hi, after, limit)
            return
        width = max(span or FIRST_SPAN, 1)
        edge = None if after is None else (hi if self._descending else lo)
        while lo <= hi and limit > 0:
            edge = edge_of(self._session, self._series_ids, self._direction, lo, hi) if edge is None else edge
            if edge is None:
                break
            near, far = self._window(edge, width, lo, hi, want=limit)
            part = self._select(near, far, after, limit)
            yield part
            if part.cut_at is not None:
                break
            limit -= part.measures
            after = None
            lo, hi = (lo, near - 1) if self._descending else (far + 1, hi)
            # An empty window is a gap in the data: a dive finds its other side in one step, however wide it is.
            edge = (hi if self._descending else lo) if part.measures else None
            width = _next_width(max(1, far - near), got=part.measures, want=limit)

    def _window(self, edge: int, width: int, lo: int, hi: int, *, want: int) -> tuple[int, int]:
        """From `edge` on and of this width, or narrower when far more than is wanted seems to lie in it."""
        while True:
            near, far = (max(lo, edge - width), edge) if self._descending else (edge, min(hi, edge + width))
            estimate = 0 if near == far else _estimate(self._session, self._series_ids, near, far)
            if estimate <= max(CROWD * want, FEW) + len(self._series_ids):  # a range counts as one at least
                return near, far
            width = (far - near) * want // estimate

    @property
    def _descending(self) -> bool:
        return self._direction is Descending


def edge_of(
    session: Session, series_ids: Sequence[int], direction: type[Direction], lo: int, hi: int
) -> int | None:
    """The first time there is in the direction of reading: one dive into the key per series."""
    first = direction.edge
    edges: list[int] = []
    for start in range(0, len(series_ids), SERIES_PER_DIVE):
        dives = " UNION ALL ".join(
            f"(SELECT {first}(time) AS edge FROM MEASURES WHERE series_id = {number} AND time BETWEEN {lo} AND {hi})"
            for number in series_ids[start : start + SERIES_PER_DIVE]
        )
        row = session.row(f"SELECT {first}(edge) FROM ({dives}) edges")
        edges += [int(row[0])] if row and row[0] is not None else []
    return (max if direction is Descending else min)(edges, default=None)


def _estimate(session: Session, series_ids: Sequence[int], lo: int, hi: int) -> int:
    """How many measures there are, as the server guesses before it runs a query: a look at each range's two ends."""
    plan, *_ = session.rows(f"EXPLAIN FORMAT=TRADITIONAL SELECT 1 {rows_of(series_ids, Ascending, lo, hi, None)}")
    return int(plan[8 + (len(plan) > 10)] or 0)  # MySQL tells of partitions, too; nothing where nothing can be found


def _next_width(width: int, *, got: int, want: int) -> int:
    """As wide as it takes to hold what is still wanted, if the data goes on as dense as in the last window."""
    if not got:
        return width * GROWTH
    return max(1, min(width * GROWTH, int(width * want / got * SURPLUS)))
