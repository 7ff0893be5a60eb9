"""What the application's database account may do: per table, and nothing else. It has no DDL rights."""

from my_monit.errors import ConfigurationError
from my_monit.storage.connector import Session

_READ = frozenset({"SELECT"})
_APPEND = frozenset({"SELECT", "INSERT"})
_CHANGE = frozenset({"SELECT", "INSERT", "UPDATE"})
_FORGET = frozenset({"SELECT", "INSERT", "DELETE"})
_REMOVE = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})

RIGHTS: dict[str, frozenset[str]] = {
    "SCHEMA_MIGRATIONS": _READ,
    "ROLES": _READ,
    "USERS": _CHANGE,
    "API_KEYS": _FORGET,
    "EXPERIMENTS": _CHANGE,
    "EXPERIMENT_NAMES": _APPEND,
    "USER_EXPERIMENTS": _CHANGE,
    "MEASURE_TYPES": _APPEND,
    "SERIES": _APPEND,
    "SERIES_COUNTS": _CHANGE,
    "PUBLISHERS": _APPEND,
    "MEASURE_BLOCKS": _APPEND,
    "MEASURES": _APPEND,
    "ARRIVAL_COUNTS": _CHANGE,
    "ARRIVALS": _APPEND,
    "MESSAGE_IDS": _FORGET,
    "QUARANTINE": _REMOVE,
    "QUARANTINE_USAGE": _CHANGE,
    "AUDIT": _APPEND,
}

#: What nobody changes once it is written, whichever way a right to do so may have come to the account.
NEVER_CHANGED = ("MEASURES", "AUDIT")

_ON_TABLES = (
    "SELECT table_name, privilege_type FROM information_schema.table_privileges "
    "WHERE table_schema = %s AND grantee = %s"
)
_BEYOND_TABLES = (
    "SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = %s AND privilege_type <> 'USAGE' "
    "UNION SELECT privilege_type FROM information_schema.schema_privileges WHERE grantee = %s "
    "UNION SELECT privilege_type FROM information_schema.column_privileges WHERE grantee = %s"
)


def rights_on(session: Session, *, database: str, grantee: str) -> dict[str, frozenset[str]]:
    """The rights that are granted table by table; `grantee` as the server writes it: 'user'@'host'."""
    rights: dict[str, set[str]] = {}
    for table, right in session.rows(_ON_TABLES, (database, grantee)):
        rights.setdefault(table, set()).add(right)
    return {table: frozenset(granted) for table, granted in rights.items()}


def goes_beyond_tables(session: Session, grantee: str) -> bool:
    """Whether there are rights upon columns, databases or the server; the application needs none of these."""
    return bool(session.rows(_BEYOND_TABLES, (grantee,) * 3))


def has_its_rights(session: Session) -> bool:
    """Whether the session's account was granted RIGHTS, and nothing else."""
    database, account = session.rows("SELECT DATABASE(), CURRENT_USER()")[0]
    user, _, host = account.rpartition("@")
    grantee = f"'{user}'@'{host}'"
    return not goes_beyond_tables(session, grantee) and rights_on(session, database=database, grantee=grantee) == RIGHTS


def can_delete(session: Session, table: str) -> bool:
    """Found by trying, upon no row: rights may also come from a role, from PUBLIC or from an anonymous account."""
    try:
        session.execute(f"DELETE FROM {table} WHERE FALSE")
    except ConfigurationError:
        return False
    return True
