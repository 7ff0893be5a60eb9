"""Services put together by hand, on storage in the process: no server, no container."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from my_monit.errors import IdentityUnavailable
from my_monit.identity.provider import Subject, refusal
from my_monit.logs.audit import Audit
from my_monit.model import Actor, Role, User
from my_monit.services.access import AccessService
from my_monit.services.erasure import ErasureService
from my_monit.services.experiments import ExperimentService
from my_monit.services.ingestion import IngestionService
from my_monit.services.keys import KeyService
from my_monit.services.measure_types import MeasureTypeService
from my_monit.services.measures import MeasureService
from my_monit.services.quarantine import QuarantineService
from my_monit.services.users import UserService
from my_monit.storage.memory import MemoryStorage
from my_monit.storage.ports import AuditRow


def person(user_id: str, role: Role, *, active: bool = True) -> User:
    return User(
        user_id, name=f"Name of {user_id}", username=f"uid-{user_id}", email=f"{user_id}@example.org", role=role,
        active=active,
    )


ADA = person("A001", Role.ADMIN)
BEN = person("A002", Role.ADMIN)
SAM = person("S001", Role.SCIENTIST)
SUE = person("S002", Role.SCIENTIST)
UMA = person("U001", Role.AUDITOR)


def actor(user: User) -> Actor:
    return Actor(user.user_id, user.role)


def shown(username: str, issued: datetime | None = None) -> Subject:
    """What a token says that was issued then, or just now."""
    return Subject(username, int(issued.timestamp() if issued else time.time()))


class Clock:
    """The database's clock, in the hands of a test."""

    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Accounts:
    """An identity provider that knows no token, but which accounts it was asked to delete, and may be away."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.away = False

    def verify(self, token: str) -> NoReturn:
        raise refusal()

    def forget(self, username: str) -> None:
        if self.away:
            raise IdentityUnavailable("away")
        self.deleted.append(username)


@dataclass
class Services:
    storage: MemoryStorage

    def __post_init__(self):
        self.audit = Audit(self.storage)
        self.users = UserService(self.storage, self.audit)
        self.keys = KeyService(self.storage, self.audit)
        self.accounts = Accounts()
        self.erasure = ErasureService(self.audit, self.accounts)
        self.access = AccessService(self.audit)
        self.experiments = ExperimentService(self.audit)
        self.measure_types = MeasureTypeService(self.audit)
        self.measures = MeasureService(self.storage, self.audit)
        self.quarantine = QuarantineService(self.storage, self.audit, self.ingestion)

    def ingestion(self) -> IngestionService:
        """A listener's, as it is when it starts."""
        return IngestionService(self.storage, routing="measures", max_future=86_400)

    def add_users(self, *users: User) -> None:
        with self.storage.unit() as unit:
            for user in users:
                unit.users.add(user)

    def audited(self) -> list[AuditRow]:
        """Oldest first."""
        with self.storage.unit() as unit:
            return unit.audit.newest(1000)[::-1]


def outcomes(services: Services) -> list[tuple[str, str, str, str]]:
    return [(row.actor, row.verb, row.object, row.outcome) for row in services.audited()]


def change(services: Services, who: Actor, whom: User, **changes: Any) -> User:
    """`who` changes just this of `whom`."""
    record = {"name": whom.name, "username": whom.username, "email": whom.email, "role": None, "active": None}
    return services.users.change(who, whom.user_id, **{**record, **changes})
