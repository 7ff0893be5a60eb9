"""What an error of the database means, decided by its number: the driver's classes lie (1290 is a DatabaseError)."""

from collections.abc import Iterator
from contextlib import contextmanager

from mysql.connector import errors

from my_monit.errors import ConfigurationError, MyMonitError, StorageContention, StorageRejected, StorageUnavailable


class DuplicateKey(StorageContention):
    """The key is there already. Where that is an answer, and not a race, the caller says so."""


_MEANINGS: tuple[tuple[frozenset[int], type[MyMonitError], str], ...] = (
    (frozenset({1062}), DuplicateKey, "the key is there already"),
    (frozenset({1205, 1213}), StorageContention, "another transaction was quicker"),
    (frozenset({1048, 1216, 1264, 1265, 1292, 1366, 1367, 1406, 1452, 1690}), StorageRejected,
     "the database refuses the data"),
    (frozenset({1045, 1698}), ConfigurationError, "the database refuses the account: its name or password is wrong"),
    (frozenset({1044, 1049, 1054, 1142, 1143, 1146, 1227, 1419}), ConfigurationError,
     "the database refuses this to the account, or lacks the schema: mymonit migrate"),
    (frozenset({2002, 2003, 2005}), StorageUnavailable, "the database cannot be reached at DB_HOST and DB_PORT"),
)


def meaning(error: errors.Error) -> MyMonitError:
    """The domain's error for a driver's; a number that nobody has classified may pass, so it is transient."""
    for numbers, kind, text in _MEANINGS:
        if error.errno in numbers:
            return kind(f"{text} (error {error.errno})")
    return StorageUnavailable(f"the database cannot answer (error {error.errno})")


@contextmanager
def translated() -> Iterator[None]:
    """Let no exception of the driver out."""
    try:
        yield
    except errors.Error as error:
        raise meaning(error) from error
