"""What an error of the database means, decided by its number: the driver's classes lie (1290 is a DatabaseError)."""

from collections.abc import Iterator
from contextlib import contextmanager

from mysql.connector import errors

from my_monit.errors import ConfigurationError, MyMonitError, StorageContention, StorageRejected, StorageUnavailable

DUPLICATE_KEY = 1062
_CONTENTION = frozenset({1062, 1205, 1213})
_DATA = frozenset({1048, 1216, 1264, 1265, 1292, 1366, 1367, 1406, 1452, 1690})
_REFUSED = frozenset({1045, 1698})
_UNREACHABLE = frozenset({2002, 2003, 2005})
_FATAL = frozenset({1044, 1049, 1054, 1142, 1143, 1146, 1227, 1419})


class DuplicateKey(StorageContention):
    """The key is there already. Where that is an answer, and not a race, the caller says so."""


def meaning(error: errors.Error) -> MyMonitError:
    """The domain's error for a driver's; a number that nobody has classified may pass, so it is transient."""
    number = error.errno
    if number == DUPLICATE_KEY:
        return DuplicateKey("the key is there already")
    if number in _CONTENTION:
        return StorageContention(f"another transaction was quicker (database error {number})")
    if number in _DATA:
        return StorageRejected(f"the database refuses the data (error {number})")
    if number in _REFUSED:
        return ConfigurationError(f"the database refuses the account: its name or password is wrong (error {number})")
    if number in _UNREACHABLE:
        return StorageUnavailable(f"the database cannot be reached at DB_HOST and DB_PORT (error {number})")
    if number in _FATAL:
        return ConfigurationError(f"the database refuses this account or lacks the schema (error {number})")
    return StorageUnavailable(f"the database cannot answer (error {number})")


@contextmanager
def translated() -> Iterator[None]:
    """Let no exception of the driver out."""
    try:
        yield
    except errors.Error as error:
        raise meaning(error) from error
