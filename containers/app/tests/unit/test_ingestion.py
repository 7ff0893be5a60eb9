"""What becomes of messages: each measurement is stored once, or quarantined with the reason, and stops no other one."""

import json
import math
from contextlib import contextmanager

import pytest

from my_monit.errors import StorageContention, StorageRejected, StorageUnavailable
from my_monit.model import Message, Selection
from my_monit.services.ingestion import ATTEMPTS, IngestionService, Outcome
from my_monit.services.properties import MAX_BYTES, MAX_BYTES_AGAIN
from my_monit.services.sorting import DUPLICATE, Fate
from my_monit.storage.memory import MemoryStorage
from my_monit.timestamps import NANOSECONDS
from tests.unit.by_hand import SAM

NOW = 1_700_000_000
DAY = 86_400
#: Every experiment of a laboratory, and the names that it bore before.
LAB, FORMER_LAB, OTHER = "lab", "old-lab", "other"


class Laboratory(MemoryStorage):
    """Storage in which something can go wrong when a transaction ends."""

    def __init__(self):
        super().__init__()
        self.transactions = 0
        self.failures = []
        self.lost_replies = 0
        self.poison = None
        self.goes_away_at = None
        self.ids = {}
        with super().unit() as unit:
            unit.users.add(SAM)
            for name in (FORMER_LAB, OTHER):
                self.ids[name] = unit.experiments.add(name).experiment_id
                unit.associations.add(self.ids[name], SAM.user_id, until=None)
            unit.experiments.rename(self.ids[FORMER_LAB], LAB)
        self.ids[LAB] = self.ids[FORMER_LAB]

    def restore(self):
        """As from a backup of before the first measure: there is no series yet."""
        self._data.series.clear()
        self._data.measures.clear()

    @contextmanager
    def unit(self):
        self.transactions += 1
        if self.transactions == self.goes_away_at:
            raise StorageUnavailable("away")
        with super().unit() as unit:
            unit.measures = Poisonable(unit.measures, self.poison)
            yield unit
            if self.failures:
                raise self.failures.pop(0)
        if self.lost_replies:
            self.lost_replies -= 1
            raise StorageUnavailable("was it committed?")

    def stored(self, name=LAB):
        """Sensor, time in seconds and value of each measure, oldest first."""
        with super().unit() as unit:
            series = {one.series_id: one for one in unit.series.of(self.ids[name], visible_to=SAM.user_id)}
            found = unit.measures.chunk(
                self.ids[name], list(series), Selection(descending=False),
                visible_to=SAM.user_id, after=None, limit=100_000, span=None,
            )
        return [(series[one.series_id].sensor, one.time / NANOSECONDS, one.value) for one in found]

    def quarantined(self):
        with super().unit() as unit:
            records = unit.quarantine.page(after=0, limit=100_000)
            return [unit.quarantine.get(record.quarantine_id)[1] for record in records]

    def reasons(self):
        return [item.reason for item in self.quarantined()]


class Poisonable:
    """Refuses measures of one value, as a database does that finds them out of its range."""

    def __init__(self, measures, poison):
        self._measures = measures
        self._poison = poison
        self.chunk = measures.chunk

    def add(self, measures, *, received=None):
        if self._poison in [sample.value for samples in measures.values() for sample in samples]:
            raise StorageRejected("out of range")
        self._measures.add(measures, received=received)


@pytest.fixture
def storage():
    return Laboratory()


@pytest.fixture
def ingestion(storage):
    return make_ingestion(storage)


def make_ingestion(storage):
    return IngestionService(storage, routing="measures", max_future=DAY, clock=lambda: NOW * NANOSECONDS)


def reading(**changes):
    """A good one; a field that is None is left out."""
    fields = {"experiment": LAB, "measure": "hertz", "value": 1.5, "timestamp": 7, **changes}
    return {name: value for name, value in fields.items() if value is not None}


def message(content, **properties):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    defaults = {
        "routing_key": "measures", "message_id": None, "user_id": b"adapter", "content_type": None,
        "content_encoding": None, "type": None, "headers": lambda: "{}",
    }
    return Message(body=body, **{**defaults, **properties})


def store(ingestion, *messages):
    return ingestion.store(list(messages))


# What is stored


def test_a_measurement_is_stored_as_it_was_sent(storage, ingestion):
    outcome = store(
        ingestion, message(reading()), message(reading(sensor="left", value=-0.25, timestamp=1.5, unit="Hz")),
        message(reading(experiment=OTHER)),
    )

    assert outcome == Outcome(stored=3)
    assert storage.stored() == [("left", 1.5, -0.25), ("", 7.0, 1.5)]
    assert storage.stored(OTHER) == [("", 7.0, 1.5)]
    assert storage.quarantined() == []


def test_equal_measurements_without_an_id_are_all_stored_f14(storage, ingestion):
    assert store(ingestion, message(reading()), message(reading())) == Outcome(stored=2)
    assert store(ingestion, message(reading()), message(reading(), message_id=b"")) == Outcome(stored=2)

    assert storage.stored() == [("", 7.0, 1.5)] * 4


def test_nothing_to_store_is_nothing_stored(ingestion):
    assert store(ingestion) == Outcome()


def test_a_measurement_of_tomorrow_is_the_last_that_is_believed(storage, ingestion):
    outcome = store(ingestion, message(reading(timestamp=NOW + DAY)), message(reading(timestamp=NOW + DAY + 1)))

    assert outcome == Outcome(stored=1, quarantined=1)
    assert storage.reasons() == ["bad_timestamp"]


# What is quarantined


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "bad_json"),
    (b'{"experiment": "lab", "measure": "hertz", "value": NaN, "timestamp": 7}', "non_finite"),
    (b'{"experiment": "lab", "measure": "hertz", "value": Infinity, "timestamp": 7}', "non_finite"),
    (b'{"experiment": "lab", "measure": "hertz", "value": -Infinity, "timestamp": 7}', "non_finite"),
    (b'{"experiment": "lab", "measure": "hertz", "value": 1e999, "timestamp": 7}', "non_finite"),
    (reading(value="1.5"), "wrong_type"),
    (reading(value=None), "missing_field"),
    (reading(valeu=1), "unknown_field"),
    (reading(unit="kHz"), "wrong_unit"),
    (reading(unit="hz"), "wrong_unit"),
    (reading(experiment="unknown"), "unknown_experiment"),
    (reading(experiment="LAB"), "unknown_experiment"),
    (reading(experiment="lab "), "unknown_experiment"),
    (reading(measure="furlong"), "unknown_measure"),
    (reading(measure="HERTZ"), "unknown_measure"),
    (reading(measure="hertz "), "unknown_measure"),
    (reading(measure="hértz"), "unknown_measure"),
    (reading(sensor="a\x00b"), "bad_string"),
    (reading(experiment="'; DROP TABLE MEASURES; --"), "unknown_experiment"),
    (reading(experiment="{0.__class__}"), "unknown_experiment"),
    (reading(experiment="%s%(x)s"), "unknown_experiment"),
    (reading(measure="<script>alert(1)</script>"), "unknown_measure"),
], ids=lambda value: value if isinstance(value, str) else None)
def test_what_cannot_be_stored_is_quarantined_whole_and_the_next_message_is_stored(storage, ingestion, content, reason):
    bad = message(content, message_id=b"id-1", headers=lambda: '{"x": 1}')

    assert store(ingestion, bad) == Outcome(quarantined=1)
    assert store(ingestion, message(reading())) == Outcome(stored=1)

    [item] = storage.quarantined()
    assert (item.reason, item.body, item.publisher, item.routing_key, item.message_id, item.headers) == (
        reason, bad.body, b"adapter", "measures", b"id-1", '{"x": 1}'
    )
    assert storage.stored() == [("", 7.0, 1.5)]


@pytest.mark.parametrize(("properties", "reason"), [
    ({"content_type": "text/plain"}, "bad_content_type"),
    ({"content_type": "application/json; charset=utf-8"}, "bad_content_type"),
    ({"content_type": b"\xff"}, "bad_content_type"),
    ({"content_encoding": "gzip"}, "bad_content_type"),
    ({"type": "measure.v2"}, "unknown_version"),
    ({"type": b"\xff"}, "unknown_version"),
])
def test_what_is_not_announced_as_ours_is_quarantined_without_a_guess_p32(storage, ingestion, properties, reason):
    assert store(ingestion, message(reading(), routing_key="measures.lab", **properties)) == Outcome(quarantined=1)

    [item] = storage.quarantined()
    assert (item.reason, item.element, item.experiment) == (reason, None, "lab")


@pytest.mark.parametrize("properties", [{"content_type": "application/json"}, {"type": "measure.v1"}, {}])
def test_what_is_announced_as_ours_or_not_at_all_is_stored_p32(ingestion, properties):
    assert store(ingestion, message(reading(), **properties)) == Outcome(stored=1)


def test_a_body_above_four_mebibytes_is_quarantined_with_every_byte_p31(storage, ingestion):
    body = json.dumps(reading()).encode().ljust(4 * 2**20 + 1)

    assert store(ingestion, message(body), message(body[:-1])) == Outcome(stored=1, quarantined=1)
    assert storage.reasons() == ["too_large"]
    assert storage.quarantined()[0].body == body


def test_what_was_unknown_is_stored_once_it_is_known_p27_p28(storage, ingestion):
    late = [reading(experiment="new"), reading(measure="bar"), reading(experiment="new", measure="bar")]
    assert store(ingestion, *map(message, late)) == Outcome(quarantined=3)

    with storage.unit() as unit:
        storage.ids["new"] = unit.experiments.add("new").experiment_id
        unit.associations.add(storage.ids["new"], SAM.user_id, until=None)
        unit.measure_types.add(name="bar", symbol="bar", quantity="pressure")

    assert store(ingestion, *map(message, late)) == Outcome(stored=3)
    assert len(storage.stored("new")) == 2


@pytest.mark.parametrize("properties", [
    {"message_id": b"\xff" * 255}, {"message_id": "é".encode()}, {"user_id": b"\xff\x00"}, {"user_id": None},
    {"routing_key": "measures." + "x" * 246}, {"routing_key": ""},
    {"headers": lambda: json.dumps({f"h{number}": [number] * 9 for number in range(1000)})},
])
def test_hostile_properties_are_kept_and_change_nothing_p35(storage, ingestion, properties):
    assert store(ingestion, message(b"rubbish", **properties)) == Outcome(quarantined=1)
    assert store(ingestion, message(reading())) == Outcome(stored=1)

    [item] = storage.quarantined()
    sent = message(b"rubbish", **properties)
    assert (item.message_id, item.routing_key, item.headers) == (sent.message_id, sent.routing_key, sent.headers())


def test_a_message_that_the_broker_gave_up_is_undeliverable_however_good_it_is(storage, ingestion):
    parked = message(reading(), parked=True, routing_key="measures.lab", message_id=b"1")

    assert store(ingestion, parked, message(reading(value=2.5))) == Outcome(stored=1, quarantined=1)

    [item] = storage.quarantined()
    assert (item.reason, item.body, item.experiment) == ("undeliverable", parked.body, "lab")
    assert [value for *_, value in storage.stored()] == [2.5]


def test_a_parked_message_that_had_been_stored_after_all_is_a_duplicate(storage, ingestion):
    store(ingestion, message(reading(), message_id=b"1"))

    assert store(ingestion, message(reading(), message_id=b"1", parked=True)) == Outcome(duplicates=1)
    assert (len(storage.stored()), storage.quarantined()) == (1, [])


# Routing keys


@pytest.mark.parametrize(("routing_key", "experiment"), [
    ("measures", LAB), ("measures", FORMER_LAB), ("measures.lab", LAB), ("measures.old-lab", FORMER_LAB),
    ("measures.lab", FORMER_LAB), ("measures.old-lab", LAB),
])
def test_a_routing_key_opens_its_experiment_under_all_of_its_names(storage, ingestion, routing_key, experiment):
    assert store(ingestion, message(reading(experiment=experiment), routing_key=routing_key)) == Outcome(stored=1)
    assert len(storage.stored()) == 1


@pytest.mark.parametrize(("routing_key", "experiment", "named"), [
    ("measures.other", LAB, LAB), ("measures.lab", OTHER, OTHER), ("measures.unknown", LAB, LAB),
    ("measures.lab", "unknown", "unknown"), ("measures.", LAB, LAB), ("measures.lab.x", LAB, LAB), ("", LAB, LAB),
    ("MEASURES", LAB, LAB), ("measures.LAB", LAB, LAB), ("measures.lab ", LAB, LAB), ("measureslab", LAB, LAB),
    ("measures.lab", "not well-formed", LAB), ("measures.*", LAB, LAB), ("measures.#", LAB, LAB),
])
def test_a_routing_key_opens_no_other_experiment_p36(storage, ingestion, routing_key, experiment, named):
    outcome = store(ingestion, message(reading(experiment=experiment), routing_key=routing_key))

    assert outcome == Outcome(quarantined=1)
    [item] = storage.quarantined()
    assert (item.reason, item.experiment) == ("forbidden", named)
    assert storage.stored() == storage.stored(OTHER) == []


def test_a_routing_key_of_an_experiment_that_is_not_there_yet_waits_for_it(storage, ingestion):
    early = message(reading(experiment="new"), routing_key="measures.new")
    assert store(ingestion, early) == Outcome(quarantined=1)
    assert storage.reasons() == ["unknown_experiment"]

    with storage.unit() as unit:
        unit.experiments.add("new")

    assert store(ingestion, early) == Outcome(stored=1)


def test_what_a_key_may_do_is_decided_anew_for_each_key(storage, ingestion):
    content = reading()

    outcomes = [store(ingestion, message(content, routing_key=key)) for key in ("measures.lab", "measures.other")]

    assert outcomes == [Outcome(stored=1), Outcome(quarantined=1)]


def test_an_array_may_only_hold_what_its_routing_key_opens(storage, ingestion):
    content = [reading(value=1.0), reading(experiment=OTHER, value=2.0), reading(value=3.0)]

    assert store(ingestion, message(content, routing_key="measures.lab")) == Outcome(stored=2, quarantined=1)

    [item] = storage.quarantined()
    assert (item.reason, item.element, json.loads(item.body)) == ("forbidden", 1, content[1])
    assert [value for *_, value in storage.stored()] == [1.0, 3.0]


# Arrays


def test_the_good_elements_of_an_array_are_stored_and_the_bad_ones_quarantined_each_with_its_reason(storage, ingestion):
    elements = [
        reading(value=0.0), reading(value="x"), reading(value=1.0, sensor="left"), reading(measure="furlong"), 42,
        reading(experiment="unknown"), reading(timestamp=-1), reading(value=2.0, unit="Hz"), reading(unit="s"),
    ]

    assert store(ingestion, message(elements, message_id=b"1")) == Outcome(stored=3, quarantined=6)

    assert sorted(value for *_, value in storage.stored()) == [0.0, 1.0, 2.0]
    found = {item.element: (item.reason, json.loads(item.body), item.experiment) for item in storage.quarantined()}
    assert found == {
        1: ("wrong_type", elements[1], LAB), 3: ("unknown_measure", elements[3], LAB), 4: ("not_object", 42, None),
        5: ("unknown_experiment", elements[5], "unknown"), 6: ("bad_timestamp", elements[6], LAB),
        8: ("wrong_unit", elements[8], LAB),
    }
    assert {item.message_id for item in storage.quarantined()} == {b"1"}


def test_the_outcome_counts_refused_messages_and_tells_whose_items_were_refused_and_why(ingestion):
    mixed = message([reading(), reading(value=True), reading(value="x")], user_id=b"mad")

    outcome = store(ingestion, mixed, message(b"rubbish", user_id=b"mad"), message(reading()))

    assert outcome == Outcome(stored=2, quarantined=3) and outcome.refused == 2
    assert outcome.refusals == {(b"mad", "wrong_type"): 2, (b"mad", "bad_json"): 1}


def test_an_array_of_the_largest_size_is_stored(storage, ingestion):
    elements = [reading(value=float(number), timestamp=number) for number in range(10_000)]

    assert store(ingestion, message(elements)) == Outcome(stored=10_000)
    assert [value for *_, value in storage.stored()] == [float(number) for number in range(10_000)]


def test_an_element_is_quarantined_as_it_was_written(storage, ingestion):
    odd = b'{"experiment":"lab" , "measure":"furlong","value":1.50e0,"timestamp":7.0}'

    store(ingestion, message(b"[ " + odd + b" ,\n" + json.dumps(reading()).encode() + b"]"))

    assert [item.body for item in storage.quarantined()] == [odd]
    assert len(storage.stored()) == 1


# Ids


def test_a_message_that_comes_again_is_not_stored_again_f13(storage, ingestion):
    again = message(reading(), message_id=b"1")

    assert store(ingestion, again) == Outcome(stored=1)
    assert store(ingestion, again, again) == Outcome(duplicates=2)
    assert store(make_ingestion(storage), again) == Outcome(duplicates=1)
    assert len(storage.stored()) == 1


def test_a_message_that_comes_twice_in_one_batch_is_stored_once(storage, ingestion):
    again = message(reading(), message_id=b"1")

    assert store(ingestion, again, message(reading(), message_id=b"2"), again) == Outcome(stored=2, duplicates=1)
    assert len(storage.stored()) == 2


def test_an_id_that_is_used_for_another_body_is_a_conflict_f13(storage, ingestion):
    first, second = message(reading(), message_id=b"1"), message(reading(value=2.5), message_id=b"1")

    assert store(ingestion, first) == Outcome(stored=1)
    assert store(ingestion, second) == Outcome(quarantined=1)

    [item] = storage.quarantined()
    assert (item.reason, item.body, item.message_id, item.element) == ("id_conflict", second.body, b"1", None)
    assert [value for *_, value in storage.stored()] == [1.5]


def test_the_first_of_a_batch_decides_what_its_id_means(storage, ingestion):
    first, second = message(reading(), message_id=b"1"), message(reading(value=2.5), message_id=b"1")

    outcome = store(ingestion, first, second, first, second)

    assert outcome == Outcome(stored=1, quarantined=2, duplicates=1)
    assert store(ingestion, second, first) == Outcome(quarantined=1, duplicates=1)
    assert storage.reasons() == ["id_conflict"] * 3


def test_a_quarantined_message_that_comes_again_is_not_quarantined_again(storage, ingestion):
    bad = message(b"rubbish", message_id=b"1")

    assert store(ingestion, bad, bad) == Outcome(quarantined=1, duplicates=1)
    assert store(ingestion, bad) == Outcome(duplicates=1)
    assert storage.reasons() == ["bad_json"]


def test_one_publisher_s_ids_do_not_hide_another_s_messages_p35(storage, ingestion):
    publishers = [
        {"user_id": b"a"}, {"user_id": b"b"}, {"user_id": b"A"}, {"user_id": None},
        {"user_id": None, "routing_key": "measures.lab"}, {"user_id": None, "routing_key": "measures.old-lab"},
    ]

    outcome = store(ingestion, *(message(reading(), message_id=b"1", **each) for each in publishers))

    assert outcome == Outcome(stored=len(publishers))


def test_routing_keys_of_no_experiment_make_up_no_publishers(storage, ingestion):
    keys = ["measures.unknown", "measures.x.y", "elsewhere", "measures."]

    store(ingestion, *(message(reading(), user_id=None, routing_key=key) for key in keys))

    assert {item.publisher for item in storage.quarantined()} == {b""}


# When storage fails


def test_a_batch_is_tried_again_when_another_transaction_was_quicker_f10(storage, ingestion):
    storage.failures = [StorageContention("deadlock")] * (ATTEMPTS - 1)

    assert store(ingestion, message(reading(), message_id=b"1")) == Outcome(stored=1)
    assert len(storage.stored()) == 1


def test_a_batch_that_never_gets_its_turn_says_so_and_can_be_given_again(storage, ingestion):
    storage.failures = [StorageContention("deadlock")] * ATTEMPTS
    batch = [message(reading(), message_id=b"1"), message(b"rubbish")]

    with pytest.raises(StorageContention):
        store(ingestion, *batch)
    assert storage.stored() == storage.quarantined() == []

    assert store(ingestion, *batch) == Outcome(stored=1, quarantined=1)


@pytest.mark.parametrize("error", [StorageUnavailable("away"), RuntimeError("a bug"), KeyboardInterrupt()], ids=repr)
def test_nothing_of_a_failed_batch_is_left_and_the_next_attempt_stores_it_f4(storage, ingestion, error):
    batch = [message(reading(), message_id=b"1"), message(b"rubbish", message_id=b"2"), message([reading(), 42])]
    storage.failures = [error]

    with pytest.raises(type(error)):
        store(ingestion, *batch)
    assert storage.stored() == storage.quarantined() == []

    assert store(ingestion, *batch) == Outcome(stored=2, quarantined=2)


def test_a_commit_whose_reply_was_lost_does_not_store_twice_f4(storage, ingestion):
    batch = [message(reading(), message_id=b"1"), message(b"rubbish", message_id=b"2")]
    storage.lost_replies = 1
    with pytest.raises(StorageUnavailable):
        store(ingestion, *batch)

    assert store(ingestion, *batch) == Outcome(duplicates=2)
    assert (len(storage.stored()), storage.reasons()) == (1, ["bad_json"])


def test_numbers_given_in_a_transaction_that_was_undone_are_forgotten(storage, ingestion):
    storage.failures = [StorageUnavailable("away")]
    with pytest.raises(StorageUnavailable):
        store(ingestion, message(reading(sensor="left"), user_id=b"a", message_id=b"1"))

    # Others take the numbers that the undone series and publisher would have had.
    store(make_ingestion(storage), message(reading(experiment=OTHER), user_id=b"b", message_id=b"1"))
    outcome = store(ingestion, message(reading(sensor="left"), user_id=b"a", message_id=b"1"))

    assert outcome == Outcome(stored=1)
    assert (len(storage.stored()), len(storage.stored(OTHER))) == (1, 1)


@pytest.mark.parametrize("place", [0, 3, 9])
def test_the_one_message_that_the_database_refuses_is_found_and_quarantined_alone(storage, ingestion, place):
    storage.poison = 666.0
    batch = [message(reading(value=float(number)), message_id=b"%d" % number) for number in range(10)]
    batch[place] = message([reading(value=0.5), reading(value=666.0)], message_id=b"poison", routing_key="measures.lab")

    assert store(ingestion, *batch) == Outcome(stored=9, quarantined=1)

    [item] = storage.quarantined()
    assert (item.reason, item.body, item.message_id, item.element) == (
        "undeliverable", batch[place].body, b"poison", None
    )
    assert sorted(value for *_, value in storage.stored()) == [float(n) for n in range(10) if n != place]


def test_two_messages_that_the_database_refuses_are_both_found(storage, ingestion):
    storage.poison = 666.0
    values = [1.0, 666.0, 2.0, 3.0, 666.0]

    assert store(ingestion, *(message(reading(value=value)) for value in values)) == Outcome(stored=3, quarantined=2)
    assert storage.reasons() == ["undeliverable"] * 2


@pytest.mark.parametrize("goes_away_at", range(1, 9))
def test_no_part_of_a_refused_batch_is_stored_when_the_database_goes_away_in_between_f4(
    storage, ingestion, goes_away_at
):
    storage.poison = 666.0
    batch = [message(reading(value=value)) for value in (1.0, 2.0, 3.0, 666.0)]
    storage.goes_away_at = goes_away_at

    try:
        store(ingestion, *batch)
    except StorageUnavailable:
        assert storage.stored() == storage.quarantined() == []
        store(ingestion, *batch)

    assert [value for *_, value in storage.stored()] == [1.0, 2.0, 3.0]
    assert storage.reasons() == ["undeliverable"]


def test_the_one_message_that_the_database_refuses_is_found_in_few_transactions(storage, ingestion):
    storage.poison = 666.0
    batch = [message(reading(value=float(number))) for number in range(1000)]

    store(ingestion, *batch)

    assert storage.transactions <= 2 + 2 * math.ceil(math.log2(len(batch)))


def test_a_batch_that_an_older_backup_refuses_is_stored_under_what_is_there_now(storage, ingestion):
    store(ingestion, message(reading()))
    storage.restore()

    assert store(ingestion, message(reading()), message(reading())) == Outcome(stored=2)


def test_a_message_that_the_database_refuses_is_quarantined_once_however_often_it_comes(storage, ingestion):
    storage.poison = 666.0
    poison = message(reading(value=666.0), message_id=b"1")

    assert store(ingestion, poison) == Outcome(quarantined=1)
    assert store(ingestion, poison) == Outcome(duplicates=1)
    assert storage.reasons() == ["undeliverable"]


def test_what_the_database_refuses_is_quarantined_at_the_next_attempt_if_need_be(storage, ingestion):
    storage.poison = 666.0
    storage.failures = [StorageContention("deadlock")]

    assert store(ingestion, message(reading(value=666.0))) == Outcome(quarantined=1)


def test_the_headers_of_a_message_are_rendered_once_however_many_of_its_elements_are_bad(storage, ingestion):
    rendered = []

    def headers():
        rendered.append("once")
        return '{"x": 1}'

    store(ingestion, message(reading(), headers=headers))
    assert rendered == []

    store(ingestion, message([42, reading(measure="furlong"), 43], headers=headers))
    assert rendered == ["once"]
    assert [item.headers for item in storage.quarantined()] == ['{"x": 1}'] * 3


def test_a_hostile_message_s_properties_are_kept_once_and_all_that_is_kept_is_bounded_json(storage, ingestion):
    text = json.dumps({"content_type": "application/json", "headers": {"x": '"\\' * 2**20}})
    elements = [42] * 10 + [reading(measure="furlong")]

    store(ingestion, message(elements, headers=lambda: text), message(b"", headers=lambda: text))

    first, *others, alone = [item.headers for item in storage.quarantined()]
    assert first == alone and len(set(others)) == 1
    for kept, most in ((first, MAX_BYTES), (others[0], MAX_BYTES_AGAIN)):
        told = json.loads(kept)
        assert most / 2 < len(kept) <= most
        assert told["cut_from_bytes"] == len(text)
        assert text.startswith(told["begins_with"]) and "application/json" in told["begins_with"]


def test_the_fate_of_each_message_is_told(storage, ingestion):
    outcome = store(
        ingestion, message(reading(), message_id=b"1"), message(b"rubbish"), message(reading(), message_id=b"1"),
        message([reading(), 42, reading(measure="furlong"), reading()]), message(reading(value=2.5), message_id=b"1"),
    )

    assert outcome.fates == [Fate(stored=1), Fate(quarantined=1), DUPLICATE, Fate(2, 2), Fate(quarantined=1)]
    assert outcome == Outcome(stored=3, quarantined=4, duplicates=1)


@pytest.mark.parametrize("message_id", [b"1", b"i" * 239, b"i" * 240, b"i" * 255])
def test_a_message_of_an_experiment_that_was_created_meanwhile_is_known_again(storage, ingestion, message_id):
    early = message(reading(experiment="new"), routing_key="measures.new", user_id=None, message_id=message_id)
    assert store(ingestion, early) == Outcome(quarantined=1)

    with storage.unit() as unit:
        unit.experiments.add("new")

    assert store(ingestion, early) == store(make_ingestion(storage), early) == Outcome(duplicates=1)


def test_ids_of_routing_keys_are_told_apart_however_long_they_are(storage, ingestion):
    ids = [b"1" * length for length in (1, 2, 16, 17, 32, 239, 240, 255)]
    keys = ["measures.lab", "measures.old-lab", "measures"]

    outcome = store(ingestion, *(
        message(reading(), user_id=None, message_id=one, routing_key=key) for one in ids for key in keys
    ))

    assert outcome == Outcome(stored=len(ids) * len(keys))


def test_the_same_id_and_body_under_two_unknown_routing_keys_are_two_messages(storage, ingestion):
    same = {"message_id": b"1", "user_id": None}

    store(ingestion, message(b"", routing_key="measures.x", **same), message(b"", routing_key="measures.y", **same))

    assert [(item.reason, item.routing_key) for item in storage.quarantined()] == [
        ("bad_json", "measures.x"), ("bad_json", "measures.y")
    ]
