"""What the application's database account may do: per table, and nothing else. It has no DDL rights."""

from my_monit.storage.connector import Session

_READ = frozenset({"SELECT"})
_APPEND = frozenset({"SELECT", "INSERT"})
_CHANGE = frozenset({"SELECT", "INSERT", "UPDATE"})

RIGHTS: dict[str, frozenset[str]] = {
    "SCHEMA_MIGRATIONS": _READ,
    "ROLES": _READ,
    "USERS": _CHANGE,
    "EXPERIMENTS": _CHANGE,
    "EXPERIMENT_NAMES": _APPEND,
    "USER_EXPERIMENTS": _CHANGE,
    "MEASURE_TYPES": _APPEND,
    "SERIES": _APPEND,
    "SERIES_COUNTS": _CHANGE,
    "PUBLISHERS": _APPEND,
    "MEASURE_BLOCKS": _APPEND,
    "MEASURES": _APPEND,
    "MESSAGE_IDS": _APPEND,
    "QUARANTINE": _APPEND,
    "AUDIT": _APPEND,
}

_ON_TABLES = (
    "SELECT table_name, privilege_type FROM information_schema.table_privileges "
    "WHERE table_schema = %s AND grantee = %s"
)


def rights_on(session: Session, *, database: str, grantee: str) -> dict[str, frozenset[str]]:
    """The rights that are granted table by table; `grantee` as the server writes it: 'user'@'host'."""
    rights: dict[str, set[str]] = {}
    for table, right in session.rows(_ON_TABLES, (database, grantee)):
        rights.setdefault(table, set()).add(right)
    return {table: frozenset(granted) for table, granted in rights.items()}


def rights_of_session(session: Session) -> dict[str, frozenset[str]]:
    """Empty also for an account with rights beyond tables: those are not what the application needs."""
    database, account = session.rows("SELECT DATABASE(), CURRENT_USER()")[0]
    user, _, host = account.rpartition("@")
    grantee = f"'{user}'@'{host}'"
    beyond = session.rows(
        "SELECT privilege_type FROM information_schema.user_privileges "
        "WHERE grantee = %s AND privilege_type <> 'USAGE' "
        "UNION SELECT privilege_type FROM information_schema.schema_privileges WHERE grantee = %s",
        (grantee, grantee),
    )
    return {} if beyond else rights_on(session, database=database, grantee=grantee)
