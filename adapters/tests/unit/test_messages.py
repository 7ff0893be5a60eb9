import json
import struct
import uuid
from decimal import Decimal

import pytest
from mymonit_adapters.ids import time_ordered_id
from mymonit_adapters.messages import MessageWriter, decimal_seconds
from mymonit_adapters.model import Reading, Series

AT = 1_649_228_400_123_456_789
SERIES = Series(experiment="device-vibrations", measure="hertz")


def write(value: float, time: int, series: Series = SERIES):
    return MessageWriter(routing="measures").write(Reading(series, value, time))


def test_a_message_holds_the_four_fields_and_goes_to_its_experiment() -> None:
    message = write(12.5, AT)

    assert message.routing_key == "measures.device-vibrations"
    assert message.created == 1_649_228_400
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


def test_ids_are_version_seven_and_carry_their_time() -> None:
    identifier = uuid.UUID(time_ordered_id(AT))

    assert (identifier.version, identifier.variant) == (7, uuid.RFC_4122)
    assert identifier.int >> 80 == AT // 1_000_000


@pytest.mark.parametrize("step", [1, 250, 1_000])
def test_ids_are_ordered_by_time_within_a_millisecond_too(step: int) -> None:
    ids = [time_ordered_id(at) for at in range(AT, AT + 2_000 * step, step)]

    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
