"""The schema and the account's rights: made and kept by migrations, and without them nothing starts."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from my_monit.errors import ConfigurationError, MyMonitError, StorageUnavailable
from my_monit.identity.provider import Subject
from my_monit.logs.audit import Audit
from my_monit.services.users import UserService
from my_monit.storage import connector
from my_monit.storage.connector import StorageConnector
from my_monit.storage.migrations import migrate
from my_monit.storage.storage import SCHEMA_VERSION, Storage
from tests.integration.together import STUCK_SECS, run_together


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


# Rights


def objection(storage):
    """Why the application would not start on this storage; None when it would."""
    try:
        storage.verify()
    except ConfigurationError as error:
        return str(error)
    return None


def test_what_migrate_makes_is_what_verify_wants(storage):
    assert objection(storage) is None


@pytest.mark.parametrize("statement", [
    "UPDATE MEASURES SET value = 0", "DELETE FROM MEASURES", "TRUNCATE TABLE MEASURES",
    "REPLACE INTO MEASURES VALUES (1, 1, 1, 1, 1, 1)",
    "INSERT INTO MEASURES VALUES (1, 1, 1, 1, 1, 1) ON DUPLICATE KEY UPDATE value = 0",
    "UPDATE AUDIT SET actor = 'S001'", "DELETE FROM AUDIT", "TRUNCATE TABLE AUDIT",
    "DELETE FROM USERS", "UPDATE API_KEYS SET expires = '2100-01-01'", "DELETE FROM USER_EXPERIMENTS",
    "UPDATE EXPERIMENT_NAMES SET experiment_id = 1",
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
        assert objection(storage) is None
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
        assert objection(storage) is None


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
        admin.execute("KILL %s", (connection,))
        assert isinstance(crash.exception(STUCK_SECS), StorageUnavailable)
        admin.execute("ROLLBACK")
    assert fresh.columns("ONE") and not fresh.columns("TWO")

    assert fresh.migrate() == [name]
    assert fresh.columns("TWO") == ["a"]


def test_who_is_there_before_usernames_have_a_date_need_not_sign_in_again(fresh):
    [dated] = fresh.folder.glob("0011_*.sql")
    text = dated.read_text(encoding="utf-8")
    for file in fresh.files[10:]:
        (fresh.folder / file).unlink()
    fresh.migrate()
    fresh.administrator.execute(
        f"INSERT INTO `{fresh.configuration.database}`.USERS VALUES ('S001', 'N', 'uid', 'e@x', 2, TRUE, NULL)"
    )

    dated.write_text(text, encoding="utf-8")
    fresh.migrate()

    with fresh.storage() as storage:
        assert UserService(storage, Audit(storage)).recognise(Subject("uid", 0)).user_id == "S001"


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
