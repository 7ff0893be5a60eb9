"""Several processes on one database: what one of them does, the others see whole, once, and in time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from my_monit.errors import Conflict, StorageContention
from my_monit.identity.local import LocalIdentity
from my_monit.model import CONSOLE, Actor, Message, Role
from my_monit.services.forgetting import Forgetting
from my_monit.services.ingestion import IngestionService
from my_monit.services.tokens import TokenService
from my_monit.storage.connector import Session, StorageConnector
from my_monit.storage.storage import Storage
from tests.integration.people import add_users, make_user
from tests.integration.storage_contract.lab import Lab
from tests.integration.together import STUCK_SECS, run_together
from tests.measures import read_measures


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


def test_a_token_that_is_minted_during_a_change_is_for_the_username_that_it_leaves(
    container, storage, administrator, eventually, tmp_path
):
    add_users(storage, make_user("S001"))
    identity = LocalIdentity(tmp_path / "key.pem", issuer="mymonit", audience="mymonit")
    tokens = TokenService(container.audit(), identity)

    def is_waiting():
        return administrator.rows("SELECT 1 FROM information_schema.processlist WHERE info LIKE '%FOR UPDATE'")

    with ThreadPoolExecutor(1) as executor:
        with storage.unit() as unit:
            unit.users.change(make_user("S001", username="new"))
            minted = executor.submit(tokens.mint, CONSOLE, "S001", lifetime=timedelta(hours=1))
            eventually(lambda: is_waiting() or minted.done())
        assert identity.verify(minted.result(STUCK_SECS)).username == "new"


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


def test_listeners_that_start_together_with_the_same_messages_store_each_once(
    storage, storage_configuration, administrator
):
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
        found = read_measures(unit, experiment_id, [each.series.series_id for each in extents], visible_to="S001")
    assert sorted(one.value for one in found) == list(range(60))
    assert administrator.rows("SELECT COUNT(DISTINCT measure_id) FROM MEASURES") == [(60,)]


@pytest.mark.parametrize("descending", [True, False])
def test_a_page_that_ends_between_equal_times_is_right_though_another_measure_comes_before_it(
    storage, monkeypatch, descending
):
    lab = Lab(storage)
    [series] = lab.add_series("")
    lab.store(*((series, 10, value) for value in (1.0, 2.0, 3.0, 4.0)))
    row, late = Session.row, iter([(series, 20 if descending else 5, 9.0)])

    def read(self, sql, parameters=()):
        """As always; as soon as something was joined, somebody else stores one that is read first."""
        found = row(self, sql, parameters)
        for measure in late if "GROUP_CONCAT" in sql else ():
            lab.store(measure)
        return found

    monkeypatch.setattr(Session, "row", read)

    values = [one.value for one in lab.walk([series], limit=2, descending=descending)]

    assert sorted(set(values) - {9.0}) == [1.0, 2.0, 3.0, 4.0]
    assert len(values) == len(set(values))
