"""What becomes of messages: each measurement is stored once, or quarantined with the reason, and stops no other one."""

import json

import pytest

from my_monit.services.ingestion import Outcome
from my_monit.services.properties import MAX_BYTES, MAX_BYTES_AGAIN
from my_monit.services.sorting import DUPLICATE, Fate
from tests.unit.by_hand import SAM
from tests.unit.receiving import DAY, FORMER_LAB, LAB, NOW, OTHER, Laboratory, message, reading, store


@pytest.fixture
def storage():
    return Laboratory()


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


# What is kept and told


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
