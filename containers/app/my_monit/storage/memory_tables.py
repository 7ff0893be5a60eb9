"""The tables of `MemoryStorage`, and what ports.py says can be done with them; measures have a module of their own."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

from my_monit.errors import Conflict, StorageContention, StorageRejected
from my_monit.model import (
    ApiKey, Association, Experiment, MeasureType, PublisherUsage, Quarantined, QuarantineRecord, QuarantineSelection,
    QuarantineSummary, Reason, Role, User,
)
from my_monit.storage.ports import AuditRow, Holder, MessageId, StoredKey

_K = TypeVar("_K", int, str)
_V = TypeVar("_V")
#: Tells the time, in UTC.
Clock = Callable[[], datetime]


class Measure(NamedTuple):
    """`time` in nanoseconds since 1970 UTC; `measure_id` tells equal ones apart."""

    series_id: int
    time: int
    measure_id: int
    value: float


@dataclass
class Tables:  # pylint: disable=too-many-instance-attributes
    """Nothing in a table changes: it is replaced. So a transaction need only copy the tables themselves."""

    users: dict[str, User] = field(default_factory=dict)
    username_since: dict[str, datetime] = field(default_factory=dict)
    erased: dict[str, datetime] = field(default_factory=dict)
    keys: dict[str, StoredKey] = field(default_factory=dict)
    experiments: dict[int, Experiment] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    associations: dict[int, Association] = field(default_factory=dict)
    measure_types: dict[int, MeasureType] = field(default_factory=dict)
    series: dict[tuple[int, int, str], int] = field(default_factory=dict)
    measures: list[Measure] = field(default_factory=list)
    arrivals: list[tuple[int, tuple[Measure, ...]]] = field(default_factory=list)
    publishers: dict[bytes, int] = field(default_factory=dict)
    message_ids: dict[MessageId, tuple[bytes, datetime]] = field(default_factory=dict)
    quarantine: dict[int, tuple[QuarantineRecord, Quarantined]] = field(default_factory=dict)
    quarantined: int = 0  # the last number that was given
    audit: list[AuditRow] = field(default_factory=list)

    def copy(self) -> "Tables":
        return Tables(*(copy(getattr(self, table.name)) for table in fields(self)))


class Table:
    def __init__(self, tables: Tables, clock: Clock) -> None:
        self._tables = tables
        self._clock = clock

    def _current(self) -> Iterator[Association]:
        now = self._clock()
        return (one for one in self._tables.associations.values() if one.until is None or one.until > now)

    def _is_visible(self, experiment_id: int, user_id: str | None) -> bool:
        return user_id is None or (experiment_id, user_id) in map(_pair, self._current())


class Users(Table):
    def page(self, *, after: str, limit: int) -> list[User]:
        return page_of(self._tables.users, after, limit)

    def get(self, user_id: str, *, lock: bool = False) -> User | None:
        del lock  # there is one transaction at a time
        return self._tables.users.get(user_id)

    def by_username(self, username: str) -> Holder | None:
        since = self._tables.username_since
        holders = (Holder(user, since[user.user_id]) for user in self._tables.users.values())
        return next((holder for holder in holders if holder.user.username == username), None)

    def add(self, user: User) -> None:
        if user.user_id in self._tables.users | self._tables.erased or self.by_username(user.username):
            raise Conflict("the user_id or the username is taken")
        self._tables.users[user.user_id] = user
        self._tables.username_since[user.user_id] = self._clock()

    def change(self, user: User) -> None:
        holder = self.by_username(user.username)
        if holder and holder.user.user_id != user.user_id:
            raise Conflict("the username is taken")
        existing(self._tables.users, user.user_id)
        self._tables.users[user.user_id] = user
        if holder is None:
            self._tables.username_since[user.user_id] = self._clock()

    def erase(self, user_id: str) -> None:
        del self._tables.users[user_id], self._tables.username_since[user_id]
        self._tables.erased[user_id] = self._clock()

    def erased(self, user_id: str) -> datetime | None:
        return self._tables.erased.get(user_id)

    def lock_active(self, role: Role) -> list[str]:
        return sorted(user.user_id for user in self._tables.users.values() if user.active and user.role is role)


class Keys(Table):
    def of(self, user_id: str) -> list[ApiKey]:
        keys = [self._today(stored.key) for stored in self._tables.keys.values() if stored.key.user_id == user_id]
        return sorted(keys, key=lambda key: (key.created, key.key_id))

    def get(self, key_id: str) -> StoredKey | None:
        stored = self._tables.keys.get(key_id)
        return stored and stored._replace(key=self._today(stored.key))

    def add(
        self, key_id: str, digest: bytes, *,
        user_id: str, label: str, experiment_id: int | None, created_by: str, lifetime: timedelta,
    ) -> ApiKey:
        existing(self._tables.users, user_id)
        existing({None, *self._tables.experiments}, experiment_id)
        if key_id in self._tables.keys:
            raise StorageContention("the key is there already")
        now = self._clock()
        key = ApiKey(key_id, user_id, label, experiment_id, now, created_by, now + lifetime, False)
        self._tables.keys[key_id] = StoredKey(key, digest)
        return key

    def remove(self, key_id: str) -> bool:
        return self._tables.keys.pop(key_id, None) is not None

    def remove_all(self, user_id: str) -> list[str]:
        return [key.key_id for key in self.of(user_id) if self.remove(key.key_id)]

    def _today(self, key: ApiKey) -> ApiKey:
        return replace(key, expired=key.expires <= self._clock())


class Experiments(Table):
    def page(self, *, after: int, limit: int, visible_to: str | None) -> list[Experiment]:
        experiments = self._tables.experiments
        visible = {number: one for number, one in experiments.items() if self._is_visible(number, visible_to)}
        return page_of(visible, after, limit)

    def get(self, experiment_id: int, *, visible_to: str | None, lock: bool = False) -> Experiment | None:
        del lock  # there is one transaction at a time
        return self._tables.experiments.get(experiment_id) if self._is_visible(experiment_id, visible_to) else None

    def add(self, name: str) -> Experiment:
        return self._name(Experiment(next_number(self._tables.experiments), name))

    def rename(self, experiment_id: int, name: str) -> None:
        existing(self._tables.experiments, experiment_id)
        self._name(Experiment(experiment_id, name))

    def ids_by_name(self, names: Collection[str]) -> dict[str, int]:
        return {name: self._tables.names[name] for name in names if name in self._tables.names}

    def names_of(self, ids: Collection[int]) -> list[str]:
        return sorted(name for name, number in self._tables.names.items() if number in ids)

    def _name(self, experiment: Experiment) -> Experiment:
        if self._tables.names.setdefault(experiment.name, experiment.experiment_id) != experiment.experiment_id:
            raise Conflict("an experiment bears this name, or bore it once")
        self._tables.experiments[experiment.experiment_id] = experiment
        return experiment


class Associations(Table):
    def current(self, *, after: int = 0, limit: int | None = None) -> list[Association]:
        shown = sorted({one.experiment_id for one in self._current() if one.experiment_id > after})[:limit]
        return sorted((one for one in self._current() if one.experiment_id in shown), key=_pair)

    def of(self, user_id: str, *, after: int, limit: int) -> list[Association]:
        return page_of({one.association_id: one for one in self._all() if one.user_id == user_id}, after, limit)

    def last(self, experiment_id: int, user_id: str) -> Association | None:
        pair = experiment_id, user_id
        return max((one for one in self._all() if _pair(one) == pair), key=_number, default=None)

    def add(self, experiment_id: int, user_id: str, *, until: datetime | None) -> Association:
        existing(self._tables.experiments, experiment_id)
        existing(self._tables.users, user_id)
        if self._is_visible(experiment_id, user_id):
            raise Conflict("the scientist is associated with the experiment already")
        number = len(self._tables.associations) + 1
        added = self._tables.associations[number] = Association(
            number, experiment_id, user_id, self._clock(), _utc(until)
        )
        return added

    def end(self, experiment_id: int, user_id: str, *, until: datetime | None) -> bool:
        ended = next((one for one in self._current() if _pair(one) == (experiment_id, user_id)), None)
        if ended:
            now = self._clock()
            self._end(ended, max(now, _utc(until) or now))
        return ended is not None

    def end_all(self, user_id: str) -> list[int]:
        ended = [one for one in self.current() if one.user_id == user_id]
        for one in ended:
            self._end(one, self._clock())
        return [one.experiment_id for one in ended]

    def _end(self, association: Association, until: datetime) -> None:
        self._tables.associations[association.association_id] = replace(association, until=until)

    def _all(self) -> Collection[Association]:
        return self._tables.associations.values()


class Messages(Table):
    def publisher_id(self, name: bytes) -> int:
        return self._tables.publishers.setdefault(name, len(self._tables.publishers) + 1)

    def remember(self, hashes: dict[MessageId, bytes]) -> dict[MessageId, bytes]:
        known = {key: self._tables.message_ids[key][0] for key in hashes if key in self._tables.message_ids}
        now = self._clock()
        self._tables.message_ids |= {key: (value, now) for key, value in hashes.items() if key not in known}
        return known

    def forget(self, *, older_than_secs: int, limit: int) -> int:
        before = self._clock() - timedelta(seconds=older_than_secs)
        old = [(seen, key) for key, (_, seen) in self._tables.message_ids.items() if seen < before]
        for _, key in sorted(old)[:limit]:
            del self._tables.message_ids[key]
        return min(len(old), limit)


class Quarantine(Table):
    def add(self, items: Sequence[Quarantined], *, received: datetime | None = None) -> None:
        first = self._tables.quarantined + 1
        self._tables.quarantined += len(items)
        for number, item in enumerate(items, first):
            publisher = item.publisher.decode(errors="replace")
            size, moment = len(item.body), _utc(received) or self._clock()
            record = QuarantineRecord(number, item.reason, moment, publisher, size, item.experiment)
            self._tables.quarantine[number] = record, item

    def page(
        self, *, after: int, limit: int, selection: QuarantineSelection = QuarantineSelection()
    ) -> list[QuarantineRecord]:
        return page_of(dict(self._selected(selection)), after, limit)

    def get(self, quarantine_id: int) -> tuple[QuarantineRecord, Quarantined] | None:
        return self._tables.quarantine.get(quarantine_id)

    def newest_id(self) -> int:
        return max(self._tables.quarantine, default=0)

    def lock(self, ids: Collection[int]) -> list[QuarantineRecord]:
        return [self._tables.quarantine[number][0] for number in sorted(ids) if number in self._tables.quarantine]

    def change_reason(self, quarantine_id: int, reason: Reason) -> None:
        record, item = self._tables.quarantine[quarantine_id]
        self._tables.quarantine[quarantine_id] = replace(record, reason=reason), item._replace(reason=reason)

    def remove(self, ids: Collection[int]) -> None:
        for number in ids:
            self._tables.quarantine.pop(number, None)

    def counts(self, experiment_id: int) -> dict[str, int]:
        names = {name for name, number in self._tables.names.items() if number == experiment_id}
        records = (record for record, _ in self._tables.quarantine.values())
        return dict(sorted(Counter(record.reason.value for record in records if record.experiment in names).items()))

    def summary(self, selection: QuarantineSelection = QuarantineSelection()) -> list[QuarantineSummary]:
        groups: dict[tuple[str, str], list[QuarantineRecord]] = defaultdict(list)
        for _, record in self._selected(selection):
            groups[record.reason, record.publisher].append(record)
        return [_summary(groups[key]) for key in sorted(groups)]

    def usage(self) -> list[PublisherUsage]:
        items = [item for _, item in self._tables.quarantine.values()]
        sizes: Counter[bytes] = Counter()
        for item in items:
            sizes[item.publisher] += len(item.body) + len(item.headers.encode())
        counts = Counter(item.publisher for item in items)
        return [PublisherUsage(publisher, counts[publisher], sizes[publisher]) for publisher in sorted(counts)]

    def _selected(self, selection: QuarantineSelection) -> Iterator[tuple[int, QuarantineRecord]]:
        for number, (record, item) in self._tables.quarantine.items():
            if all((
                selection.reason in (None, record.reason),
                selection.publisher in (None, item.publisher),
                selection.experiment in (None, record.experiment),
                selection.start is None or record.received >= selection.start,
                selection.end is None or record.received < selection.end,
            )):
                yield number, record


def _summary(records: Sequence[QuarantineRecord]) -> QuarantineSummary:
    times = [record.received for record in records]
    size = sum(record.size for record in records)
    return QuarantineSummary(records[0].reason, records[0].publisher, len(records), size, min(times), max(times))


class AuditTable(Table):
    def record(self, row: AuditRow) -> None:
        self._tables.audit.append(row)

    def newest(self, limit: int) -> list[AuditRow]:
        return self._tables.audit[::-1][:limit]


def page_of(table: dict[_K, _V], after: _K, limit: int) -> list[_V]:
    return [table[key] for key in sorted(table) if key > after][:limit]


def next_number(table: Collection[int]) -> int:
    return max(table, default=0) + 1


def existing(table: Collection[object], key: object) -> None:
    """What a foreign key does."""
    if key not in table:
        raise StorageRejected("the data refers to something that does not exist")


def _pair(association: Association) -> tuple[int, str]:
    return association.experiment_id, association.user_id


def _number(association: Association) -> int:
    return association.association_id


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None
