"""What MyMONIT is about: people, experiments, series and measures. No input or output happens here."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from my_monit.logs.facets import do_not_log


#: How people are called in the audit and in paths.
STAFF_ID = re.compile(r"[A-Za-z0-9_-]{1,30}")
#: How API keys are called there: the part of a key that is public.
KEY_ID = re.compile(r"[0-9a-f]{16}")


class Role(StrEnum):
    ADMIN = "ADMIN"
    SCIENTIST = "SCIENTIST"
    AUDITOR = "AUDITOR"


#: Hexadecimal digits of a record's version: that two of one record's are equal by chance will not be seen.
VERSION_CHARS = 32


def _version(*fields: object) -> str:
    """Changes whenever one of the fields does, and comes back when they do."""
    return hashlib.sha256(repr(fields).encode()).hexdigest()[:VERSION_CHARS]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a program shows instead of its user's token, without the secret, which nobody keeps.

    It only reads: what its user may read, or with `experiment_id` the measures of that experiment and nothing else.
    `expired` as the database's clock said when this was read.
    """

    key_id: str
    user_id: str
    label: str = field(repr=False)  # free text, so it may be personal: no log shows it
    experiment_id: int | None
    created: datetime
    created_by: str
    expires: datetime
    expired: bool


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a staff id, the role that the database gives it now, and the API key, if it is a program's doing."""

    user_id: str
    role: Role
    key: ApiKey | None = None


#: Whoever runs `mymonit` at the console. No user can bear this id: `@` is not allowed in one.
CONSOLE = Actor("@console", Role.ADMIN)
#: The process that bounds the quarantine.
GUARD = Actor("@guard", Role.ADMIN)


class User:
    """A member of staff. Name, username and e-mail are personal: `repr` leaves them out and no log shows them."""

    __slots__ = ("user_id", "role", "active", "_name", "_username", "_email")

    def __init__(self, user_id: str, *, name: str, username: str, email: str, role: Role, active: bool = True) -> None:
        self.user_id = user_id
        self.role = role
        self.active = active
        self._name = name
        self._username = username
        self._email = email

    @property
    @do_not_log
    def name(self) -> str:
        return self._name

    @property
    @do_not_log
    def username(self) -> str:
        """The identity provider's uid: the subject of this user's tokens."""
        return self._username

    @property
    @do_not_log
    def email(self) -> str:
        return self._email

    @property
    def version(self) -> str:
        return _version(self.user_id, self.role.value, self.active, self._name, self._username, self._email)

    def log_fields(self) -> dict[str, object]:
        return {"user_id": self.user_id, "role": self.role, "active": self.active}

    def _key(self) -> tuple[object, ...]:
        return self.user_id, self.role, self.active, self._name, self._username, self._email

    def __eq__(self, other: object) -> bool:
        return isinstance(other, User) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self.user_id)

    def __repr__(self) -> str:
        return f"User({self.user_id!r}, role={self.role.value}, active={self.active})"


@dataclass(frozen=True, slots=True)
class Experiment:
    experiment_id: int
    name: str

    @property
    def version(self) -> str:
        return _version(self.experiment_id, self.name)


@dataclass(frozen=True, slots=True)
class Association:
    """A scientist may see an experiment, from `since` until `until` (UTC; None: without an end)."""

    association_id: int
    experiment_id: int
    user_id: str
    since: datetime
    until: datetime | None

    @property
    def version(self) -> str:
        return _version(self.association_id, self.until)


@dataclass(frozen=True, slots=True)
class MeasureType:
    measure_type_id: int
    name: str
    symbol: str
    quantity: str


class Series(NamedTuple):
    """Experiment, measure type and sensor. `sensor` is '' when the instrument named none."""

    series_id: int
    measure_type: str
    symbol: str
    sensor: str


class SeriesExtent(NamedTuple):
    """A series and what it holds; `first` and `last` in nanoseconds since 1970 UTC, None while it is empty."""

    series: Series
    first: int | None
    last: int | None
    measures: int


class Position(NamedTuple):
    """Where a reader stands in an experiment's measures: the last one it has seen."""

    time: int
    series_id: int
    measure_id: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which measures of an experiment: times in nanoseconds, half-open; None: no limit; empty: all."""

    start: int | None = None
    end: int | None = None
    measure_types: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    descending: bool = True

    def chooses(self, series: Series) -> bool:
        return (not self.measure_types or series.measure_type in self.measure_types) and (
            not self.sensors or series.sensor in self.sensors
        )


class Reason(StrEnum):
    """Why something is in the quarantine. The list is closed."""

    BAD_ENCODING = "bad_encoding"
    BAD_JSON = "bad_json"
    NOT_OBJECT = "not_object"
    DUP_KEY = "dup_key"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_VERSION = "unknown_version"
    WRONG_TYPE = "wrong_type"
    WRONG_UNIT = "wrong_unit"
    NON_FINITE = "non_finite"
    OUT_OF_RANGE = "out_of_range"
    BAD_TIMESTAMP = "bad_timestamp"
    BAD_STRING = "bad_string"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    BAD_CONTENT_TYPE = "bad_content_type"
    UNKNOWN_EXPERIMENT = "unknown_experiment"
    UNKNOWN_MEASURE = "unknown_measure"
    FORBIDDEN = "forbidden"
    ID_CONFLICT = "id_conflict"
    UNDELIVERABLE = "undeliverable"


class Message(NamedTuple):
    """A message as the broker delivered it, free of any broker library's types.

    `message_id` and `user_id` are bytes because a hostile publisher need not write UTF-8.
    `headers` gives the JSON text of all its properties, rendered only for what goes into the quarantine;
    `parked` tells that the broker gave up delivering it.
    """

    body: bytes
    routing_key: str
    message_id: bytes | None
    user_id: bytes | None
    content_type: str | bytes | None
    content_encoding: str | bytes | None
    type: str | bytes | None
    headers: Callable[[], str]
    parked: bool = False


class Quarantined(NamedTuple):
    """What could not be stored, whole: `element` is its index in an array, None for a whole message."""

    reason: Reason
    publisher: bytes
    routing_key: str
    message_id: bytes | None
    element: int | None
    experiment: str | None
    headers: str
    body: bytes


@dataclass(frozen=True, slots=True)
class QuarantineRecord:
    """A row of the quarantine without its bytes."""

    quarantine_id: int
    reason: Reason
    received: datetime
    publisher: str
    size: int
    experiment: str | None


@dataclass(frozen=True, slots=True)
class QuarantineSelection:
    """Which items of the quarantine: `start` and `end` of their receipt, half-open; None: all."""

    reason: Reason | None = None
    publisher: bytes | None = None
    experiment: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class QuarantineSummary(NamedTuple):
    """What the quarantine holds of one publisher for one reason; `size` in bytes of bodies."""

    reason: Reason
    publisher: str
    items: int
    size: int
    first: datetime
    last: datetime


class PublisherUsage(NamedTuple):
    """How much of the quarantine a publisher takes; `size` in bytes of bodies and properties."""

    publisher: bytes
    items: int
    size: int


class PublisherAccount(NamedTuple):
    """A broker account that may publish, or might if it were not suspended.

    `experiments` are the names that it may use in routing keys, None when that is no list of names; `ours` tells
    whether MyMONIT made it.
    """

    name: str
    experiments: tuple[str, ...] | None
    suspended: bool
    ours: bool
