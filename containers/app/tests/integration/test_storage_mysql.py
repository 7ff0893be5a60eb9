"""What only the real storage has: a server that refuses, waits, forgets and is shared."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from my_monit.errors import (
    Conflict, ConfigurationError, MyMonitError, StorageContention, StorageRejected, StorageUnavailable,
)
from my_monit.model import Actor, Message, Role, Selection, User
from my_monit.services.forgetting import Forgetting
from my_monit.services.ingestion import IngestionService
from my_monit.storage import connector
from my_monit.storage.connector import Session, StorageConnector
from my_monit.storage.migrations import migrate
from my_monit.storage.storage import SCHEMA_VERSION, Storage

#: A thread that waits for longer than this is stuck.
STUCK_SECS = 20
KILL = "KILL %s"


@pytest.fixture
def pool(container):
    return container.storage_connector()


def make_user(user_id, role=Role.SCIENTIST):
    return User(user_id, name="Ann", username=f"uid-{user_id}", email="ann@example.org", role=role)


def add_users(storage, *users):
    with storage.unit() as unit:
        for user in users:
            unit.users.add(user)


def names(storage):
    with storage.unit() as unit:
        return {user.user_id: user.name for user in unit.users.page(after="", limit=100)}


def run_together(*works):
    """Run each in a thread of its own, all from the same moment on; give their results, errors among them."""
    barrier = threading.Barrier(len(works))

    def run(work):
        barrier.wait(STUCK_SECS)
        try:
            return work()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(works)) as executor:
        return [future.result(STUCK_SECS) for future in [executor.submit(run, work) for work in works]]


# Rights


def complaint(storage):
    """Why the application would not start on this storage; None when it would."""
    try:
        storage.verify()
    except ConfigurationError as error:
        return str(error)
    return None


def test_what_migrate_makes_is_what_verify_wants(storage):
    assert complaint(storage) is None


@pytest.mark.parametrize("statement", [
    "UPDATE MEASURES SET value = 0", "DELETE FROM MEASURES", "TRUNCATE TABLE MEASURES",
    "REPLACE INTO MEASURES VALUES (1, 1, 1, 1, 1, 1)",
    "INSERT INTO MEASURES VALUES (1, 1, 1, 1, 1, 1) ON DUPLICATE KEY UPDATE value = 0",
    "UPDATE AUDIT SET actor = 'S001'", "DELETE FROM AUDIT", "TRUNCATE TABLE AUDIT",
    "DELETE FROM USERS", "DELETE FROM USER_EXPERIMENTS", "UPDATE EXPERIMENT_NAMES SET experiment_id = 1",
    "UPDATE MEASURE_TYPES SET symbol = 'x'", "UPDATE SERIES SET experiment_id = 1", "DELETE FROM SERIES",
    "UPDATE MESSAGE_IDS SET seen = 0", "UPDATE SCHEMA_MIGRATIONS SET finished = NULL",
    "CREATE TABLE MINE (a INT)", "CREATE TEMPORARY TABLE MINE (a INT)", "DROP TABLE AUDIT",
    "ALTER TABLE MEASURES ADD COLUMN a INT", "CREATE INDEX mine ON MEASURES (value)", "CREATE VIEW MINE AS SELECT 1",
    "CREATE TRIGGER mine BEFORE INSERT ON AUDIT FOR EACH ROW SET NEW.actor = 'S001'", "LOCK TABLES MEASURES READ",
    "CREATE USER mine", "SET GLOBAL sql_mode = ''", "SELECT * FROM mysql.user", "SELECT 1 INTO OUTFILE 'mine'",
])
def test_the_application_s_account_is_denied_what_it_does_not_need(pool, statement):
    with pytest.raises(ConfigurationError), pool.transaction() as session:
        session.execute(statement)


@pytest.fixture
def fresh(storage_configuration, storage_administration, administrator, tmp_path):
    """A database and an account that do not exist yet, and the schema's files in a folder where they can be edited."""
    fresh = Fresh(storage_configuration, storage_administration, administrator, tmp_path)
    yield fresh
    fresh.drop()


class Fresh:
    def __init__(self, configuration, administration, administrator, folder):
        name = f"{configuration.database}_fresh"
        self.configuration = configuration.model_copy(
            update={"database": name, "user": name, "password": SecretStr("a" * 20)}
        )
        self.administration = administration.model_copy(update={"schema_folder": folder})
        self.administrator = administrator
        self.folder = folder
        self.files = [path.name for path in sorted(administration.schema_folder.glob("*.sql"))]
        for file in self.files:
            (folder / file).write_bytes((administration.schema_folder / file).read_bytes())

    def migrate(self):
        return migrate(self.configuration, self.administration)

    def write_next(self, text):
        """The file after those of the schema."""
        path = self.folder / f"{len(self.files) + 1:04}_next.sql"
        path.write_text(text, encoding="utf-8")
        return path.name

    def columns(self, table):
        return [row[0] for row in self.administrator.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
            "ORDER BY ordinal_position", (self.configuration.database, table),
        )]

    @contextmanager
    def storage(self):
        storage = Storage(StorageConnector(self.configuration))
        try:
            yield storage
        finally:
            storage.close()

    def drop(self):
        self.administrator.execute(f"DROP DATABASE IF EXISTS `{self.configuration.database}`")
        self.administrator.execute(f"DROP USER IF EXISTS '{self.configuration.user}'@'%'")


@pytest.mark.parametrize("grant", [
    "GRANT DELETE ON `{0}`.MEASURES TO `{0}`@'%'",
    "GRANT UPDATE (value) ON `{0}`.MEASURES TO `{0}`@'%'",
    "GRANT SELECT ON `{0}`.* TO `{0}`@'%'",
    "GRANT PROCESS ON *.* TO `{0}`@'%'",
    "GRANT SELECT ON `{0}_other`.* TO `{0}`@'%'",
    "REVOKE INSERT ON `{0}`.AUDIT FROM `{0}`@'%'",
    "REVOKE ALL PRIVILEGES, GRANT OPTION FROM `{0}`@'%'",
], ids=["a table", "a column", "all tables", "the server", "another database", "less", "none"])
def test_an_account_with_other_rights_is_refused_until_migrate_has_put_them_right(fresh, grant):
    fresh.migrate()
    fresh.administrator.execute(grant.format(fresh.configuration.database))

    with pytest.raises(ConfigurationError) as refusal, fresh.storage() as storage:
        storage.verify()

    assert fresh.migrate() == []
    with fresh.storage() as storage:
        assert complaint(storage) is None
    if "REVOKE ALL" not in grant:  # then not even its database is there for the account
        assert "mymonit migrate" in str(refusal.value)


def test_an_account_that_can_delete_measures_by_way_of_a_role_is_refused(fresh):
    fresh.migrate()
    database, admin = fresh.configuration.database, fresh.administrator
    admin.execute(f"CREATE ROLE {database}_role")
    admin.execute(f"GRANT DELETE ON `{database}`.MEASURES TO {database}_role")
    admin.execute(f"GRANT {database}_role TO `{database}`@'%'")
    try:
        admin.execute(f"SET DEFAULT ROLE {database}_role FOR `{database}`@'%'")
    except MyMonitError:  # MySQL's own words for it
        admin.execute(f"SET DEFAULT ROLE {database}_role TO `{database}`@'%'")

    with pytest.raises(ConfigurationError, match="can delete from MEASURES"), fresh.storage() as storage:
        storage.verify()

    admin.execute(f"DROP ROLE {database}_role")


@pytest.mark.parametrize("statement", [
    f"UPDATE SCHEMA_MIGRATIONS SET finished = NULL WHERE version = {SCHEMA_VERSION}",
    "DELETE FROM SCHEMA_MIGRATIONS WHERE version > 3", "DELETE FROM SCHEMA_MIGRATIONS",
])
def test_an_old_schema_is_refused_with_what_to_do(fresh, statement):
    fresh.migrate()
    fresh.administrator.execute(f"USE `{fresh.configuration.database}`")
    fresh.administrator.execute(statement)

    with pytest.raises(ConfigurationError, match=rf"the schema is at \d+, .* needs {SCHEMA_VERSION}: mymonit migrate"):
        with fresh.storage() as storage:
            storage.verify()


def test_a_newer_schema_is_accepted_because_columns_are_only_ever_added(fresh):
    fresh.write_next("ALTER TABLE MEASURE_TYPES ADD COLUMN note VARCHAR(10) NULL;\n")
    fresh.migrate()

    assert fresh.columns("MEASURE_TYPES")[-1] == "note"
    with fresh.storage() as storage:
        assert complaint(storage) is None


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


# Migrations


def test_a_schema_is_applied_once(fresh):
    assert fresh.migrate() == fresh.files
    assert fresh.migrate() == []
    assert fresh.columns("AUDIT")[0] == "audit_id"


def test_two_migrations_at_once_apply_each_file_once(fresh):
    results = run_together(fresh.migrate, fresh.migrate)

    assert sorted(results) == sorted([fresh.files, []])


def test_a_migration_waits_for_another_and_says_so_when_that_takes_too_long(fresh, monkeypatch):
    monkeypatch.setattr("my_monit.storage.migrations.LOCK_SECS", 1)
    fresh.administrator.rows("SELECT GET_LOCK(%s, 0)", (f"mymonit.{fresh.configuration.database}",))

    with pytest.raises(ConfigurationError, match="another migration"):
        fresh.migrate()


def test_a_migration_goes_on_after_a_statement_that_failed(fresh):
    text = "CREATE TABLE ONE (a INT);\nALTER TABLE ONE ADD COLUMN b {};\nCREATE TABLE TWO (a INT);\n"
    name = fresh.write_next(text.format("NOTHING"))
    with pytest.raises(MyMonitError, match=rf"{name}, statement 2 of 3: .*error \d+") as refusal:
        fresh.migrate()
    assert "\n" not in str(refusal.value)
    assert fresh.columns("ONE") == ["a"] and not fresh.columns("TWO")

    fresh.write_next(text.format("INT"))

    assert fresh.migrate() == [name]
    assert fresh.columns("ONE") == ["a", "b"] and fresh.columns("TWO") == ["a"]


def test_a_statement_that_ran_but_was_not_noted_before_a_crash_is_passed_over(fresh, eventually):
    fresh.migrate()
    admin, gate = fresh.administrator, f"gate.{fresh.configuration.database}"
    name = fresh.write_next(f"CREATE TABLE ONE AS SELECT GET_LOCK('{gate}', 20) AS a;\nCREATE TABLE TWO (a INT);\n")
    admin.execute(f"USE `{fresh.configuration.database}`")

    def at_work_upon(statement):
        found = admin.rows("SELECT id, info FROM information_schema.processlist WHERE db = DATABASE()")
        return [number for number, text in found if text and text.startswith(statement)]

    # The statement waits for the gate; its note waits for the row; there the connection is killed.
    admin.rows("SELECT GET_LOCK(%s, 0)", (gate,))
    with ThreadPoolExecutor(1) as executor:
        crash = executor.submit(fresh.migrate)
        eventually(lambda: at_work_upon("CREATE TABLE ONE"))
        admin.execute("START TRANSACTION")
        admin.rows("SELECT * FROM SCHEMA_MIGRATIONS FOR UPDATE")
        admin.rows("SELECT RELEASE_LOCK(%s)", (gate,))
        [connection] = eventually(lambda: at_work_upon("INSERT INTO SCHEMA_MIGRATIONS"))
        admin.execute(KILL, (connection,))
        assert isinstance(crash.exception(STUCK_SECS), StorageUnavailable)
        admin.execute("ROLLBACK")
    assert fresh.columns("ONE") and not fresh.columns("TWO")

    assert fresh.migrate() == [name]
    assert fresh.columns("TWO") == ["a"]


def test_a_statement_may_take_longer_than_any_query(fresh, monkeypatch):
    monkeypatch.setattr(connector, "READ_SECS", 1)
    name = fresh.write_next("CREATE TABLE ONE AS SELECT SLEEP(2) AS a;\n")

    assert fresh.migrate()[-1] == name


def test_a_file_that_was_changed_after_it_was_applied_is_refused(fresh):
    fresh.migrate()
    path = fresh.folder / fresh.files[1]
    path.write_text(path.read_text(encoding="utf-8") + "-- more\n", encoding="utf-8")

    with pytest.raises(ConfigurationError, match=f"{fresh.files[1]} was changed after it was applied"):
        fresh.migrate()


@pytest.mark.parametrize(("change", "complaint"), [
    (lambda folder: (folder / "0099_gap.sql").write_text("SELECT 1;"), "without a gap"),
    (lambda folder: (folder / "6_short.sql").write_text("SELECT 1;"), "6_short.sql does not begin with a number"),
    (lambda folder: [path.unlink() for path in folder.iterdir()], "no numbered SQL"),
], ids=["gap", "number", "nothing"])
def test_files_that_are_out_of_line_are_refused(fresh, change, complaint):
    change(fresh.folder)

    with pytest.raises(ConfigurationError, match=complaint):
        fresh.migrate()


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


def test_an_idle_connection_is_used_again_as_long_as_it_lives(pool, storage, administrator):
    with pool.transaction() as session:
        kept = connection_id(session)
    with pool.transaction() as session:
        assert connection_id(session) == kept
    administrator.execute(KILL, (kept,))

    storage.check()

    with pool.transaction() as session:
        assert connection_id(session) != kept


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


# Several processes


def test_what_is_committed_is_there_for_everybody_and_what_is_not_for_nobody(storage, administrator):
    def seen():
        return [name for (name,) in administrator.rows("SELECT name FROM EXPERIMENTS")]

    with storage.unit() as unit:
        unit.experiments.add("one")
        assert seen() == []

    assert seen() == ["one"]


def test_two_admins_who_remove_each_other_leave_one(container, storage):
    add_users(storage, make_user("A001", Role.ADMIN), make_user("A002", Role.ADMIN))
    users = container.user_service()

    def demote(actor, other):
        return users.change(
            Actor(actor, Role.ADMIN), other,
            name="Ann", username=f"uid-{other}", email="ann@example.org", role=Role.SCIENTIST, active=None,
        )

    for _ in range(5):
        results = run_together(lambda: demote("A001", "A002"), lambda: demote("A002", "A001"))

        with storage.unit() as unit:
            [left] = unit.users.lock_active(Role.ADMIN)
            unit.users.change(make_user("A001", Role.ADMIN))
            unit.users.change(make_user("A002", Role.ADMIN))
        [refusal] = [result for result in results if isinstance(result, Exception)]
        assert isinstance(refusal, Conflict | StorageContention)
        assert left in ("A001", "A002")


def test_two_admins_who_associate_the_same_scientist_at_once_do_it_once(storage, administrator, eventually):
    add_users(storage, make_user("S001"))
    with storage.unit() as unit:
        experiment_id = unit.experiments.add("lab").experiment_id

    def associate():
        with storage.unit() as unit:
            unit.associations.add(experiment_id, "S001", until=None)

    def is_waiting():
        return administrator.rows("SELECT 1 FROM information_schema.processlist WHERE info LIKE '%FOR UPDATE'")

    with ThreadPoolExecutor(1) as executor:
        with storage.unit() as unit:
            unit.associations.add(experiment_id, "S001", until=None)
            second = executor.submit(associate)
            eventually(lambda: is_waiting() or second.done())
        assert isinstance(second.exception(STUCK_SECS), Conflict)

    with storage.unit() as unit:
        assert len(unit.associations.current()) == 1


@pytest.mark.parametrize("record", ["user", "experiment"])
def test_a_record_that_is_locked_to_be_changed_is_read_by_the_next_change_as_it_was_left(
    storage, administrator, eventually, record
):
    add_users(storage, make_user("S001"))
    with storage.unit() as unit:
        experiment_id = unit.experiments.add("old").experiment_id

    def locked(unit):
        if record == "user":
            return unit.users.get("S001", lock=True)
        return unit.experiments.get(experiment_id, visible_to=None, lock=True)

    def change(unit):
        if record == "user":
            unit.users.change(make_user("S001", Role.AUDITOR))
        else:
            unit.experiments.rename(experiment_id, "new")

    def look():
        with storage.unit() as unit:
            return locked(unit).version

    def is_waiting():
        return administrator.rows("SELECT 1 FROM information_schema.processlist WHERE info LIKE '%FOR UPDATE'")

    with ThreadPoolExecutor(1) as executor:
        with storage.unit() as unit:
            before = locked(unit).version
            second = executor.submit(look)
            eventually(lambda: is_waiting() or second.done())
            change(unit)
        assert second.result(STUCK_SECS) != before


def test_processes_that_forget_the_same_ids_at_once_forget_each_once_and_keep_the_young(
    storage_configuration, administrator, storage
):
    old, young = ([f"(1,'{age}-{number}','',{seen})" for number in range(20_000)] for age, seen in (
        ("old", "UNIX_TIMESTAMP() - 31 * 86400"), ("young", "UNIX_TIMESTAMP() - 29 * 86400"),
    ))
    administrator.insert_values("MESSAGE_IDS", old + young)
    others = [Storage(StorageConnector(storage_configuration)) for _ in range(3)]

    def forget(other):
        while True:
            try:
                if not Forgetting(other, days=30).step():
                    return "done"
            except StorageContention:
                pass

    results = run_together(*(lambda other=other: forget(other) for other in others))
    for other in others:
        other.close()

    assert results == ["done"] * 3
    assert administrator.rows("SELECT COUNT(*), MIN(message_id) FROM MESSAGE_IDS") == [(20_000, b"young-0")]


def make_message(number):
    body = '{"experiment": "lab", "measure": "hertz", "sensor": "%d", "value": %d, "timestamp": 1}'
    return Message(
        body=(body % (number % 3, number)).encode(), routing_key="measures", message_id=b"%d" % number,
        user_id=b"publisher", content_type=None, content_encoding=None, type=None, headers=lambda: "{}",
    )


def test_listeners_that_start_together_with_the_same_messages_store_each_once(storage, storage_configuration):
    add_users(storage, make_user("S001"))
    with storage.unit() as unit:
        experiment_id = unit.experiments.add("lab").experiment_id
        unit.associations.add(experiment_id, "S001", until=None)
    others = [Storage(StorageConnector(storage_configuration)) for _ in range(3)]
    listeners = [IngestionService(other, routing="measures", max_future=1) for other in others]
    messages = [make_message(number) for number in range(60)]

    def listen(listener):
        return [listener.store(messages[first : first + 7]) for first in range(0, 60, 7)]

    results = run_together(*(lambda listener=listener: listen(listener) for listener in listeners))
    for other in others:
        other.close()

    outcomes = [outcome for result in results for outcome in result]
    assert sum(outcome.stored for outcome in outcomes) == 60
    assert sum(outcome.duplicates for outcome in outcomes) == 120
    with storage.unit() as unit:
        extents = unit.series.extents(experiment_id, visible_to="S001")
        assert sorted((each.series.sensor, each.measures) for each in extents) == [("0", 20), ("1", 20), ("2", 20)]
        found = unit.measures.chunk(
            experiment_id, [each.series.series_id for each in extents], Selection(),
            visible_to="S001", after=None, limit=1000, span=None,
        )
    assert sorted(one.value for one in found) == list(range(60))
    assert len({one.measure_id for one in found}) == 60
