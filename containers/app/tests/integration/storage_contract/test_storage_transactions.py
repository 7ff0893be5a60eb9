"""What a transaction leaves behind, and the audit, which is written in the same one."""

import pytest

from my_monit.errors import Conflict, NotFound
from my_monit.storage.ports import AuditRow, MessageId
from tests.integration.people import add_users, make_user
from tests.integration.storage_contract.records import add_key, quarantine, quarantined
from tests.measures import NewMeasure, by_origin, read_measures


def test_the_audit_is_read_newest_first(storage):
    rows = [AuditRow("A001", "user.read", f"user:{number}", "success", None) for number in range(3)]
    rows.append(AuditRow("@console", "token.mint", "user:S001", "denied", "0123456789abcdef" * 2))
    rows.append(AuditRow("S001", "measure.read", "experiment:1", "success", None, "0123456789abcdef"))

    for row in rows:
        with storage.unit() as unit:
            unit.audit.record(row)

    with storage.unit() as unit:
        assert unit.audit.newest(100) == rows[::-1]
        assert unit.audit.newest(2) == [rows[4], rows[3]]


class Unforeseen(Exception):
    pass


def write_everywhere(unit):
    unit.users.add(make_user("S777"))
    add_key(unit, "0123456789abcdef", user_id="S777")
    experiment_id = unit.experiments.add("doomed").experiment_id
    unit.associations.add(experiment_id, "S777", until=None)
    measure_type = unit.measure_types.add(name="doomed", symbol="d", quantity="doom")
    series_id = unit.series.find_or_add(experiment_id, measure_type.measure_type_id, "doomed")
    publisher_id = unit.messages.publisher_id(b"doomed")
    unit.measures.add(by_origin([NewMeasure(series_id, 1, 1.0, publisher_id)]))
    unit.messages.remember({MessageId(publisher_id, b"doomed"): b"d" * 16})
    unit.quarantine.add([quarantined(body=b"doomed")])
    unit.audit.record(AuditRow("S777", "user.create", "user:S777", "success", None))
    assert read_measures(unit, experiment_id, [series_id], visible_to="S777"), (
        "a transaction sees what it has written"
    )


def traces(storage):
    with storage.unit() as unit:
        return [
            unit.users.page(after="", limit=9), unit.keys.of("S777"),
            unit.experiments.page(after=0, limit=9, visible_to=None), unit.experiments.ids_by_name(["doomed"]),
            unit.associations.current(), unit.measure_types.by_name(["doomed"]),
            unit.quarantine.page(after=0, limit=9), unit.audit.newest(9),
            unit.messages.remember({MessageId(unit.messages.publisher_id(b"doomed"), b"doomed"): b"e" * 16}),
        ]


@pytest.mark.parametrize("error", [NotFound, Conflict, Unforeseen, KeyboardInterrupt, GeneratorExit])
def test_after_any_exception_nothing_of_the_transaction_is_left(storage, error):
    with pytest.raises(error), storage.unit() as unit:
        write_everywhere(unit)
        raise error

    assert not any(traces(storage))


def test_what_is_committed_is_there_for_the_next_transaction(storage):
    with storage.unit() as unit:
        write_everywhere(unit)

    assert all(traces(storage))


def test_a_refused_statement_undoes_those_before_it(storage):
    add_users(storage, make_user("S001", username="uid-S777-again"))

    with pytest.raises(Conflict), storage.unit() as unit:
        write_everywhere(unit)
        unit.users.change(make_user("S777", username="uid-S777-again"))

    with storage.unit() as unit:
        assert unit.users.get("S777") is None
        assert unit.experiments.ids_by_name(["doomed"]) == {}


def test_to_add_nothing_adds_nothing(storage, lab):
    [series] = lab.add_series("")

    lab.store()
    quarantine(storage)

    assert lab.read([series]) == []
    assert traces(storage)[6] == []


def test_storage_answers_and_can_be_closed(storage):
    storage.check()
    storage.close()
    storage.check()
