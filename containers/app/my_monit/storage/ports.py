"""What the services need from storage. `Storage` keeps it in MySQL, `MemoryStorage` in the process; both obey this."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

from my_monit.model import (
    Association, Experiment, Measure, MeasureType, Position, Quarantined, QuarantineRecord, Reason, Role, Selection,
    Series, SeriesExtent, User,
)  # fmt: skip


class Users(Protocol):
    def page(self, *, after: str, limit: int) -> list[User]:
        """By user_id ascending, beyond `after` ('' for the first page)."""

    def get(self, user_id: str) -> User | None: ...

    def by_username(self, username: str) -> User | None:
        """Compared byte for byte."""

    def add(self, user: User) -> None:
        """Raises Conflict when the id or the username is taken."""

    def change(self, user: User) -> None:
        """Raises Conflict when the username is taken."""

    def lock_active(self, role: Role) -> list[str]:
        """The ids of active users of this role, who stay so until the transaction ends."""


class Experiments(Protocol):
    def page(self, *, after: int, limit: int, visible_to: str | None) -> list[Experiment]:
        """By id ascending, beyond `after`; only those associated with the user `visible_to`, unless None."""

    def get(self, experiment_id: int, *, visible_to: str | None) -> Experiment | None:
        """None when there is no such experiment, or the user `visible_to` is not associated with it."""

    def add(self, name: str) -> Experiment:
        """Raises Conflict when an experiment bears or bore the name."""

    def rename(self, experiment_id: int, name: str) -> None:
        """Raises Conflict when another experiment bears or bore the name."""

    def ids_by_name(self, names: Collection[str]) -> dict[str, int]:
        """Present and former names, compared byte for byte; the unknown ones are left out."""


class Associations(Protocol):
    def current(self) -> list[Association]:
        """By experiment id, then user id."""

    def add(self, experiment_id: int, user_id: str, *, until: datetime | None) -> None:
        """Raises Conflict when there is a current one."""

    def end(self, experiment_id: int, user_id: str, *, until: datetime | None) -> bool:
        """End the current one now, or at `until`; False when there is none."""


class MeasureTypes(Protocol):
    def page(self, *, after: int, limit: int) -> list[MeasureType]:
        """By id ascending, beyond `after`."""

    def add(self, *, name: str, symbol: str, quantity: str) -> MeasureType:
        """Raises Conflict when the name is taken."""

    def by_name(self, names: Collection[str]) -> dict[str, MeasureType]:
        """Compared byte for byte; the unknown ones are left out."""


class NewMeasure(NamedTuple):
    """`time` in nanoseconds since 1970 UTC; `value` finite."""

    series_id: int
    time: int
    value: float
    publisher_id: int


class SeriesTable(Protocol):
    def of(self, experiment_id: int, *, visible_to: str) -> list[Series]:
        """By id; nothing when the user `visible_to` is not associated with the experiment."""

    def extents(self, experiment_id: int, *, visible_to: str) -> list[SeriesExtent]:
        """By id; nothing when the user `visible_to` is not associated with the experiment."""

    def find_or_add(self, experiment_id: int, measure_type_id: int, sensor: str) -> int: ...


class Measures(Protocol):
    def chunk(
        self, experiment_id: int, series_ids: Sequence[int], selection: Selection, *,
        visible_to: str, after: Position | None, limit: int, span: int | None,
    ) -> list[Measure]:
        """At most `limit` measures of these series in the order of `selection`, beyond `after`; [] at the end.

        Ordered by time, then series, then measure id, all in one direction. Nothing when the user `visible_to` is
        not associated with the experiment. `span` hints how many nanoseconds the measures before these spanned.
        """  # fmt: skip

    def add(self, measures: Sequence[NewMeasure]) -> None:
        """Stores all of them, and counts them in their series. `received` is the database's clock."""


class MessageId(NamedTuple):
    publisher_id: int
    message_id: bytes


class Messages(Protocol):
    def publisher_id(self, name: bytes) -> int:
        """The number of this publisher, given at its first message."""

    def remember(self, hashes: dict[MessageId, bytes]) -> dict[MessageId, bytes]:
        """Remember the ids with their bodies' hashes; return those that were known, with the hash known for them."""


class Quarantine(Protocol):
    def add(self, items: Sequence[Quarantined]) -> None: ...

    def page(self, *, after: int, limit: int, reason: Reason | None = None) -> list[QuarantineRecord]:
        """By id ascending, beyond `after`."""

    def get(self, quarantine_id: int) -> tuple[QuarantineRecord, Quarantined] | None: ...

    def counts(self, experiment_id: int) -> dict[str, int]:
        """How many items name this experiment by any of its names, by reason."""


class AuditRow(NamedTuple):
    actor: str
    verb: str
    object: str
    outcome: str
    trace_id: str | None


class AuditTable(Protocol):
    def record(self, row: AuditRow) -> None: ...

    def newest(self, limit: int) -> list[AuditRow]:
        """Newest first."""


class Unit(Protocol):
    """One transaction over all tables."""

    users: Users
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
        """A transaction: committed at the end of the block, rolled back after any exception."""

    def check(self) -> None:
        """Raises StorageUnavailable when the database does not answer, ConfigurationError when it never will."""

    def close(self) -> None: ...
