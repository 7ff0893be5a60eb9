"""What becomes of messages, on the real broker and the real database."""

import json

import pika
import pytest

from my_monit.messaging.topology import parking_queue
from my_monit.model import Reason
from my_monit.settings import RabbitConfiguration
from my_monit.wiring import Container
from tests.conftest import Eventually
from tests.integration.lane import FIRST, Lane, Stored, body_of, reading
from tests.integration.log_lines import LogLines
from tests.integration.publisher import Account, Publisher

SECOND = 10**9


def identified(message_id: str) -> pika.BasicProperties:
    return pika.BasicProperties(message_id=message_id)


def test_a_message_in_its_simplest_form_is_stored(lane: Lane) -> None:
    lane.send(body_of())
    lane.settle()

    assert lane.stored() == [Stored("device-vibrations", "hertz", "", FIRST * SECOND, 12.5, "measures")]
    assert lane.refused() == []


def test_a_message_with_everything_is_stored(lane: Lane, adapter: Account) -> None:
    properties = pika.BasicProperties(
        content_type="application/json", type="measure.v1", message_id="one", user_id=adapter.user, app_id="test",
        timestamp=FIRST, headers={"traceparent": "x"}, priority=5, correlation_id="c", reply_to="r",
    )
    body = body_of(measure="degree Celsius", unit="°C", sensor="box 7, left", timestamp="2022-04-06T09:00:00+02:00")

    lane.send(body, key="measures.device-vibrations", properties=properties)
    lane.settle()

    assert lane.stored() == [
        Stored("device-vibrations", "degree Celsius", "box 7, left", FIRST * SECOND, 12.5, adapter.user)
    ]


def test_equal_measures_without_ids_are_all_stored(lane: Lane) -> None:
    lane.send(body_of(), body_of(), body_of())
    lane.settle()

    assert len(lane.stored()) == 3


def test_an_id_counts_once(lane: Lane) -> None:
    for _ in range(3):
        lane.send(body_of(), properties=identified("one"))
    lane.send(body_of(), properties=identified("two"))
    lane.settle()

    assert len(lane.stored()) == 2
    assert lane.refused() == []


def test_an_id_that_comes_with_another_body_is_quarantined(lane: Lane) -> None:
    lane.send(body_of(value=1), properties=identified("one"))
    lane.settle()
    lane.send(body_of(value=2), properties=identified("one"))
    lane.send(body_of(value=1), properties=identified("one"))
    lane.settle()

    assert [stored.value for stored in lane.stored()] == [1]
    assert [(refused.reason, refused.body) for refused in lane.refused()] == [(Reason.ID_CONFLICT, body_of(value=2))]


def test_an_id_of_rubbish_is_used_up_too(lane: Lane) -> None:
    lane.send(b"rubbish", b"rubbish", properties=identified("one"))
    lane.send(body_of(), properties=identified("one"))
    lane.settle()

    assert lane.stored() == []
    assert {refused.reason: refused.body for refused in lane.refused()} == {
        Reason.BAD_JSON: b"rubbish", Reason.ID_CONFLICT: body_of()
    }


def test_the_good_elements_of_an_array_are_stored_beside_the_bad_ones(lane: Lane) -> None:
    elements = [
        body_of(value=0), b"17", body_of(experiment="nowhere"), body_of(value=3), b'{"value": NaN}',
        body_of(measure="HERTZ"), body_of(value=6), body_of(timestamp=-1), b' { "a" :1 , "a":2} ',
    ]

    lane.send(b"[" + b",".join(elements) + b"]")
    lane.settle()

    assert [stored.value for stored in lane.stored()] == [0, 3, 6]
    refused = {item.element: (item.reason, item.body) for item in lane.refused()}
    assert refused == {
        1: (Reason.NOT_OBJECT, elements[1]),
        2: (Reason.UNKNOWN_EXPERIMENT, elements[2]),
        4: (Reason.MISSING_FIELD, elements[4]),
        5: (Reason.UNKNOWN_MEASURE, elements[5]),
        7: (Reason.BAD_TIMESTAMP, elements[7]),
        8: (Reason.DUP_KEY, elements[8].strip()),
    }


def test_an_array_of_ten_thousand_measures_is_stored(lane: Lane) -> None:
    lane.send(json.dumps([reading(value=number, timestamp=FIRST + number) for number in range(10_000)]).encode())
    lane.settle()

    assert [stored.value for stored in lane.stored()] == list(range(10_000))


def test_neighbours_of_a_poison_are_stored(lane: Lane) -> None:
    for number in range(20):
        lane.send(b"rubbish" if number % 5 == 2 else body_of(value=number))
    lane.settle()

    assert [stored.value for stored in lane.stored()] == [number for number in range(20) if number % 5 != 2]
    assert [refused.reason for refused in lane.refused()] == [Reason.BAD_JSON] * 4


def test_an_experiment_made_after_its_first_message_takes_the_next_one(
    lane: Lane, listening_container: Container
) -> None:
    lane.send(body_of(experiment="young"))
    lane.settle()
    with listening_container.storage().unit() as unit:
        unit.experiments.add("young")
        unit.measure_types.add(name="parsec", symbol="pc", quantity="length")
    lane.send(body_of(experiment="young", value=1), body_of(experiment="young", measure="parsec", value=2))
    lane.settle()

    assert [stored[:2] for stored in lane.stored()] == [("young", "hertz"), ("young", "parsec")]
    assert [(refused.reason, refused.experiment) for refused in lane.refused()] == [("unknown_experiment", "young")]


def test_a_former_name_means_the_same_experiment_also_in_the_routing_key(
    lane: Lane, listening_container: Container
) -> None:
    with listening_container.storage().unit() as unit:
        unit.experiments.rename(unit.experiments.add("former").experiment_id, "present")
    for named in ("former", "present"):
        for key in ("measures", "measures.former", "measures.present"):
            lane.send(body_of(experiment=named), key=key)
    lane.settle()

    assert [stored.experiment for stored in lane.stored()] == ["present"] * 6
    assert lane.refused() == []


@pytest.mark.parametrize("death", [
    None, "x", [1], {}, [{"routing-keys": 1}],
    [{"queue": "measures", "reason": "delivery_limit", "routing-keys": ["measures.good-news"], "count": 21}],
])
def test_what_the_broker_parked_is_quarantined_as_undeliverable_whatever_its_headers_say_of_its_key(
    lane: Lane, rabbit_configuration: RabbitConfiguration, broker_administrator: Account,
    death: object, eventually: Eventually,
) -> None:
    properties = pika.BasicProperties(message_id="one", headers={} if death is None else {"x-death": death})
    publisher = Publisher(rabbit_configuration, broker_administrator)
    parked = parking_queue(rabbit_configuration.queue)
    publisher(body_of(), exchange="", key=parked, properties=properties)
    publisher.close()

    (refused,) = eventually(lane.refused)
    assert (refused.reason, refused.body, refused.message_id) == (Reason.UNDELIVERABLE, body_of(), b"one")
    assert refused.routing_key == parked.encode()
    assert lane.stored() == []


def test_log_lines_tell_how_much_and_nothing_of_what(lane: Lane, log_lines: LogLines, eventually: Eventually) -> None:
    lane.send(b'{"experiment": "canary-experiment"}', body_of(sensor="canary-sensor"))
    lane.settle()

    eventually(lambda: log_lines.of("quarantined"))  # it is told after the commit
    assert log_lines.of("batch_stored")
    assert sum(line["mymonit"]["items"] for line in log_lines.of("quarantined")) == 1
    assert "canary" not in log_lines.text
