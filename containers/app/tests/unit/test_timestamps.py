from datetime import UTC, datetime, timedelta

import pytest

from my_monit.timestamps import LATEST, NANOSECONDS, BadTimestamp, from_number, from_rfc3339, to_rfc3339

SECOND = 1649228400


@pytest.mark.parametrize(
    ("literal", "nanoseconds"),
    [
        ("0", 0),
        ("-0", 0),
        ("-0.0", 0),
        ("0e9999", 0),
        ("1649228400", SECOND * NANOSECONDS),
        ("1649228400.5", SECOND * NANOSECONDS + 500_000_000),
        ("1649228400.123456789", SECOND * NANOSECONDS + 123_456_789),
        ("1649228400.000000001", SECOND * NANOSECONDS + 1),
        ("1649228400.100000000", SECOND * NANOSECONDS + 100_000_000),
        ("1.5e9", 1_500_000_000 * NANOSECONDS),
        ("1.5E+0000009", 1_500_000_000 * NANOSECONDS),
        ("16492284001e-1", SECOND * NANOSECONDS + 100_000_000),
        ("1.0000000000e3", 1000 * NANOSECONDS),
        ("1e-9", 1),
        ("9223372036.854775807", LATEST),
        ("9223372036.854775808", LATEST + 1),
        ("-1", -NANOSECONDS),
        ("-1.5", -1_500_000_000),
        ("-0.000000001", -1),
        ("-15e-1", -1_500_000_000),
    ],
)
def test_a_number_of_seconds_is_read_from_its_digits(literal: str, nanoseconds: int) -> None:
    assert from_number(literal) == nanoseconds


@pytest.mark.parametrize(
    "literal",
    ["1.0000000000", "1649228400.1234567890", "1e-10", "1.5e-9", "10e-10", "0e-10", "1e-9999", "0.0000000000"],
)
def test_more_than_nine_fraction_digits_are_refused_even_when_they_are_zeros(literal: str) -> None:
    with pytest.raises(BadTimestamp, match="nine fraction digits"):
        from_number(literal)


@pytest.mark.parametrize(
    "literal",
    ["1e19", "1e9999", "9" * 400, "9" * 5000, f"{'9' * 400}.5", "0e10000", f"1e{'9' * 5000}", f"-1e-{'9' * 5000}"],
)
def test_a_number_that_no_time_can_be_is_refused_without_computing_it(literal: str) -> None:
    with pytest.raises(BadTimestamp):
        from_number(literal)


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_a_number_is_no_time(literal: str) -> None:
    with pytest.raises(BadTimestamp, match="number of seconds"):
        from_number(literal)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2022-04-06T07:00:00Z", SECOND * NANOSECONDS),
        ("2022-04-06t07:00:00z", SECOND * NANOSECONDS),
        ("2022-04-06 07:00:00Z", SECOND * NANOSECONDS),
        ("2022-04-06T07:00:00+00:00", SECOND * NANOSECONDS),
        ("2022-04-06T07:00:00-00:00", SECOND * NANOSECONDS),
        ("2022-04-06T09:00:00+02:00", SECOND * NANOSECONDS),
        ("2022-04-06T01:30:00-05:30", SECOND * NANOSECONDS),
        ("2022-04-06T07:00:00.1Z", SECOND * NANOSECONDS + 100_000_000),
        ("2022-04-06T07:00:00.000000001z", SECOND * NANOSECONDS + 1),
        ("2022-04-06T09:00:00.123456789+02:00", SECOND * NANOSECONDS + 123_456_789),
        ("2024-02-29T00:00:00Z", 1709164800 * NANOSECONDS),
        ("2262-04-11T23:47:16.854775807Z", LATEST),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("1970-01-01T00:30:00+01:00", -1800 * NANOSECONDS),
    ],
)
def test_a_text_is_read_with_its_fraction_and_offset(text: str, nanoseconds: int) -> None:
    assert from_rfc3339(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2022-04-06",
        "2022-04-06T07:00Z",
        "2022-04-06T07:00:00",
        "2022-04-06T07:00:00.Z",
        "2022-04-06T07:00:00,5Z",
        "2022-04-06T07:00:00.1234567890Z",
        "2022-04-06T07:00:60Z",
        "2016-12-31T23:59:60Z",
        "2022-04-06T24:00:00Z",
        "2022-04-06T07:60:00Z",
        "2022-04-31T07:00:00Z",
        "2023-02-29T07:00:00Z",
        "2022-13-01T07:00:00Z",
        "0000-01-01T00:00:00Z",
        "2022-4-6T7:00:00Z",
        "20220406T070000Z",
        "2022-W14-3T07:00:00Z",
        "2022-04-06_07:00:00Z",
        "2022-04-06T07:00:00+2:00",
        "2022-04-06T07:00:00+0200",
        "2022-04-06T07:00:00+24:00",
        "2022-04-06T07:00:00+02:60",
        "2022-04-06T07:00:00ZZ",
        "2022-04-06T07:00:00Z\n",
        " 2022-04-06T07:00:00Z",
        "+2022-04-06T07:00:00Z",
        "٢٠٢٢-04-06T07:00:00Z",
        "2022-04-06T07:00:0٠Z",
        "2022-04-06T07:00:00.٥Z",
        "2022-04-06T07:00:00.5Z" + "Z" * 1_000_000,
        "1649228400",
        "now",
    ],
)
def test_a_text_that_is_not_rfc_3339_is_refused(text: str) -> None:
    with pytest.raises(BadTimestamp):
        from_rfc3339(text)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (SECOND * NANOSECONDS, "2022-04-06T07:00:00Z"),
        (SECOND * NANOSECONDS + 1, "2022-04-06T07:00:00.000000001Z"),
        (SECOND * NANOSECONDS + 120_000_000, "2022-04-06T07:00:00.12Z"),
        (LATEST, "2262-04-11T23:47:16.854775807Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_time_is_written_with_as_many_fraction_digits_as_needed(nanoseconds: int, text: str) -> None:
    assert to_rfc3339(nanoseconds) == text


def test_every_second_of_a_leap_day_is_written_as_the_standard_library_does() -> None:
    midnight = datetime(2024, 2, 29, tzinfo=UTC)
    for second in range(0, 86_400, 7):
        moment = midnight + timedelta(seconds=second)
        written = to_rfc3339(int(moment.timestamp()) * NANOSECONDS)
        assert written == moment.isoformat().replace("+00:00", "Z")
