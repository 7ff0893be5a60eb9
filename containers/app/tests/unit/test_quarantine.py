"""What could not be stored is stored once when the cause is gone, as it was sent, by the rules of its receipt."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from my_monit.errors import Conflict, NotFound, StorageContention, StorageUnavailable
from my_monit.model import CONSOLE, Message, QuarantineSelection, Reason
from my_monit.services import quarantine as module
from tests.unit.by_hand import SAM, Services
from tests.unit.receiving import Laboratory

RECEIPT = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
SECOND = 10**9
NOW = int(RECEIPT.timestamp())
ALL = QuarantineSelection()


class Bench(Laboratory):
    """A laboratory whose clock a test moves."""

    def __init__(self):
        self.now = RECEIPT
        super().__init__()
        self._clock = lambda: self.now
        self.services = Services(self)

    def receive(self, *bodies, key="measures", message_id=None, user_id=None, parked=False, **properties):
        """As the listener does, at this time."""
        told = {**properties} if user_id is None else {**properties, "user_id": user_id.decode()}
        ingestion = self.services.ingestion()
        ingestion._clock = lambda: int(self.now.timestamp()) * SECOND  # pylint: disable=protected-access
        ingestion.store([
            Message(
                body if isinstance(body, bytes) else json.dumps(body).encode(), key, message_id, user_id,
                properties.get("content_type"), properties.get("content_encoding"), properties.get("type"),
                lambda: json.dumps(told), parked,
            )
            for body in bodies
        ])

    def add_experiment(self, name):
        with self.unit() as unit:
            self.ids[name] = unit.experiments.add(name).experiment_id
            unit.associations.add(self.ids[name], SAM.user_id, until=None)

    def items(self):
        with self.unit() as unit:
            return unit.quarantine.page(after=0, limit=10_000)

    def replay(self, **criteria):
        """How much was stored, and what is still refused."""
        stored, refused = 0, {}
        for some in self.services.quarantine.replay(CONSOLE, QuarantineSelection(**criteria)):
            stored += some.stored
            for reason, count in some.refused.items():
                refused[reason.value] = refused.get(reason.value, 0) + count
        return stored, refused

    def audited(self, verb):
        return [(row.object, row.outcome) for row in self.services.audited() if row.verb == verb]


@pytest.fixture
def bench():
    return Bench()


def reading(**changes):
    fields = {"experiment": "new", "measure": "hertz", "value": 1.5, "timestamp": NOW, **changes}
    return {name: value for name, value in fields.items() if value is not ...}


def test_what_named_an_experiment_that_came_later_is_stored_as_it_was_sent(bench):
    bench.receive(reading(sensor="a", value=-0.0), reading(sensor="b", value=0.1 + 0.2, timestamp=NOW - 1))
    assert bench.replay(reason=Reason.UNKNOWN_EXPERIMENT) == (0, {"unknown_experiment": 2})

    bench.add_experiment("new")

    assert bench.replay(reason=Reason.UNKNOWN_EXPERIMENT) == (2, {})
    assert [(sensor, time, str(value)) for sensor, time, value in bench.stored("new")] == [
        ("b", NOW - 1, str(0.1 + 0.2)), ("a", NOW, "-0.0"),
    ]
    assert bench.items() == []
    assert bench.replay() == (0, {})


def test_what_named_a_measure_type_that_came_later_is_stored(bench):
    bench.receive([reading(experiment="lab", measure="bar"), reading(experiment="lab")])
    with bench.unit() as unit:
        unit.measure_types.add(name="bar", symbol="bar", quantity="pressure")

    assert bench.replay() == (1, {})
    assert len(bench.stored()) == 2


def test_what_is_refused_again_stays_with_the_reason_of_today(bench):
    bench.receive(reading(measure="unheard-of"))
    [before] = bench.items()
    bench.add_experiment("new")

    assert bench.replay() == (0, {"unknown_measure": 1})
    [after] = bench.items()
    assert (after.quarantine_id, after.reason, after.received) == (before.quarantine_id, "unknown_measure", RECEIPT)


@pytest.mark.parametrize(("message", "reason"), [
    ({"key": "measures.other"}, "forbidden"),
    ({"content_type": "text/plain"}, "bad_content_type"),
    ({"content_encoding": "gzip"}, "bad_content_type"),
    ({"type": "measure.v2"}, "unknown_version"),
])
def test_the_rules_that_held_for_a_message_hold_for_its_replay(bench, message, reason):
    bench.receive(reading(experiment="lab"), **message)

    assert bench.replay() == (0, {reason: 1})
    assert bench.stored() == bench.stored("other") == []


def test_rules_are_known_although_a_hostile_publisher_made_the_properties_too_long_to_be_kept(bench):
    flood = {"headers": {"x" * 10: ', "headers": {' * 10_000}}
    told = {"content_type": "application/json", "correlation_id": '"headers": {', "type": "measure.v2", **flood}
    bench.receive(reading(experiment="lab"), **told)

    assert len(bench.quarantined()[0].headers) <= 64 * 1024
    assert bench.replay() == (0, {"unknown_version": 1})


def test_elements_keep_their_account_although_their_properties_are_cut_short(bench):
    told = {"correlation_id": "c" * 250, "app_id": "a" * 250, "content_type": "application/json"}
    bench.receive([reading(), reading(sensor="b")], user_id=b"vibrometer", **told)
    bench.add_experiment("new")

    assert bench.replay() == (2, {})
    with bench.unit() as unit:
        assert unit.messages.publisher_id(b"vibrometer") == 1


def test_an_array_within_an_array_is_no_message_of_its_own(bench):
    bench.receive([[reading(experiment="lab")], reading(experiment="lab", timestamp=NOW - 1)])

    assert bench.replay() == (0, {"not_object": 1})
    assert len(bench.stored()) == 1


@pytest.mark.parametrize(("ahead", "stored"), [(86_400, 1), (86_401, 0)])
def test_a_timestamp_may_lie_ahead_of_the_receipt_and_not_of_the_replay(bench, ahead, stored):
    bench.receive(reading(timestamp=NOW + ahead))
    bench.add_experiment("new")
    bench.now += timedelta(days=30)

    assert bench.replay()[0] == stored


def test_an_id_that_was_used_twice_is_tried_only_when_somebody_asks_for_it(bench):
    bench.receive(reading(experiment="lab"), message_id=b"1")
    bench.receive(reading(experiment="lab", value=2.5), message_id=b"1")
    assert bench.replay() == (0, {})
    assert bench.replay(experiment="lab") == (0, {})
    assert [item.reason for item in bench.items()] == ["id_conflict"]

    assert bench.replay(reason=Reason.ID_CONFLICT) == (1, {})
    assert sorted(value for _, _, value in bench.stored()) == [1.5, 2.5]


def test_an_undeliverable_message_is_taken_apart_and_only_what_is_bad_stays(bench):
    bench.receive([reading(experiment="lab"), reading(experiment="lab", value="x"), 3], parked=True, message_id=b"m")
    bench.now += timedelta(days=30)

    assert bench.replay() == (1, {"wrong_type": 1, "not_object": 1})
    assert len(bench.stored()) == 1
    assert {(item.reason.value, item.received) for item in bench.items()} == {
        ("wrong_type", RECEIPT), ("not_object", RECEIPT),
    }
    assert sorted(item.element for item in bench.quarantined()) == [1, 2]
    assert bench.replay() == (0, {"wrong_type": 1, "not_object": 1})


def test_what_the_database_refuses_stops_nothing_else(bench):
    for number in range(5):
        bench.receive(reading(value=number, sensor=str(number)))
    bench.add_experiment("new")
    bench.poison = 3

    assert bench.replay() == (4, {"undeliverable": 1})
    assert sorted(value for _, _, value in bench.stored("new")) == [0, 1, 2, 4]
    assert [item.reason for item in bench.items()] == ["unknown_experiment"]


def test_an_interrupted_replay_has_stored_whole_portions_and_goes_on_where_it_was(bench, monkeypatch):
    monkeypatch.setattr(module, "PORTION_ITEMS", 2)
    bench.receive(*(reading(sensor=str(number)) for number in range(5)))
    bench.add_experiment("new")
    portions = bench.services.quarantine.replay(CONSOLE, ALL)
    assert next(portions).stored == 2
    portions.close()

    assert (len(bench.stored("new")), len(bench.items())) == (2, 3)
    assert bench.replay() == (3, {})
    assert (len(bench.stored("new")), len(bench.items())) == (5, 0)


@pytest.mark.parametrize("failure", [StorageUnavailable("away"), KeyboardInterrupt()])
def test_what_ends_before_the_commit_has_changed_nothing(bench, failure):
    bench.receive(reading())
    bench.add_experiment("new")
    [item] = bench.items()
    bench.failures = [failure]

    with pytest.raises(type(failure)):
        bench.services.quarantine.replay_one(CONSOLE, item.quarantine_id)

    assert (bench.stored("new"), bench.items()) == ([], [item])


def test_a_commit_whose_reply_is_lost_doubles_nothing(bench):
    bench.receive(reading())
    bench.add_experiment("new")
    [item] = bench.items()
    bench.lost_replies = 1

    with pytest.raises(StorageUnavailable):
        bench.services.quarantine.replay_one(CONSOLE, item.quarantine_id)

    with pytest.raises(NotFound):
        bench.services.quarantine.replay_one(CONSOLE, item.quarantine_id)
    assert len(bench.stored("new")) == 1


def test_who_is_slower_runs_again(bench):
    bench.receive(reading())
    bench.add_experiment("new")
    [item] = bench.items()
    bench.failures = [StorageContention("quicker")] * 2

    assert bench.services.quarantine.replay_one(CONSOLE, item.quarantine_id).stored == 1
    assert len(bench.stored("new")) == 1


def test_what_comes_in_during_a_replay_is_left_alone(bench, monkeypatch):
    monkeypatch.setattr(module, "PORTION_ITEMS", 1)
    bench.receive(reading(), reading())
    tried = 0
    for some in bench.services.quarantine.replay(CONSOLE, ALL):
        tried += some.items
        bench.receive(reading())

    assert (tried, len(bench.items())) == (2, 4)


def test_large_items_go_in_transactions_of_their_own(bench, monkeypatch):
    monkeypatch.setattr(module, "PORTION_BYTES", 150)
    bench.receive(*(reading(sensor=str(number)) for number in range(3)))
    bench.add_experiment("new")

    assert [one.items for one in bench.services.quarantine.replay(CONSOLE, ALL)] == [1, 1, 1]
    assert len(bench.stored("new")) == 3


def test_one_item_is_replayed_by_its_number(bench):
    bench.receive(reading(), b"rubbish")
    new, rubbish = bench.items()
    bench.add_experiment("new")
    service = bench.services.quarantine

    assert service.replay_one(CONSOLE, new.quarantine_id)[:2] == (1, 1)
    with pytest.raises(NotFound):
        service.replay_one(CONSOLE, new.quarantine_id)
    with pytest.raises(Conflict, match="still refused: bad_json"):
        service.replay_one(CONSOLE, rubbish.quarantine_id)
    assert bench.audited("quarantine.replay") == [
        (f"quarantine:{new.quarantine_id}", "success"), (f"quarantine:{new.quarantine_id}", "not_found"),
        (f"quarantine:{rubbish.quarantine_id}", "refused"),
    ]


def test_a_replay_that_could_store_nothing_is_audited_as_refused_and_what_it_found_out_stays(bench):
    bench.receive(reading(), reading(measure="unheard-of"))
    assert bench.replay() == (0, {"unknown_experiment": 2})
    bench.add_experiment("new")
    [new, other] = bench.items()
    with pytest.raises(Conflict):
        bench.services.quarantine.replay_one(CONSOLE, other.quarantine_id)
    assert [one.reason for one in bench.items()] == [Reason.UNKNOWN_EXPERIMENT, Reason.UNKNOWN_MEASURE]

    assert bench.replay() == (1, {"unknown_measure": 1})

    both = f"quarantine:{new.quarantine_id}..{other.quarantine_id}"
    assert bench.audited("quarantine.replay") == [
        (both, "refused"), (f"quarantine:{other.quarantine_id}", "refused"), (both, "success"),
    ]


def test_what_is_discarded_is_gone_audited_by_id_and_reason_and_its_message_id_stays_used(bench):
    bench.receive(b"rubbish", message_id=b"1")
    bench.receive(b"{", message_id=b"2")
    bench.receive(reading(), message_id=b"3")
    first, second, third = [item.quarantine_id for item in bench.items()]
    service = bench.services.quarantine

    assert sum(service.discard(CONSOLE, QuarantineSelection(reason=Reason.BAD_JSON))) == 2
    assert [item.quarantine_id for item in bench.items()] == [third]
    service.discard_one(CONSOLE, third)
    with pytest.raises(NotFound):
        service.discard_one(CONSOLE, third)
    assert bench.audited("quarantine.discard") == [
        (f"quarantine:{first}:bad_json", "success"), (f"quarantine:{second}:bad_json", "success"),
        (f"quarantine:{third}:unknown_experiment", "success"), (f"quarantine:{third}", "not_found"),
    ]
    bench.add_experiment("new")
    bench.receive(reading(), message_id=b"3")
    assert (bench.stored("new"), bench.items()) == ([], [])
