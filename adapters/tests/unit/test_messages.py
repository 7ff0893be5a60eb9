import json
import struct
import time
import uuid
from decimal import Decimal

import pytest
from mymonit_adapters.ids import time_ordered_id
from mymonit_adapters.messages import MAX_BODY_BYTES, MAX_MEASURES, Message, MessageWriter, decimal_seconds
from mymonit_adapters.model import Reading, Series

AT = 1_649_228_400_123_456_789
SERIES = Series(experiment="device-vibrations", measure="hertz")


def write_all(*readings: Reading) -> list[Message]:
    writer = MessageWriter(routing="measures")
    writer.add(readings)
    return writer.finish()


def write(value: float, at: int, series: Series = SERIES) -> Message:
    (message,) = write_all(Reading(series, value, at))
    return message


def test_a_message_holds_the_four_fields_and_goes_to_its_experiment() -> None:
    message = write(12.5, AT)

    assert message.routing_key == "measures.device-vibrations"
    assert abs(message.created - time.time()) < 60
    assert message.body == (
        b'{"experiment":"device-vibrations","measure":"hertz","value":12.5,"timestamp":1649228400.123456789}'
    )


def test_sensor_and_unit_are_there_when_given() -> None:
    series = Series(experiment="lab", measure="degree Celsius", sensor='Süd "1" \\', unit="°C")

    fields = json.loads(write(1.0, AT, series).body)

    assert (fields["measure"], fields["sensor"], fields["unit"]) == ("degree Celsius", 'Süd "1" \\', "°C")
    assert len(fields) == 6


@pytest.mark.parametrize("value", [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, 2.0**53, 1e16, 1e22, -1 / 3, 100.0])
def test_a_value_comes_out_of_json_bit_by_bit_as_it_went_in(value: float) -> None:
    read_back = json.loads(write(value, AT).body)["value"]

    assert struct.pack(">d", read_back) == struct.pack(">d", value)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (AT, "1649228400.123456789"),
        (1_649_228_400_000_000_001, "1649228400.000000001"),
        (1_649_228_400_500_000_000, "1649228400.5"),
        (1_649_228_400_000_000_000, "1649228400"),
        (1_649_228_410_000_000_000, "1649228410"),
        (0, "0"),
    ],
)
def test_a_time_is_written_exactly(nanoseconds: int, text: str) -> None:
    assert decimal_seconds(nanoseconds) == text
    assert Decimal(text) * 1_000_000_000 == nanoseconds


def test_equal_readings_are_two_messages() -> None:
    assert write(1.0, AT).message_id != write(1.0, AT).message_id


def test_readings_of_one_experiment_are_one_array_in_their_order() -> None:
    other = Series(experiment="device-vibrations", measure="volt")

    (message,) = write_all(Reading(SERIES, 1.0, AT), Reading(other, 2.0, AT), Reading(SERIES, 3.0, AT))

    assert [(each["measure"], each["value"]) for each in json.loads(message.body)] == [
        ("hertz", 1.0), ("volt", 2.0), ("hertz", 3.0),
    ]  # fmt: skip
    assert message.measures == 3


def test_each_experiment_has_messages_of_its_own() -> None:
    lab = Series(experiment="lab", measure="hertz")

    messages = write_all(Reading(SERIES, 1.0, AT), Reading(lab, 2.0, AT), Reading(SERIES, 3.0, AT))

    assert [(each.routing_key, each.measures) for each in messages] == [
        ("measures.device-vibrations", 2), ("measures.lab", 1),
    ]  # fmt: skip


def test_a_message_is_bounded_in_its_measures() -> None:
    messages = write_all(*[Reading(SERIES, 1.0, AT)] * (2 * MAX_MEASURES + 1))

    assert [message.measures for message in messages] == [MAX_MEASURES, MAX_MEASURES, 1]


def test_a_message_is_bounded_in_its_bytes() -> None:
    long = Series(experiment="e" * 64, measure="\U0001f321" * 64, sensor="\U0001f321" * 64, unit="\U0001f321" * 64)

    messages = write_all(*[Reading(long, 1.0, AT)] * MAX_MEASURES)

    assert len(messages) == 3
    assert all(len(message.body) <= MAX_BODY_BYTES for message in messages)
    assert sum(message.measures for message in messages) == MAX_MEASURES


def test_a_writer_that_has_finished_begins_anew() -> None:
    writer = MessageWriter(routing="measures")
    writer.add([Reading(SERIES, 1.0, AT)])
    writer.finish()

    assert writer.finish() == []


def test_ids_are_version_seven_and_carry_their_time() -> None:
    identifier = uuid.UUID(time_ordered_id(AT))

    assert (identifier.version, identifier.variant) == (7, uuid.RFC_4122)
    assert identifier.int >> 80 == AT // 1_000_000


@pytest.mark.parametrize("step", [1, 250, 1_000])
def test_ids_are_ordered_by_time_within_a_millisecond_too(step: int) -> None:
    ids = [time_ordered_id(at) for at in range(AT, AT + 2_000 * step, step)]

    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
