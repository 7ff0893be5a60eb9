"""The kinds of poison that the parser decides: see P01 to P36 in the fault matrix, whose numbers the ids bear."""

import gzip
import json
import math
import struct
import threading
from typing import Any

import pytest

from my_monit.exact_json import MAX_ELEMENTS
from my_monit.model import Reason
from my_monit.parsing import (
    MAX_BODY_BYTES,
    Reading,
    Rejected,
    diagnose,
    elements,
    parse,
    refuse_envelope,
    well_formed,
)
from my_monit.timestamps import LATEST, NANOSECONDS

NOW = 1_700_000_000 * NANOSECONDS
GOOD = {"experiment": "device-vibrations", "measure": "hertz", "value": 12.5, "timestamp": 1649228400}
GOOD_READING = Reading(experiment="device-vibrations", measure="hertz", value=12.5, time=1649228400 * NANOSECONDS)


def message(**changes: Any) -> bytes:
    """A good message but for the fields given; `...` leaves one out."""
    fields = {**GOOD, **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def with_literal(field: str, literal: str) -> bytes:
    """A good message in which a field is written in just this way."""
    return message(**{field: "@"}).replace(b'"@"', literal.encode())


def nested(opening: bytes, closing: bytes, *, levels: int = 100_000) -> bytes:
    return opening * levels + b"1" + closing * levels


def with_deep_value(**changes: Any) -> bytes:
    return message(**changes, value="@").replace(b'"@"', nested(b"[", b"]"))


def only_reading(body: bytes) -> Reading:
    parsed = parse(body, latest=NOW)
    assert parsed.rejected == []
    [(element, reading)] = parsed.readings
    assert element == 0
    return reading


def only_rejection(body: bytes) -> Rejected:
    parsed = parse(body, latest=NOW)
    assert parsed.readings == []
    [rejected] = parsed.rejected
    assert rejected.body == body
    return rejected


def only_reason(body: bytes) -> Reason:
    parsed = parse(body, latest=NOW)
    assert parsed.readings == []
    [rejected] = parsed.rejected
    assert rejected.body in body
    return rejected.reason


def bits(value: float) -> bytes:
    return struct.pack(">d", value)


NO_JSON = {
    "P01-empty": b"",
    "P02-white-space": b" \r\n\t ",
    "P03-four-bytes": b"\x00\x00\x00\x2a",
    "P03-a-double": struct.pack(">d", 12.5),
    "P03-high-bytes": b"\xde\xad\xbe\xef",
    "P03-gzip": gzip.compress(message()),
    "P03-msgpack": b"\x84\xaaexperiment\xa1a",
    "P04-truncated": message()[:-1],
    "P04-truncated-in-a-string": message()[:20],
    "P04-truncated-array": b"[" + message() + b",",
    "P04-trailing-comma": b"[" + message() + b",]",
    "P04-open-array": b"[",
    "P04-comma-in-front": b"[," + message() + b"]",
    "P05-trailing-text": message() + b"x",
    "P05-text-after-an-array": b"[" + message() + b"]x",
    "P05-nul-at-the-end": message() + b"\0",
    "P05-vertical-tab-at-the-end": message() + b"\v",
    "P05-no-break-space-in-front": "\xa0".encode() + message(),
    "P06-two-objects": message() + message(),
    "P06-two-lines": message() + b"\n" + message(),
    "P07-single-quotes": message().replace(b'"', b"'"),
    "a-number-that-starts-with-0": with_literal("value", "01"),
    "a-number-that-starts-with-a-point": with_literal("value", ".5"),
    "a-number-that-ends-with-a-point": with_literal("value", "5."),
    "a-number-with-a-plus": with_literal("value", "+5"),
    "a-comment": b"/* */" + message(),
    "an-unknown-escape": with_literal("measure", r'"\x41"'),
    "half-an-escape": b'{"experiment": "\\',
    "a-name-alone": b"hertz",
    "mismatched-brackets": b"[" + message() + b"}",
    "rubbish-after-a-byte-order-mark": b"\xef\xbb\xbfhello",
}


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON.keys())
def test_what_is_not_json_is_refused_whole(body: bytes) -> None:
    assert only_rejection(body) == Rejected(None, Reason.BAD_JSON, None, body)


BADLY_ENCODED = {
    "P08-latin-1": message(sensor="@").replace(b"@", "é".encode("latin-1")),
    "P08-overlong": message(sensor="@").replace(b"@", b"\xc0\x80"),
    "P08-encoded-surrogate": message(sensor="@").replace(b"@", b"\xed\xa0\x80"),
    "P08-cut-character": message()[:-1] + b"\xe2\x82",
    "P08-array": b" [" + message() + b',{"\xff": 1}]',
    "P09-utf-8-with-byte-order-mark": message().decode().encode("utf-8-sig"),
    **{f"P09-{name}": message().decode().encode(name) for name in ("utf-16", "utf-16-le", "utf-16-be")},
    **{f"P09-{name}": message().decode().encode(name) for name in ("utf-32", "utf-32-le", "utf-32-be")},
    "P09-utf-16-array": f" [{message().decode()}]".encode("utf-16-be"),
    "P09-utf-16-cut": message().decode().encode("utf-16-le")[:-1],
}


@pytest.mark.parametrize("body", BADLY_ENCODED.values(), ids=BADLY_ENCODED.keys())
def test_json_in_anything_but_utf_8_is_refused_whole(body: bytes) -> None:
    assert only_rejection(body) == Rejected(None, Reason.BAD_ENCODING, None, body)


@pytest.mark.parametrize("literal", ["null", "12.5", '"text"', "true", " null "])
def test_a_body_that_is_no_object_is_refused_as_its_own_element_p10(literal: str) -> None:
    body = literal.encode()
    assert only_rejection(body) == Rejected(0, Reason.NOT_OBJECT, None, body)


@pytest.mark.parametrize("body", [b"[]", b" [ \n] "])
def test_an_empty_array_is_refused_whole_p10(body: bytes) -> None:
    assert only_rejection(body) == Rejected(None, Reason.NOT_OBJECT, None, body)


def test_what_is_no_object_in_an_array_is_refused_alone_p10() -> None:
    parsed = parse(b'[1,"a" , ' + message() + b", null,[{}] ,true]", latest=NOW)
    assert parsed.readings == [(2, GOOD_READING)]
    assert parsed.rejected == [
        Rejected(0, Reason.NOT_OBJECT, None, b"1"),
        Rejected(1, Reason.NOT_OBJECT, None, b'"a"'),
        Rejected(3, Reason.NOT_OBJECT, None, b"null"),
        Rejected(4, Reason.NOT_OBJECT, None, b"[{}]"),
        Rejected(5, Reason.NOT_OBJECT, None, b"true"),
    ]


@pytest.mark.parametrize("one", [message(), b"1"])
def test_an_array_of_more_than_ten_thousand_elements_is_refused_whole_p10(one: bytes) -> None:
    body = b"[" + b",".join([one] * (MAX_ELEMENTS + 1)) + b"]"
    assert only_rejection(body).reason == Reason.TOO_LARGE
    assert only_rejection(body).element is None


@pytest.mark.parametrize("literal", ["1649228400", "1649228400.0", '"2022-04-06T07:00:00Z"'])
def test_an_array_of_ten_thousand_elements_is_read_p10(literal: str) -> None:
    parsed = parse(b"[" + b",".join([with_literal("timestamp", literal)] * MAX_ELEMENTS) + b"]", latest=NOW)
    assert parsed.rejected == []
    assert parsed.readings == [(element, GOOD_READING) for element in range(MAX_ELEMENTS)]


def test_an_array_of_ten_thousand_elements_of_which_one_is_bad_is_read_but_for_that_one_p10() -> None:
    bodies = [message()] * MAX_ELEMENTS
    bodies[1234] = message(value=None)
    parsed = parse(b"[" + b",".join(bodies) + b"]", latest=NOW)
    assert parsed.rejected == [Rejected(1234, Reason.WRONG_TYPE, "device-vibrations", bodies[1234])]
    assert [element for element, _ in parsed.readings] == [*range(1234), *range(1235, MAX_ELEMENTS)]


REFUSED = {
    "P11-value-twice": (Reason.DUP_KEY, message()[:-1] + b', "value": 2}'),
    "P11-twice-the-same": (Reason.DUP_KEY, message()[:-1] + b', "value": 12.5}'),
    "P11-timestamp-twice": (Reason.DUP_KEY, message()[:-1] + b', "timestamp": 1649228400.5}'),
    "P11-measure-twice": (Reason.DUP_KEY, message()[:-1] + b', "measure": "hertz"}'),
    "P11-sensor-twice": (Reason.DUP_KEY, message(sensor="a")[:-1] + b', "sensor": "b"}'),
    "P11-escaped-key": (Reason.DUP_KEY, message()[:-1] + b', "v\\u0061lue": 2}'),
    "P11-beside-an-escaped-quote": (Reason.DUP_KEY, message(sensor='"')[:-1] + b', "value": 2}'),
    "P11-beside-a-backslash": (Reason.DUP_KEY, message(sensor="\\")[:-1] + b', "value": 2}'),
    "P11-inside-the-value": (Reason.DUP_KEY, with_literal("value", '{"a": 1, "a": 2}')),
    "P11-deeper-inside": (Reason.DUP_KEY, with_literal("timestamp", '[{"a": [{"b": 1, "b": 2}]}]')),
    "P12-nan": (Reason.NON_FINITE, message(value=math.nan)),
    "P13-infinity": (Reason.NON_FINITE, message(value=math.inf)),
    "P13-minus-infinity": (Reason.NON_FINITE, message(value=-math.inf)),
    "P14-1e999": (Reason.NON_FINITE, with_literal("value", "1e999")),
    "P14-minus-1e999": (Reason.NON_FINITE, with_literal("value", "-1E+999")),
    "P14-400-digits-with-a-point": (Reason.NON_FINITE, with_literal("value", "9" * 400 + ".5")),
    "P14-huge-exponent": (Reason.NON_FINITE, with_literal("value", "1e" + "9" * 5000)),
    "P14-long-fraction-with-an-exponent": (Reason.NON_FINITE, with_literal("value", f"0.{'0' * 9990}1e100000")),
    "P15-true": (Reason.WRONG_TYPE, message(value=True)),
    "P15-false": (Reason.WRONG_TYPE, message(value=False)),
    "P16-string": (Reason.WRONG_TYPE, message(value="12.5")),
    "P17-null": (Reason.WRONG_TYPE, message(value=None)),
    "P18-array": (Reason.WRONG_TYPE, message(value=[12.5])),
    "P18-object": (Reason.WRONG_TYPE, message(value={"hertz": 12.5})),
    "P19-400-digits": (Reason.OUT_OF_RANGE, with_literal("value", "9" * 400)),
    "P19-minus-400-digits": (Reason.OUT_OF_RANGE, with_literal("value", "-" + "9" * 400)),
    "P20-5000-digits": (Reason.OUT_OF_RANGE, with_literal("value", "9" * 5000)),
    "P22-value": (Reason.TOO_DEEP, with_literal("value", nested(b"[", b"]").decode())),
    "P22-timestamp": (Reason.TOO_DEEP, with_literal("timestamp", nested(b"[ ", b" ]").decode())),
    "P22-objects-in-the-timestamp": (Reason.TOO_DEEP, with_literal("timestamp", nested(b'{"]":', b"}").decode())),
    "P22-unknown-field": (Reason.TOO_DEEP, message()[:-1] + b', "x": ' + nested(b'[{"\\"[":', b"}]") + b"}"),
    "P22-siblings": (Reason.TOO_DEEP, with_literal("value", nested(b'[[],{"a":[]},', b",[1]]").decode())),
    "P22-behind-an-escaped-quote": (Reason.TOO_DEEP, with_deep_value(measure='"')),
    "P22-behind-a-backslash": (Reason.TOO_DEEP, with_deep_value(measure="\\")),
    "P22-behind-both": (Reason.TOO_DEEP, with_deep_value(measure='\\"')),
    **{f"P23-without-{name}": (Reason.MISSING_FIELD, message(**{name: ...})) for name in GOOD},
    "P24-empty": (Reason.MISSING_FIELD, b"{}"),
    "P25-unknown-field": (Reason.UNKNOWN_FIELD, message(uint="Hz")),
    "P25-other-case": (Reason.UNKNOWN_FIELD, message(Value=1)),
    "P25-empty-key": (Reason.UNKNOWN_FIELD, message(**{"": 1})),
    "P25-instead-of-a-required-one": (Reason.UNKNOWN_FIELD, message(timestamp=..., time=1649228400)),
    "P25-ten-thousand": (Reason.UNKNOWN_FIELD, message(**{f"x{number}": number for number in range(10_000)})),
    **{
        f"P26-{name}-{literal}": (Reason.WRONG_TYPE, with_literal(name, literal))
        for name in ("experiment", "measure")
        for literal in ("1", "[]", '""', "null", "true", "{}", "NaN")
    },
    **{
        f"P26-{name}-{literal}": (Reason.WRONG_TYPE, with_literal(name, literal))
        for name in ("sensor", "unit")
        for literal in ("1", '["a"]', "null", "false", "{}")
    },
    **{
        f"P30-{literal[:30]}-{len(literal)}": (Reason.BAD_TIMESTAMP, with_literal("timestamp", literal))
        for literal in (
            "-1",
            "-0.000000001",
            "1700000000.000000001",  # one nanosecond more than allowed
            "1.7e12",
            "1700000000000",
            "9223372036.854775807",
            "9223372036.854775808",
            "18446744073709551616",
            "9" * 400,
            "9" * 5000,
            "1e999",
            "1e-10",
            "NaN",
            "Infinity",
            "1649228400.1234567890",
            "1649228400.0000000000",
            '"2022-04-06T07:00:00.1234567890Z"',
            '"2022-04-06T07:00:00"',
            '"2022-04-06 07:00:00"',
            '"2022-04-06"',
            '"2016-12-31T23:59:60Z"',
            '"1969-12-31T23:59:59Z"',
            '"2262-04-11T23:47:16.854775808Z"',
            '"1649228400"',
            '""',
            '"\\u0000"',
        )
    },
    **{
        f"P30-{literal}": (Reason.WRONG_TYPE, with_literal("timestamp", literal))
        for literal in ("null", "true", "[]", "{}", "[1649228400]")
    },
    **{
        f"P33-{what}-in-{name}": (Reason.BAD_STRING, message(**{name: f"a{text}b"}))
        for name in ("experiment", "measure", "sensor", "unit")
        for what, text in {
            "nul": "\0",
            "high-surrogate": "\ud800",
            "low-surrogate": "\udc00",
            "crlf": "\r\n",
            "escape": "\x1b[31m",
            "delete": "\x7f",
            "right-to-left-override": "\u202e",
            "line-separator": "\u2028",
            "no-break-space": "\xa0",
            "65-characters": "x" * 63,
            "1-mb": "x" * 1_000_000,
        }.items()
    },
    "P33-not-escaped-nul": (Reason.BAD_STRING, with_literal("measure", '"a\0b"')),
    "P33-not-escaped-crlf": (Reason.BAD_STRING, with_literal("measure", '"a\r\nb"')),
    "P33-not-escaped-right-to-left-override": (Reason.BAD_STRING, with_literal("measure", '"a\u202eb"')),
    "P33-not-escaped-delete": (Reason.BAD_STRING, with_literal("sensor", '"\x7f"')),
    "P33-65-emoji": (Reason.BAD_STRING, message(sensor="😀" * 65)),
    "P33-empty-sensor": (Reason.BAD_STRING, message(sensor="")),
}


@pytest.mark.parametrize(("reason", "body"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_object_is_refused_with_its_reason(reason: Reason, body: bytes) -> None:
    rejected = only_rejection(body)
    assert (rejected.element, rejected.reason) == (0, reason)


@pytest.mark.parametrize(("reason", "body"), REFUSED.values(), ids=REFUSED.keys())
def test_the_neighbours_of_a_bad_element_are_kept(reason: Reason, body: bytes) -> None:
    parsed = parse(b"[" + message() + b" ,\n" + body + b"\t, " + message() + b"]", latest=NOW)
    assert parsed.readings == [(0, GOOD_READING), (2, GOOD_READING)]
    [rejected] = parsed.rejected
    assert (rejected.element, rejected.reason, rejected.body) == (1, reason, body)


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        (Reason.UNKNOWN_FIELD, {"x": 1, "value": ...}),
        (Reason.MISSING_FIELD, {"measure": ..., "value": "1"}),
        (Reason.WRONG_TYPE, {"measure": "\0", "value": "1"}),
        (Reason.BAD_STRING, {"measure": "\0", "value": math.nan}),
        (Reason.NON_FINITE, {"value": math.nan, "timestamp": -1}),
    ],
)
def test_of_two_faults_the_coarser_one_is_given(reason: Reason, changes: dict[str, Any]) -> None:
    assert only_rejection(message(**changes)).reason == reason


def test_a_key_that_is_there_twice_is_found_before_any_other_fault() -> None:
    assert only_rejection(b'{"x": 1, "x": 2, "value": null}').reason == Reason.DUP_KEY


VALUES = {
    "P21-2**53+1": ("9007199254740993", 9007199254740992.0),
    "P21-2**53+1-with-a-point": ("9007199254740993.0", 9007199254740992.0),
    "P21-0.1+0.2": ("0.30000000000000004", 0.1 + 0.2),
    "P21-5e-324": ("5e-324", 5e-324),
    "P21-half-of-it": ("2.4703282292062327e-324", 0.0),
    "P21-more-than-half-of-it": ("2.4703282292062328e-324", 5e-324),
    "P21-1.797e308": ("1.797e308", 1.797e308),
    "P21-largest": ("1.7976931348623157e308", 1.7976931348623157e308),
    "P21-zero": ("0", 0.0),
    "P21-minus-0.0": ("-0.0", -0.0),
    "P21-minus-0": ("-0", -0.0),
    "P21-minus-0e5": ("-0e5", -0.0),
    "P21-minus-1e-400": ("-1e-400", -0.0),
    "P21-integer": ("12", 12.0),
    "P21-2**64": ("18446744073709551616", 2.0**64),
    "P21-2**64-1": ("18446744073709551615", 2.0**64),
    "P21-minus-2**63-1": ("-9223372036854775809", -(2.0**63)),
    "P21-300-digits": ("9" * 300, 1e300),
    "P21-long-fraction": (f"0.{'0' * 99_999}1e100000", 1.0),
    "P21-long-integer": (f"1{'0' * 20_000}e-20000", 1.0),
    "P21-long-integer-of-nearly-nothing": (f"{'9' * 9990}e-100000", 0.0),
}


@pytest.mark.parametrize(("literal", "stored"), VALUES.values(), ids=VALUES.keys())
@pytest.mark.parametrize("ending", ["}", " }", ', "unit": "Hz"}', "\n}"])
def test_a_value_is_stored_as_the_nearest_double(literal: str, stored: float, ending: str) -> None:
    body = f'{{"experiment": "a-0", "measure": "hertz", "timestamp": 0, "value": {literal}{ending}'.encode()
    assert bits(only_reading(body).value) == bits(stored)
    parsed = parse(b"[" + message() + b"," + body + b"," + message() + b"]", latest=NOW)
    assert [bits(reading.value) for _, reading in parsed.readings] == [bits(12.5), bits(stored), bits(12.5)]


TIMES = {
    "P30-zero": ("0", 0),
    "P30-minus-zero": ("-0", 0),
    "P30-whole-seconds": ("1649228400", 1_649_228_400_000_000_000),
    "P30-nine-fraction-digits": ("1649228400.123456789", 1_649_228_400_123_456_789),
    "P30-one-fraction-digit": ("1649228400.0", 1_649_228_400_000_000_000),
    "P30-exponent": ("1.6492284e9", 1_649_228_400_000_000_000),
    "P30-negative-exponent": ("1649228400123e-3", 1_649_228_400_123_000_000),
    "P30-newest": ("1700000000", NOW),
    "P30-newest-with-a-fraction": ("1700000000.000000000", NOW),
    "P30-text": ('"2022-04-06T07:00:00Z"', 1_649_228_400_000_000_000),
    "P30-text-with-an-offset": ('"2022-04-06T12:30:00.000000001+05:30"', 1_649_228_400_000_000_001),
    "P30-text-with-an-escape": ('"2022\\u002d04-06T07:00:00Z"', 1_649_228_400_000_000_000),
}


@pytest.mark.parametrize(("literal", "nanoseconds"), TIMES.values(), ids=TIMES.keys())
def test_a_timestamp_is_exact_to_the_nanosecond(literal: str, nanoseconds: int) -> None:
    body = with_literal("timestamp", literal)
    assert only_reading(body).time == nanoseconds
    assert diagnose(body, latest=NOW) == parse(body, latest=NOW)
    parsed = parse(b"[" + message() + b"," + body + b"," + message() + b"]", latest=NOW)
    assert [reading.time for _, reading in parsed.readings] == [GOOD_READING.time, nanoseconds, GOOD_READING.time]


@pytest.mark.parametrize("latest", [LATEST, LATEST + 1, 2**80])
def test_the_last_time_of_all_is_in_2262_whatever_the_clock_says(latest: int) -> None:
    last = with_literal("timestamp", "9223372036.854775807")
    too_late = with_literal("timestamp", "9223372036.854775808")
    assert parse(last, latest=latest).readings[0][1].time == LATEST
    assert parse(too_late, latest=latest).rejected == [Rejected(0, Reason.BAD_TIMESTAMP, "device-vibrations", too_late)]


ODD_STRINGS = {
    "P34-sql": "x'; DROP TABLE MEASURES; --",
    "P34-script": "<script>alert(1)</script>",
    "P34-jinja": "{{ 7 * 7 }}",
    "P34-format": "{0.__class__}",
    "P34-percent": "%s%n",
    "P34-jndi": "${jndi:ldap://x}",
    "P29-space": "HERTZ ",
    "P29-accent": "h\xe9rtz",
    "P29-combining-accent": "he\u0301rtz",
    "quotes": '"a" and \\ and \\"',
    "one-backslash": "\\",
    "64-characters": "x" * 64,
    "64-emoji": "\U0001f600" * 64,
}


@pytest.mark.parametrize("text", ODD_STRINGS.values(), ids=ODD_STRINGS.keys())
@pytest.mark.parametrize("ascii_only", [True, False])
def test_odd_but_printable_strings_are_passed_on_unharmed(text: str, ascii_only: bool) -> None:
    fields = {**GOOD, "experiment": text, "measure": text, "sensor": text, "unit": text}
    reading = only_reading(json.dumps(fields, ensure_ascii=ascii_only).encode())
    assert (reading.experiment, reading.measure, reading.sensor, reading.unit) == (text,) * 4


def test_an_absent_sensor_is_empty_and_an_absent_unit_is_none() -> None:
    assert only_reading(message()) == GOOD_READING
    assert (GOOD_READING.sensor, GOOD_READING.unit) == ("", None)


def test_an_empty_unit_is_passed_on_since_only_the_measure_type_tells_its_symbol() -> None:
    assert only_reading(message(unit="")).unit == ""


def test_a_body_of_four_mib_is_read_p31() -> None:
    body = message().ljust(MAX_BODY_BYTES)
    assert only_reading(body) == GOOD_READING
    assert refuse_envelope(None, None, None, len(body)) is None


@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"timestamp": ', b"}]"), (b'{"":[ ', b"]}")]
)
def test_a_body_of_nothing_but_depth_is_too_deep_closed_or_not_p22(opening: bytes, closing: bytes) -> None:
    assert only_reason(nested(opening, closing)) == Reason.TOO_DEEP
    assert only_reason(nested(opening, b"")) == Reason.TOO_DEEP


@pytest.mark.parametrize("levels", [1, 61, 62, 63, 64, 65, 66, 200])
def test_depth_is_counted_from_the_outside_and_not_inside_strings_p22(levels: int) -> None:
    expected = Reason.WRONG_TYPE if levels < 64 else Reason.TOO_DEEP  # the object itself is a level
    value = nested(b"[", b"]", levels=levels).decode()
    assert only_rejection(with_literal("value", value)).reason == expected
    one_more = Reason.WRONG_TYPE if levels < 63 else Reason.TOO_DEEP
    with_siblings = nested(b"[[],", b"]", levels=levels).decode()
    assert only_rejection(with_literal("value", with_siblings)).reason == one_more
    in_company = f'[{value}, "{"[" * 100}", [1], {value}]'
    assert only_rejection(with_literal("value", in_company)).reason == one_more


def test_a_string_full_of_brackets_is_not_deep_p22() -> None:
    assert only_reading(message(sensor="[" * 64)).sensor == "[" * 64
    assert only_rejection(message(sensor='"[' * 50_000)).reason == Reason.BAD_STRING


def test_depth_needs_little_stack_p22() -> None:
    """An eighth of what a thread usually has: recursion that nothing stops would end the process, not the test."""
    reasons: list[Reason] = []
    bodies = [nested(b"[", b"]"), nested(b'{"timestamp":', b"}"), with_literal("timestamp", "[" * 100_000)]
    before = threading.stack_size(1024 * 1024)
    try:
        thread = threading.Thread(target=lambda: reasons.extend(map(only_reason, bodies)))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join(timeout=60)
    assert reasons == [Reason.TOO_DEEP] * 3


@pytest.mark.parametrize(
    ("content_type", "content_encoding", "type_", "size", "reason"),
    [
        pytest.param(None, None, None, 0, None, id="P32-nothing"),
        pytest.param("application/json", None, "measure.v1", MAX_BODY_BYTES, None, id="P31-P32-all-that-is-allowed"),
        pytest.param("text/plain", None, None, 1, Reason.BAD_CONTENT_TYPE, id="P32-text"),
        pytest.param("", None, None, 1, Reason.BAD_CONTENT_TYPE, id="P32-empty"),
        pytest.param("application/json; charset=latin-1", None, None, 1, Reason.BAD_CONTENT_TYPE, id="P32-charset"),
        pytest.param("application/JSON", None, None, 1, Reason.BAD_CONTENT_TYPE, id="P32-case"),
        pytest.param(b"\xff", None, None, 1, Reason.BAD_CONTENT_TYPE, id="P35-content-type-not-utf-8"),
        pytest.param(None, "gzip", None, 1, Reason.BAD_CONTENT_TYPE, id="P32-gzip"),
        pytest.param(None, "identity", None, 1, Reason.BAD_CONTENT_TYPE, id="P32-identity"),
        pytest.param(None, "", None, 1, Reason.BAD_CONTENT_TYPE, id="P32-empty-encoding"),
        pytest.param(None, b"\xff", None, 1, Reason.BAD_CONTENT_TYPE, id="P35-content-encoding-not-utf-8"),
        pytest.param(None, None, "measure.v2", 1, Reason.UNKNOWN_VERSION, id="version-2"),
        pytest.param(None, None, "", 1, Reason.UNKNOWN_VERSION, id="empty-version"),
        pytest.param(None, None, b"\xff", 1, Reason.UNKNOWN_VERSION, id="P35-version-not-utf-8"),
        pytest.param(None, None, None, MAX_BODY_BYTES + 1, Reason.TOO_LARGE, id="P31-one-byte-more"),
        pytest.param(None, None, None, 15 * 2**20, Reason.TOO_LARGE, id="P31-15-mib"),
    ],
)
def test_the_envelope_is_refused_with_its_reason(
    content_type: str | bytes | None,
    content_encoding: str | bytes | None,
    type_: str | bytes | None,
    size: int,
    reason: Reason | None,
) -> None:
    assert refuse_envelope(content_type, content_encoding, type_, size) == reason


@pytest.mark.parametrize("name", ["a", "0", "device-vibrations", "A_b-9", "x" * 64])
def test_a_rejection_names_the_experiment_that_it_is_about(name: str) -> None:
    assert well_formed(name) == name
    assert only_rejection(message(experiment=name, value=None)).experiment == name


@pytest.mark.parametrize("name", ["", "-a", "_a", "a b", "a\n", "é", "x" * 65, "a.b", 1, None, ["a"], {}])
def test_a_rejection_names_no_experiment_that_cannot_be_one(name: Any) -> None:
    assert well_formed(name) is None
    assert only_rejection(message(experiment=name, value=None)).experiment is None


def test_a_rejection_names_no_experiment_when_there_are_two() -> None:
    assert only_rejection(b'{"experiment": "a", ' + message()[1:]).experiment is None
    assert only_rejection(b'{"value": 1, ' + message()[1:]).experiment == "device-vibrations"


def test_elements_are_cut_out_of_a_body_as_they_are() -> None:
    bodies = [message(), message(sensor="\xe9 \U0001f600, ]"), b"1", b'{ "a" :[ ]}']
    assert elements(b"\n[ " + b"\t,\r\n".join(bodies) + b" ] ") == bodies
    assert elements(b" " + message() + b"\n") == [b" " + message() + b"\n"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sensor": "north-04", "unit": "Hz"},
        {"unit": "\xb0C"},
        {"sensor": "a \"b\" \\"},
        {"value": 0, "sensor": "x-0"},
        {"value": -0.5},
        {"timestamp": 1649228400.123},
        {"timestamp": 0},
        {"timestamp": 1700000000},
        {"timestamp": "2022-04-06T07:00:00.5+02:00"},
    ],
)
def test_good_messages_take_the_quick_way(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The thorough way is twenty times as slow, and says the same."""
    body = b"[" + b", ".join([message(), message(**changes), message(**changes)] * 100) + b"]"
    thorough = diagnose(body, latest=NOW)
    monkeypatch.setattr("my_monit.parsing.read_elements", None)
    assert parse(body, latest=NOW) == thorough
    assert only_reading(message(**changes)) == thorough.readings[1][1]
