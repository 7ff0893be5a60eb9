"""What only the real storage has: a server that refuses, waits and forgets."""

import sys
import threading
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from my_monit.errors import Conflict, ConfigurationError, StorageContention, StorageRejected, StorageUnavailable
from my_monit.storage import connector
from my_monit.storage.connector import StorageConnector
from my_monit.storage.storage import Storage
from tests.integration.people import add_users, make_user
from tests.integration.storage_contract.lab import Lab
from tests.integration.together import STUCK_SECS, run_together

KILL = "KILL %s"
#: Takes minutes.
SLOW = (
    "SELECT COUNT(*) FROM MEASURE_TYPES a, MEASURE_TYPES b, MEASURE_TYPES c, MEASURE_TYPES d, MEASURE_TYPES e, "
    "MEASURE_TYPES f WHERE CONCAT(a.name, b.name, c.name, d.name, e.name, f.name) = ''"
)


def names(storage):
    with storage.unit() as unit:
        return {user.user_id: user.name for user in unit.users.page(after="", limit=100)}


# Connections


@pytest.mark.parametrize(("changes", "error"), [
    ({"password": SecretStr("wrong-password")}, ConfigurationError),
    ({"user": "nobody-at-all"}, ConfigurationError),
    ({"database": "no_such_database"}, ConfigurationError),
    ({"port": 1}, StorageUnavailable),
])
def test_a_database_that_cannot_be_entered_says_whether_waiting_helps_and_tells_no_secret(
    storage_configuration, changes, error
):
    storage = Storage(StorageConnector(storage_configuration.model_copy(update=changes)))

    with pytest.raises(error) as refusal:
        storage.check()

    assert "\n" not in str(refusal.value)
    for secret in ("wrong-password", "nobody-at-all", storage_configuration.password.get_secret_value()):
        assert secret not in str(refusal.value)


def test_a_driver_without_its_c_extension_is_refused(storage_configuration, monkeypatch):
    monkeypatch.setattr("mysql.connector.HAVE_CEXT", False)

    with pytest.raises(ConfigurationError, match="C extension"):
        Storage(StorageConnector(storage_configuration)).check()


# Sessions


def test_sessions_are_strict_in_utc_and_read_what_is_committed(pool):
    with pool.transaction() as session:
        [(mode, zone, autocommit, now)] = session.rows(
            "SELECT @@SESSION.sql_mode, @@SESSION.time_zone, @@SESSION.autocommit, NOW() = UTC_TIMESTAMP()"
        )

    assert {"STRICT_ALL_TABLES", "NO_ZERO_DATE"} <= set(mode.split(","))
    assert (zone, autocommit, now) == ("+00:00", 0, 1)


@pytest.mark.parametrize("statement", [
    "INSERT INTO EXPERIMENTS (name) VALUES (REPEAT('x', 65))",
    "INSERT INTO EXPERIMENTS (name) VALUES (NULL)",
    "INSERT INTO PUBLISHERS (publisher_id, name) VALUES (70000, 'x')",
    "INSERT INTO MEASURES VALUES (1, 1, 1, 'abc', 1, 1)",
    "INSERT INTO MEASURES VALUES (-1, 1, 1, 1, 1, 1)",
    "INSERT INTO MEASURES VALUES (1, 1, 1, 1e309, 1, 1)",
    "INSERT INTO MEASURES VALUES (1, 9223372036854775808, 1, 1, 1, 1)",
    "INSERT INTO USER_EXPERIMENTS (user_id, experiment_id, until) VALUES ('S001', 1, '0000-00-00')",
    "INSERT INTO SERIES (experiment_id, measure_type_id) VALUES (4294967295, 1)",
])
def test_the_database_refuses_what_it_would_otherwise_bend(pool, statement):
    with pytest.raises(StorageRejected), pool.transaction() as session:
        session.execute(statement)


def test_one_call_is_one_statement(pool, storage):
    with pytest.raises(StorageUnavailable), pool.transaction() as session:
        session.execute("INSERT INTO EXPERIMENTS (name) VALUES ('one'); INSERT INTO EXPERIMENTS (name) VALUES ('two')")

    with storage.unit() as unit:
        assert unit.experiments.page(after=0, limit=9, visible_to=None) == []


@pytest.mark.parametrize("setting", ["sql_mode = ''", "time_zone = '+02:00'", "autocommit = 1"])
def test_a_session_that_is_not_what_it_must_be_is_refused(storage_configuration, setting):
    class LaxConnector(StorageConnector):
        @contextmanager
        def transaction(self):
            with super().transaction() as session:
                session.execute(f"SET SESSION {setting}")
                yield session

    storage = Storage(LaxConnector(storage_configuration))

    with pytest.raises(ConfigurationError, match="strict SQL mode, UTC and transactions"):
        storage.verify()
    storage.close()


# Faults


def test_a_database_that_is_read_only_may_be_writable_again_f9(storage, administrator):
    try:
        administrator.execute("SET GLOBAL read_only = 1")
        with pytest.raises(StorageUnavailable, match="1290") as refusal:
            add_users(storage, make_user("S001"))
        storage.check()
        with pytest.raises(StorageUnavailable):
            storage.check_storing()
    finally:
        administrator.execute("SET GLOBAL read_only = 0")

    assert refusal.value.transient
    storage.check_storing()
    add_users(storage, make_user("S001"))


def test_the_server_does_not_go_on_with_a_statement_that_nobody_waits_for_any_more(
    pool, administrator, monkeypatch, eventually
):
    monkeypatch.setattr(connector, "READ_SECS", 2)

    def under_way():
        return [number for (number,) in administrator.rows(
            "SELECT id FROM information_schema.processlist WHERE info = %s", (SLOW,)
        )]

    try:
        with pytest.raises(StorageUnavailable), pool.transaction() as session:
            session.rows(SLOW)

        eventually(lambda: not under_way(), within=5)
    finally:
        for number in under_way():
            administrator.execute(KILL, (number,))


def test_a_lock_that_is_not_let_go_undoes_the_whole_transaction_f10(pool, storage):
    add_users(storage, make_user("S001"), make_user("S002"))

    with pool.transaction() as other:
        other.rows("SELECT * FROM USERS WHERE user_id = 'S002' FOR UPDATE")
        with pytest.raises(StorageContention) as refusal, pool.transaction() as session:
            session.execute("SET SESSION innodb_lock_wait_timeout = 1")
            session.execute("UPDATE USERS SET name = 'Bea' WHERE user_id = 'S001'")
            session.execute("UPDATE USERS SET name = 'Bea' WHERE user_id = 'S002'")

    assert refusal.value.transient
    assert names(storage) == {"S001": "Ann", "S002": "Ann"}


def test_of_two_transactions_that_wait_for_each_other_one_is_undone_as_a_whole_f10(pool, storage):
    add_users(storage, make_user("S001"), make_user("S002"))
    met = threading.Barrier(2)

    def change(name, first, second):
        sql = "UPDATE USERS SET name = %s WHERE user_id = %s"
        with pool.transaction() as session:
            session.execute(sql, (name, first))
            met.wait(STUCK_SECS)
            session.execute(sql, (name, second))
        return name

    results = run_together(lambda: change("Bea", "S001", "S002"), lambda: change("Cat", "S002", "S001"))

    [refusal] = [result for result in results if isinstance(result, StorageContention)]
    [winner] = [result for result in results if result is not refusal]
    assert refusal.transient
    assert names(storage) == {"S001": winner, "S002": winner}


def test_after_an_error_of_one_statement_the_connection_is_rolled_back_and_kept_f10(pool, storage):
    add_users(storage, make_user("S001"))

    with pytest.raises(StorageRejected), pool.transaction() as session:
        kept = connection_id(session)
        session.execute("UPDATE USERS SET name = 'Bea'")
        session.execute("INSERT INTO MEASURES VALUES (1, 1, 1, 'abc', 1, 1)")

    with pool.transaction() as session:
        assert connection_id(session) == kept
    assert names(storage) == {"S001": "Ann"}


def test_fewer_rows_than_were_given_are_no_success(pool, administrator, monkeypatch):
    with pytest.raises(StorageUnavailable, match="inserted 1 rows of 2"), pool.transaction() as session:
        query = session._connection.cmd_query
        monkeypatch.setattr(session._connection, "cmd_query", lambda sql, **options: query(
            sql.rpartition(",(")[0] if isinstance(sql, str) else sql, **options
        ))
        session.insert_values("MESSAGE_IDS", ["(1,'one','',0)", "(1,'two','',0)"])

    assert administrator.rows("SELECT * FROM MESSAGE_IDS") == []


def test_a_database_whose_packets_are_too_small_for_the_quarantine_is_refused(storage, monkeypatch):
    monkeypatch.setattr("my_monit.storage.storage.PACKET_BYTES", 2**31)

    with pytest.raises(ConfigurationError, match="max_allowed_packet"):
        storage.verify()


def connection_id(session):
    return session.rows("SELECT CONNECTION_ID()")[0][0]


def test_a_connection_that_is_lost_undoes_its_transaction_and_the_next_one_has_another(pool, storage, administrator):
    with pytest.raises(StorageUnavailable) as refusal, pool.transaction() as session:
        session.execute("INSERT INTO EXPERIMENTS (name) VALUES ('lost')")
        lost = connection_id(session)
        administrator.execute(KILL, (lost,))
        session.execute("INSERT INTO EXPERIMENTS (name) VALUES ('lost, too')")

    assert refusal.value.transient
    with pool.transaction() as session:
        assert connection_id(session) != lost
        assert session.rows("SELECT * FROM EXPERIMENTS") == []


def test_a_connection_that_is_lost_before_the_commit_stores_nothing(pool, storage, administrator):
    with pytest.raises(StorageUnavailable), pool.transaction() as session:
        session.execute("INSERT INTO EXPERIMENTS (name) VALUES ('lost')")
        administrator.execute(KILL, (connection_id(session),))

    with storage.unit() as unit:
        assert unit.experiments.page(after=0, limit=9, visible_to=None) == []


def test_a_connection_that_is_lost_while_it_is_given_back_is_not_used_again(pool, administrator):
    with pytest.raises(Conflict), pool.transaction() as session:
        lost = connection_id(session)
        administrator.execute(KILL, (lost,))
        raise Conflict("something else")

    with pool.transaction() as session:
        assert connection_id(session) != lost


def test_an_idle_connection_is_used_again_as_long_as_it_lives(pool, storage, administrator, monkeypatch):
    monkeypatch.setattr(connector, "FRESH_SECS", 0)
    with pool.transaction() as session:
        kept = connection_id(session)
    with pool.transaction() as session:
        assert connection_id(session) == kept
    administrator.execute(KILL, (kept,))

    storage.check()

    with pool.transaction() as session:
        assert connection_id(session) != kept


def test_a_connection_that_is_lost_right_after_its_last_use_costs_one_transaction(
    pool, storage, administrator, monkeypatch
):
    monkeypatch.setattr(connector, "FRESH_SECS", STUCK_SECS)
    with pool.transaction() as session:
        lost = connection_id(session)
    administrator.execute(KILL, (lost,))

    with pytest.raises(StorageUnavailable) as refusal:
        storage.check()

    assert refusal.value.transient
    storage.check()


@pytest.fixture
def narrow(storage_configuration, clean_tables):
    """Storage with two connections."""
    storage = Storage(StorageConnector(storage_configuration.model_copy(update={"connections": 2})))
    yield storage
    storage.close()


def test_when_all_connections_are_in_use_the_next_transaction_waits_then_says_so(narrow, monkeypatch):
    monkeypatch.setattr(connector, "BUSY_SECS", 0.2)

    with narrow.unit(), narrow.unit(), pytest.raises(StorageUnavailable, match="in use"):
        narrow.check()

    narrow.check()


def test_more_threads_than_connections_take_turns(narrow):
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # so that threads meet in the pool
    try:
        results = run_together(*[lambda: [narrow.check() for _ in range(50)] and "done"] * 6)
    finally:
        sys.setswitchinterval(before)

    assert results == ["done"] * 6


def test_an_answer_that_the_database_cut_is_an_error_and_no_shorter_answer(storage_configuration, monkeypatch):
    monkeypatch.setattr(connector, "JOINED_BYTES", 1000)
    storage = Storage(StorageConnector(storage_configuration))
    lab = Lab(storage)
    [series] = lab.add_series("")
    lab.store(*((series, time, 1.5) for time in range(100)))

    assert len(lab.read([series], limit=10)) == 10
    with pytest.raises(StorageUnavailable, match="shortened"):
        lab.read([series])
    storage.close()
