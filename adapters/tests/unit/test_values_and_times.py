import struct
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mymonit_adapters.times import SECOND, epoch_reader, find_zone, pattern_reader, rfc3339_reader
from mymonit_adapters.values import value_reader

BERLIN = find_zone("Europe/Berlin")


def reader(*, scale: str = "1", offset: str = "0", comma: bool = False, missing: frozenset[str] = frozenset(), **words: str):
    return value_reader(
        decimal_comma=comma,
        missing=missing,
        words={word: Decimal(value) for word, value in words.items()},
        scale=Decimal(scale),
        offset=Decimal(offset),
    )


def test_a_scale_gives_the_double_that_is_written_with_the_point_elsewhere() -> None:
    read = reader(scale="0.001")

    assert all(read(str(number)) == float(f"{number}e-3") for number in range(20_000))
    assert any(number * 0.001 != float(f"{number}e-3") for number in range(20_000))


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(-1000, 1000), st.decimals(-1000, 1000))
def test_a_scaled_value_is_rounded_once(value: Decimal, scale: Decimal, offset: Decimal) -> None:
    exact = Fraction(value) * Fraction(scale) + Fraction(offset) if abs(value.adjusted()) < 300 else Fraction(0)
    try:
        expected = exact.numerator / exact.denominator
        found = reader(scale=str(scale), offset=str(offset))(str(value))
    except (ValueError, OverflowError):
        return
    assert abs(value.adjusted()) >= 300 or found == expected


@pytest.mark.parametrize("text", ["1e-99999999999999999999", "0e999999", "-0", "5e-324", "1" * 300])
def test_strange_numbers_can_be_scaled(text: str) -> None:
    assert struct.pack(">d", reader(scale="2")(text)) == struct.pack(">d", 2 * float(text) + 0.0)


@pytest.mark.parametrize("text", ["12.5", "1.234,5", "12,5,1", "NaN"])
def test_with_a_decimal_comma_a_point_makes_it_no_number(text: str) -> None:
    assert reader(comma=True)("12,5") == 12.5
    with pytest.raises(ValueError, match="not a number with a decimal comma"):
        reader(comma=True)(text)


def test_words_have_a_meaning_and_missing_values_none() -> None:
    read = reader(scale="10", missing=frozenset({"", "-9999"}), open="1")

    assert [read(text) for text in ("open", " 3 ", "-9999", "")] == [1.0, 30.0, None, None]
    with pytest.raises(ValueError, match="not a number: 'ajar'"):
        read("ajar")


@pytest.mark.parametrize(
    ("unit", "text", "nanoseconds"),
    [
        ("epoch-s", "1649228400.123456789", 1_649_228_400_123_456_789),
        ("epoch-s", "1.6492284e9", 1_649_228_400_000_000_000),
        ("epoch-ms", "1649228400123.5", 1_649_228_400_123_500_000),
        ("epoch-us", "1649228400123456", 1_649_228_400_123_456_000),
        ("epoch-ns", " 1649228400123456789 ", 1_649_228_400_123_456_789),
        ("epoch-s", "0", 0),
    ],
)
def test_a_count_since_1970_is_exact(unit: str, text: str, nanoseconds: int) -> None:
    assert epoch_reader(unit)(text) == nanoseconds


@pytest.mark.parametrize("text", ["-1", "", "x", "1e30", "9223372037", "1.0000000001", "nan", "1_0", "١٢", "1.2.3", "."])
def test_what_is_no_time_since_1970_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no time since 1970|finer than|from 1970 to 2262"):
        epoch_reader("epoch-s")(text)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("2022-04-06T07:00:00Z", 1_649_228_400_000_000_000),
        ("2022-04-06t07:00:00.123456789z", 1_649_228_400_123_456_789),
        ("2022-04-06 09:00:00+02:00", 1_649_228_400_000_000_000),
        ("2022-04-06T09:00:00.5", 1_649_228_400_500_000_000),
        ("2022-03-27T01:59:59", 1_648_342_799_000_000_000),
        ("2022-03-27T03:00:00", 1_648_342_800_000_000_000),
    ],
)
def test_an_rfc_3339_time_is_exact(text: str, nanoseconds: int) -> None:
    assert rfc3339_reader(BERLIN)(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    ["2022-04-06T07:00:60Z", "2022-02-30T07:00:00Z", "2022-04-06T24:00:00Z", "2022-04-06T07:00:00+25:00", "1969-12-31T23:59:59Z"]
    + ["2022-04-06", "2022-04-06T07:00:00.1234567890Z", "2022-04-06T07:00:00", "0000-01-01T00:00:00Z", ""],
)
def test_what_is_no_rfc_3339_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no RFC 3339 time|from 1970 to 2262"):
        rfc3339_reader(None)(text)


@pytest.mark.parametrize("make", [rfc3339_reader, lambda zone, **rest: pattern_reader("%Y-%m-%dT%H:%M:%S", zone, **rest)])
def test_when_clocks_change_nothing_is_guessed(make) -> None:
    hour = 3_600_000_000_000
    with pytest.raises(ValueError, match="does not exist"):
        make(BERLIN, repeated=SECOND)("2022-03-27T02:30:00")
    with pytest.raises(ValueError, match="twice"):
        make(BERLIN)("2022-10-30T02:30:00")
    first, second = (make(BERLIN, repeated=which)("2022-10-30T02:30:00") for which in ("first", "second"))
    assert (first, second) == (1_667_089_800_000_000_000, 1_667_089_800_000_000_000 + hour)


def test_a_fixed_offset_has_no_summer() -> None:
    assert rfc3339_reader(find_zone("+01:00"))("2022-07-06T08:00:00") == rfc3339_reader(None)("2022-07-06T07:00:00Z")
