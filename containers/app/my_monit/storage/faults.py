"""What an error of the database means, decided by its number: the driver's classes lie (1290 is a DatabaseError).

The numbers are those of MySQL 8.4 and 9 and of MariaDB 10.11 and 11; where both use one, it means the same in both.
A number that nobody has classified may pass: it is transient, nothing is dropped for it, and the log calls for help.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from mysql.connector import errors

from my_monit.errors import ConfigurationError, MyMonitError, StorageContention, StorageRejected, StorageUnavailable
from my_monit.logs.logger import get_logger


class DuplicateKey(StorageContention):
    """The key is there already. Where that is an answer, and not a race, the caller says so."""


_MEANINGS: tuple[tuple[frozenset[int], type[MyMonitError], str], ...] = (
    (frozenset({1062}), DuplicateKey, "the key is there already"),
    # Lock wait, deadlock; certification in a cluster; a table that changed in between; XA's words for the first two.
    (frozenset({1020, 1205, 1213, 1412, 1613, 1614, 1689, 3101, 3572}), StorageContention,
     "another transaction was quicker"),
    # NULL, ranges, lengths, dates, encodings, JSON, foreign keys and checks.
    (frozenset({1048, 1118, 1216, 1264, 1265, 1292, 1300, 1364, 1365, 1366, 1367, 1406, 1452, 1690, 3140, 3819, 3988,
                4025}), StorageRejected, "the database refuses the data"),
    (frozenset({1045, 1130, 1251, 1524, 1698, 1820, 1862, 2059, 2061, 3118, 4151}), ConfigurationError,
     "the database refuses the account: its name or password is wrong, or it may not enter"),
    (frozenset({1044, 1049, 1054, 1142, 1143, 1146, 1227, 1419, 1932}), ConfigurationError,
     "the database refuses this to the account, or lacks the schema: mymonit migrate"),
    (frozenset({1153, 2020}), ConfigurationError, "the database takes no packets of 64 MiB: max_allowed_packet"),
    (frozenset({1021, 1026, 1030, 1114}), StorageUnavailable, "the database's disk is full or fails"),
    (frozenset({1290, 1792, 1836}), StorageUnavailable, "the database is read-only"),
    (frozenset({1037, 1038, 1040, 1041, 1135, 1203, 1206, 1226}), StorageUnavailable,
     "the database has no room for more: connections, threads, memory or locks"),
    (frozenset({1129, 2002, 2003, 2005}), StorageUnavailable, "the database cannot be reached at DB_HOST and DB_PORT"),
    (frozenset({1047, 1053, 1077, 1079, 1180, 1317, 1927, 1969, 3024, 3032, 3100, 3168, 3169}), StorageUnavailable,
     "the database is stopping, or stopped this"),
    (frozenset({1152, 1154, 1156, 1158, 1159, 1160, 1161, 1184, 2001, 2004, 2006, 2012, 2013, 2014, 2026, 2027, 2055,
                4031}), StorageUnavailable, "the connection to the database was lost"),
)
_BY_NUMBER = {number: (kind, text) for numbers, kind, text in _MEANINGS for number in numbers}

_log = get_logger("storage")


def meaning(error: errors.Error) -> MyMonitError:
    """The domain's error for a driver's."""
    known = _BY_NUMBER.get(error.errno)
    if known is None:
        _log.error("unknown_database_error", number=error.errno)
        return StorageUnavailable(f"the database cannot answer (error {error.errno})")
    kind, text = known
    return kind(f"{text} (error {error.errno})")


@contextmanager
def translated() -> Iterator[None]:
    """Let no exception of the driver out."""
    try:
        yield
    except errors.Error as error:
        raise meaning(error) from error
