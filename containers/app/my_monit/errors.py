"""Every error of the domain, and whether trying again can help.

Their texts reach people and logs, so they are written here or by the code that raises them, never taken from a
library's exception: they hold no personal data and no secret.
"""

from dataclasses import dataclass


class MyMonitError(Exception):
    #: True when the same call may succeed later without anybody changing anything.
    transient = False


class ConfigurationError(MyMonitError):
    """A setting, a schema, a permission or a topology is not what it must be: the process must not start."""


class BrokerRefused(ConfigurationError):
    """The broker refuses the account, or lacks the topology. Fatal at the start only: see RabbitListener."""


class Unauthenticated(MyMonitError):
    """The caller is nobody that we know."""


class Forbidden(MyMonitError):
    """The caller's role does not allow this."""


class NotFound(MyMonitError):
    """It does not exist, or the caller may not know that it does."""


class Conflict(MyMonitError):
    """It contradicts what is already there."""


class Stale(MyMonitError):
    """It is not, or no longer, what the caller takes it for."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with one part of the input; `pointer` is a JSON Pointer or the name of a query parameter."""

    pointer: str
    detail: str


class Invalid(MyMonitError):
    """The input breaks a rule; `faults` name each part that does."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults))
        self.faults = faults


class Busy(MyMonitError):
    """As much of it as may be done at a time is being done."""

    transient = True


class IdentityUnavailable(MyMonitError):
    """The identity provider cannot be asked just now."""

    transient = True


class StorageUnavailable(MyMonitError):
    """The database is away, full, read-only or gave an error that nobody has classified."""

    transient = True


class StorageContention(MyMonitError):
    """Another transaction was quicker (deadlock, lock wait, the same key): run the whole transaction again."""

    transient = True


class StorageRejected(MyMonitError):
    """The database refuses this very data; the same data will be refused again."""


class BrokerUnavailable(MyMonitError):
    """The broker is away or closed the connection."""

    transient = True
