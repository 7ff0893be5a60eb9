"""Changes under a condition: that a record still is what the caller has seen."""

from collections.abc import Container

from my_monit.errors import Stale
from my_monit.model import Association, Experiment, User

#: The versions that a caller takes for the present one; None: any will do.
Expected = Container[str] | None


def require_version(record: User | Experiment | Association, expected: Expected) -> None:
    """Raises Stale unless the record's version is an expected one. Ask it of a locked record."""
    if expected is not None and record.version not in expected:
        raise Stale("it was changed since you read it: read it again")
