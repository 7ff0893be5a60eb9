import math
import struct
import tracemalloc

import pytest
from mymonit_adapters.formats.text import MAX_LINE_BYTES, TextFormat
from mymonit_adapters.instrument import plain_instrument
from mymonit_adapters.model import MAX_RAW_BYTES, Chunk, Reading, Reject, Series


SERIES = Series(experiment="lab", measure="hertz")


def read(*chunks: bytes) -> list[Reading | Reject]:
    instrument = plain_instrument("text", TextFormat, SERIES)
    entries = instrument.entries(Chunk(data, 1_000 * number) for number, data in enumerate(chunks))
    return [item for entry in entries for item in (*entry.readings, *entry.rejects)]


def reading(value: float, time: int) -> Reading:
    return Reading(SERIES, value, time)


def bits(value: float) -> bytes:
    return struct.pack(">d", value)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"12.5", 12.5),
        (b"  7\t", 7.0),
        (b"+3", 3.0),
        (b"-0", -0.0),
        (b".5", 0.5),
        (b"+.5e1", 5.0),
        (b"5.", 5.0),
        (b"1E-3", 0.001),
        (b"0012", 12.0),
        (b"12.5\r", 12.5),
        (b"5e-324", 5e-324),
        (b"1.797e308", 1.797e308),
        (b"9007199254740993", 9007199254740992.0),
        (b"0.1", 0.1),
        (b"\xef\xbb\xbf12.5", 12.5),
    ],
)
def test_a_number_as_devices_write_it_becomes_the_nearest_double(line: bytes, value: float) -> None:
    (item,) = read(line + b"\n")

    assert isinstance(item, Reading)
    assert bits(item.value) == bits(value)


@pytest.mark.parametrize(
    "line",
    [
        b"abc",
        b"12,5",
        b"1 2",
        b"1_000",
        b"0x10",
        b"1e",
        b".",
        b"-",
        b"nan",
        b"NaN",
        b"inf",
        b"-Infinity",
        b"1e999",
        b"9" * 400,
        b"12.5\x00",
        b"\xff\xfe1\x00",
        "١٢".encode(),
        b"12.5 Hz",
        b"1\r2",
    ],
)
def test_what_is_no_finite_number_is_rejected_with_its_line_number(line: bytes) -> None:
    before, reject, after = read(b"1\n" + line + b"\n2\n")

    assert (before, after) == (reading(1.0, 0), reading(2.0, 2))
    assert isinstance(reject, Reject)
    assert reject.number == 2


def test_a_rejected_line_is_shown_without_what_could_steer_a_terminal() -> None:
    (reject,) = read(b"\x1b[31mred\x07\xff\n")

    assert isinstance(reject, Reject)
    assert reject.reason == r"not a number: '\x1b[31mred\x07\ufffd'"


def test_a_long_rejected_line_is_shown_in_part() -> None:
    (reject,) = read(b"x" * 1_000 + b"\n")

    assert isinstance(reject, Reject)
    assert len(reject.reason) < 100


def test_empty_lines_are_skipped_and_counted_as_lines() -> None:
    assert read(b"\n  \n\r\nx\n") == [Reject(4, "not a number: 'x'", b"x")]


def test_a_byte_order_mark_is_none_in_later_lines() -> None:
    assert [type(item) for item in read(b"1\n\xef\xbb\xbf2\n")] == [Reading, Reject]


def test_a_last_line_without_a_newline_is_a_line() -> None:
    assert read(b"1\n2") == [reading(1.0, 0), reading(2.0, 1)]


def test_a_reading_is_there_before_the_next_line_is() -> None:
    def endless():
        yield Chunk(b"1\n", 5)
        raise AssertionError("asked for more before the first reading was given")

    (first,) = next(plain_instrument("text", TextFormat, SERIES).entries(endless())).readings
    assert first == reading(1.0, 5)


def test_a_line_of_ten_megabytes_is_rejected_once_and_fills_no_memory() -> None:
    part = b"1" * 65_536
    tracemalloc.start()

    items = read(b"1\n", *[part] * 160, b"\n2\n")

    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [item.number for item in items if isinstance(item, Reject)] == [2]
    assert [item.value for item in items if isinstance(item, Reading)] == [1.0, 2.0]
    assert peak_bytes < 1_000_000


def test_the_longest_line_is_still_read() -> None:
    digits = b"0." + b"1" * (MAX_LINE_BYTES - 2)

    (number, reject) = read(digits + b"\n" + digits + b"1\n")

    assert isinstance(number, Reading)
    assert math.isclose(number.value, 0.1111111111111111)
    assert reject == Reject(2, f"longer than {MAX_LINE_BYTES} bytes", digits[:MAX_RAW_BYTES])
