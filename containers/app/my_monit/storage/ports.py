"""What the services need from storage. `Storage` keeps it in MySQL, `MemoryStorage` in the process; both obey this.

Text is compared byte for byte and has no blanks at its ends (the database would take "A001 " for a repeated "A001");
a moment has an offset, and comes back in UTC. Ids that are given must exist: StorageRejected may say that one does not.
"Now" is the database's clock, and "associated" means that an association has begun and has no end or one to come.
"""

from array import array
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, cast

from my_monit.model import (
    ApiKey, Association, Experiment, MeasureType, Position, PublisherUsage, Quarantined, QuarantineRecord,
    QuarantineSelection, QuarantineSummary, Reason, Role, Selection, Series, SeriesExtent, User,
)
from my_monit.periods import Stretch
from my_monit.timestamps import NANOSECONDS


class Holder(NamedTuple):
    """A user, and since when the username is theirs; None: since before that was kept."""

    user: User
    since: datetime | None


class Users(Protocol):
    def page(self, *, after: str, limit: int) -> list[User]:
        """By user_id ascending, beyond `after` ('' for the first page)."""

    def get(self, user_id: str, *, lock: bool = False) -> User | None:
        """`lock`: nobody else can lock, change or associate this user until the transaction ends."""

    def by_username(self, username: str) -> Holder | None: ...

    def add(self, user: User) -> None:
        """Raises Conflict when the id is or ever was another's, or the username is taken."""

    def change(self, user: User) -> None:
        """Replace the record of the same user_id. Raises Conflict when another user has the username."""

    def erase(self, user_id: str) -> None:
        """Let go of everything personal. From now on there is no such user, and never will be."""

    def erased(self, user_id: str) -> datetime | None:
        """When the user of this id was erased; None when there is or was no such user."""

    def lock_active(self, role: Role) -> list[str]:
        """The ids of active users of this role, ascending; nobody else can change them until the transaction ends."""


class StoredKey(NamedTuple):
    """An API key, and the digest (32 bytes) of what its bearer shows."""

    key: ApiKey
    digest: bytes


class Keys(Protocol):
    def of(self, user_id: str) -> list[ApiKey]:
        """Those that have expired, too; oldest first."""

    def get(self, key_id: str) -> StoredKey | None: ...

    def add(
        self, key_id: str, digest: bytes, *,
        user_id: str, label: str, experiment_id: int | None, created_by: str, lifetime: timedelta,
    ) -> ApiKey:
        """It expires `lifetime` from now on. Raises StorageContention when there is one of this id."""

    def remove(self, key_id: str) -> bool:
        """False when there is no such key."""

    def remove_all(self, user_id: str) -> list[str]:
        """Remove the user's keys; their ids, oldest first."""


class Experiments(Protocol):
    def page(self, *, after: int, limit: int, visible_to: str | None) -> list[Experiment]:
        """By id ascending, beyond `after`; only those associated with the user `visible_to`, unless None."""

    def get(self, experiment_id: int, *, visible_to: str | None, lock: bool = False) -> Experiment | None:
        """None when there is no such experiment, or the user `visible_to` is not associated with it.

        `lock`: nobody else can lock or rename it until the transaction ends.
        """

    def add(self, name: str) -> Experiment:
        """Raises Conflict when an experiment bears or bore the name."""

    def rename(self, experiment_id: int, name: str) -> None:
        """Its former names go on meaning it, and may be taken up again. Raises Conflict when they are another's."""

    def ids_by_name(self, names: Collection[str]) -> dict[str, int]:
        """By present and former names; the unknown ones are left out."""

    def names_of(self, ids: Collection[int]) -> list[str]:
        """Every name, present and former, of these experiments, in ascending order."""


class Associations(Protocol):
    def current(self, *, after: int = 0, limit: int | None = None) -> list[Association]:
        """By experiment id, then user id: of the first `limit` experiments (None: of all) with ids beyond `after`."""

    def of(self, user_id: str, *, after: int, limit: int) -> list[Association]:
        """Those that are over, too; by association id ascending, beyond `after`."""

    def last(self, experiment_id: int, user_id: str) -> Association | None:
        """The one that began last, whether it is over or not."""

    def add(self, experiment_id: int, user_id: str, *, until: datetime | None) -> Association:
        """From now on, until `until` (None: without an end). Raises Conflict when there is a current one."""

    def end(self, experiment_id: int, user_id: str, *, until: datetime | None) -> bool:
        """End the current one at `until`, which may be later than before, or now when that is over or None.

        False when there is none.
        """

    def end_all(self, user_id: str) -> list[int]:
        """End the user's current ones now; the ids of their experiments, ascending."""


class MeasureTypes(Protocol):
    def page(self, *, after: int, limit: int) -> list[MeasureType]:
        """By id ascending, beyond `after`."""

    def add(self, *, name: str, symbol: str, quantity: str) -> MeasureType:
        """Raises Conflict when the name is taken."""

    def by_name(self, names: Collection[str]) -> dict[str, MeasureType]:
        """The unknown ones are left out."""


class Origin(NamedTuple):
    """Where measures belong, and who sent them."""

    series_id: int
    publisher_id: int


class Sample(Protocol):
    """`time` in nanoseconds since 1970 UTC; `value` finite. It is read by the ten thousand, from whatever has it."""

    @property
    def time(self) -> int: ...

    @property
    def value(self) -> float: ...


class SeriesTable(Protocol):
    def of(self, experiment_id: int, *, visible_to: str) -> list[Series]:
        """By id; nothing when the user `visible_to` is not associated with the experiment."""

    def extents(self, experiment_id: int, *, visible_to: str) -> list[SeriesExtent]:
        """By id; nothing when the user `visible_to` is not associated with the experiment."""

    def find_or_add(self, experiment_id: int, measure_type_id: int, sensor: str) -> int:
        """The id of the series, which comes into being if need be; `sensor` is '' when the instrument named none."""


@dataclass(frozen=True)
class Columns:
    """Measures in their order: a double for each in each column (memoryviews of format "d").

    A time is whole `seconds` since 1970 UTC and whole `nanoseconds` on top. `last` is where the next measures begin,
    None when there are no more.
    """

    values: "memoryview[float]"
    seconds: "memoryview[float]"
    nanoseconds: "memoryview[float]"
    series_ids: "memoryview[float]"
    last: Position | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, some: slice) -> "Columns":
        """A part, which does not know what comes next."""
        return Columns(self.values[some], self.seconds[some], self.nanoseconds[some], self.series_ids[some])

    def time(self, index: int) -> int:
        """In nanoseconds since 1970 UTC."""
        return int(self.seconds[index]) * NANOSECONDS + int(self.nanoseconds[index])

    @property
    def span(self) -> int:
        """Nanoseconds from the first to the last."""
        return abs(self.time(-1) - self.time(0)) if self else 0


_EMPTY = cast("memoryview[float]", memoryview(array("d")))
NO_MEASURES = Columns(_EMPTY, _EMPTY, _EMPTY, _EMPTY)


class Place(NamedTuple):
    """How far somebody has read what came to an experiment. Only storage knows what is in it."""

    arrival: int = 0
    first_time: int = 0
    first_id: int = 0
    time: int = 0
    series_id: int = 0
    measure_id: int = 0


class Figures(NamedTuple):
    """Of the measures of a series in one period, counted from a stretch's start on, by the names of functions.

    count, min, max, mean and std. The mean is never outside of min and max. std is the deviation of a sample: None of
    one measure, and when it is beyond what a double holds.
    """

    series_id: int
    period: int
    values: dict[str, float | None]


class Measures(Protocol):
    def read(
        self, experiment_id: int, series_ids: Sequence[int], selection: Selection, *,
        visible_to: str, after: Position | None, limit: int, span: int | None,
    ) -> Columns:
        """At most `limit` of the measures of these series, in the order of `selection`, beyond `after`.

        Ordered by time, then series, then measure id, all in one direction; `after` need not be a measure there is.
        Nothing when the user `visible_to` is not associated with the experiment; that `series_ids` are series of this
        very experiment is the caller's to see to. Only the times of `selection` count here, its types and sensors are
        what `series_ids` were chosen by. `limit` is 1 or more; `span` hints how many nanoseconds the measures before
        these spanned.
        """

    def latest(self, experiment_id: int, series_ids: Sequence[int], *, visible_to: str) -> Columns:
        """The newest measure of each of these series that has one, in their order; the rest is as in `read`."""

    def changes(
        self, experiment_id: int, series_ids: Sequence[int], *,
        visible_to: str, after: Place, until: int, limit: int,
    ) -> tuple[Columns, Place]:
        """What came to the experiment behind a place, up to arrival number `until`, and the place behind that.

        At most `limit` measures; none when there are no more. All that were committed before the arrival that a place
        names lie before it, so nobody who reads on from place to place misses any, or gets one twice.
        """

    def arrivals(self, experiment_id: int) -> int:
        """The number of the last arrival that has been committed."""

    def extent(self, series_ids: Sequence[int], selection: Selection) -> tuple[int, int] | None:
        """The first and the last time of these series in a selection's range."""

    def count(self, series_ids: Sequence[int], first: int, last: int, *, up_to: int) -> int:
        """How many measures there are from one time to another, both included; counted up to a limit."""

    def figures(
        self, experiment_id: int, series_ids: Sequence[int], stretch: Stretch, first: int, last: int,
        functions: Collection[str], *, visible_to: str,
    ) -> list[Figures]:
        """By series and period, of the times from `first` to `last`, both included; empty periods are left out.

        Nothing when the user `visible_to` is not associated with the experiment.
        """

    def add(self, measures: Mapping[Origin, Sequence[Sample]], *, received: int | None = None) -> None:
        """Store all of them, equal ones too, each under an id of its own; count them in their series.

        `received` in seconds since 1970 UTC, None: now.
        """


class MessageId(NamedTuple):
    publisher_id: int
    message_id: bytes


class Messages(Protocol):
    def publisher_id(self, name: bytes) -> int:
        """The number of this publisher, given at its first message."""

    def remember(self, hashes: dict[MessageId, bytes]) -> dict[MessageId, bytes]:
        """Remember these ids with the hashes of their bodies (16 bytes), unless they are known already.

        Returns the known ones, with the hash that was remembered first.
        """

    def forget(self, *, older_than_secs: int, limit: int) -> int:
        """Forget at most `limit` ids, the oldest of those first remembered longer ago than that; how many it were."""


class Quarantine(Protocol):
    def add(self, items: Sequence[Quarantined], *, received: datetime | None = None) -> None:
        """Bodies, publishers and message ids are kept byte for byte; `received` None: now."""

    def page(
        self, *, after: int, limit: int, selection: QuarantineSelection = QuarantineSelection()
    ) -> list[QuarantineRecord]:
        """By id ascending, beyond `after`."""

    def get(self, quarantine_id: int) -> tuple[QuarantineRecord, Quarantined] | None: ...

    def newest_id(self) -> int:
        """0 when it is empty."""

    def lock(self, ids: Collection[int]) -> list[QuarantineRecord]:
        """Those of these items that are still there, by id; nobody else changes them until the transaction ends."""

    def change_reason(self, quarantine_id: int, reason: Reason) -> None: ...

    def remove(self, ids: Collection[int]) -> None:
        """Remove these items, which `lock` has given."""

    def counts(self, experiment_id: int) -> dict[str, int]:
        """How many items name this experiment by a present or former name, by reason."""

    def summary(self, selection: QuarantineSelection = QuarantineSelection()) -> list[QuarantineSummary]:
        """By reason, then publisher."""

    def usage(self) -> list[PublisherUsage]:
        """By publisher, of all that have something there; cheap, however much there is."""


class AuditRow(NamedTuple):
    actor: str
    verb: str
    object: str
    outcome: str
    trace_id: str | None
    key_id: str | None = None


class AuditTable(Protocol):
    def record(self, row: AuditRow) -> None: ...

    def newest(self, limit: int) -> list[AuditRow]:
        """Newest first."""


class Unit(Protocol):
    """One transaction over all tables. Any error from it, Conflict too, must leave the block: half may be done."""

    users: Users
    keys: Keys
    experiments: Experiments
    associations: Associations
    measure_types: MeasureTypes
    series: SeriesTable
    measures: Measures
    messages: Messages
    quarantine: Quarantine
    audit: AuditTable


class StoragePort(Protocol):
    def unit(self) -> AbstractContextManager[Unit]:
        """A transaction: committed at the end of the block, rolled back after any exception.

        Raises StorageUnavailable when it cannot begin in time, and also, then or at the end of the block, when nobody
        can say whether it was committed; StorageContention when it must be run again. Not to be begun within another
        one, which may have the last connection.
        """

    def check_storing(self) -> None:
        """As `check`, and raises StorageUnavailable too when it answers but cannot store (read-only, full)."""

    def check(self) -> None:
        """Raises StorageUnavailable when the database does not answer, ConfigurationError when it never will."""

    def close(self) -> None: ...
