"""What holds for every body. PROPERTY_EXAMPLES are the examples of each property: see ./run-checks.sh properties."""

import json
import os
import random
import struct
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from my_monit.model import Reason
from my_monit.parsing import Parsed, diagnose, elements, parse
from my_monit.timestamps import NANOSECONDS, BadTimestamp, from_number, from_rfc3339, to_rfc3339

NOW = 1_700_000_000 * NANOSECONDS
EPOCH = datetime(1970, 1, 1)

every_time = settings(
    max_examples=int(os.environ.get("PROPERTY_EXAMPLES", "400")),
    deadline=None,  # the machine may be busy
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


class Sent(NamedTuple):
    """An element as written, and what must become of it: a reading's fields, or a reason."""

    text: str
    becomes: tuple[Any, ...] | Reason


def bits(value: float) -> bytes:
    return struct.pack(">d", value)


def nearest_double(literal: str) -> bytes | None:
    """Its bits, None when there is none. Dividing integers rounds correctly too, and is neither parser's code."""
    sign = -1.0 if literal.startswith("-") else 1.0
    try:
        return bits(sign * float(abs(Fraction(literal))))
    except OverflowError:
        return None


def becomes(parsed: Parsed) -> list[tuple[Any, ...] | Reason]:
    """What became of each element, comparable to the last bit: 0.0 == -0.0 would hide a changed sign."""
    found: dict[int, tuple[Any, ...] | Reason] = {}
    for element, one in parsed.readings:
        assert element not in found
        found[element] = (one.experiment, one.measure, one.sensor, one.unit, bits(one.value), one.time)
    for rejected in parsed.rejected:
        assert rejected.element is not None and rejected.element not in found
        found[rejected.element] = rejected.reason
    assert sorted(found) == list(range(len(found)))
    return [found[element] for element in sorted(found)]


def check_totality(body: bytes) -> None:
    parsed = parse(body, latest=NOW)
    thorough = diagnose(body, latest=NOW)
    assert parsed.rejected == thorough.rejected
    if any(rejected.element is None for rejected in parsed.rejected):
        assert not parsed.readings and len(parsed.rejected) == 1
        assert parsed.rejected[0].body == body
        return
    assert becomes(parsed) == becomes(thorough)
    raw = elements(body)
    assert len(raw) == len(becomes(parsed))
    assert all(rejected.body == raw[rejected.element or 0] for rejected in parsed.rejected)
    assert body == raw[0] or json.loads(b"[" + b",".join(raw) + b"]", strict=False) == json.loads(body, strict=False)


# How a good message can be written. What it says is drawn, how it is laid out comes from a seed, which is quicker.

layouts = st.integers(0, 2**32 - 1).map(random.Random)
names = st.one_of(
    st.sampled_from(["device-vibrations", "a", "x-0", "°C", "\\", '"', "hértz", "😀"]),
    st.text(alphabet="aZ09 -_.'\"\\/%{}[]<>:,µ°éß中\u0301😀", min_size=1, max_size=64),
)
digits = st.text(alphabet="0123456789", min_size=1, max_size=40)
signs = st.sampled_from(["", "-"])
whole_numbers = digits.map(lambda text: text.lstrip("0") or "0")
fractions = st.one_of(st.just(""), digits.map(lambda text: f".{text}"))
powers = st.tuples(st.sampled_from("eE"), st.sampled_from(["", "+", "-", "-0"]), st.integers(0, 400).map(str))
exponents = st.one_of(st.just(""), powers.map("".join))
number_literals = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.tuples(signs, whole_numbers, fractions, exponents).map("".join),
    st.sampled_from(["-0", "0.0", "9007199254740993", "1.7976931348623158e308", "1.7976931348623159e308", "9" * 400]),
)
moments = st.one_of(st.integers(0, NOW), st.integers(0, NOW // NANOSECONDS).map(lambda second: second * NANOSECONDS))
Fields = dict[str, str]  # as JSON


def quoted(text: str, layout: random.Random) -> str:
    if layout.random() < 0.9:
        return json.dumps(text, ensure_ascii=layout.random() < 0.5)
    units = text.encode("utf-16-be").hex()
    return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'


def joined(opening: str, parts: list[str], closing: str, layout: random.Random) -> str:
    gap = "".join(layout.choices(" \t\r\n", k=layout.choice((0, 0, 1, 2))))
    return f"{opening}{gap}{f'{gap},{gap}'.join(parts)}{gap}{closing}"


def written(fields: list[tuple[str, str]], layout: random.Random) -> str:
    pairs = [joined(quoted(name, layout), [":"], literal, layout) for name, literal in fields]
    return joined("{", layout.sample(pairs, len(pairs)), "}", layout)


def rfc3339(moment: int, *, offset: int) -> str:
    """The local time at a place so many minutes ahead of UTC."""
    local = EPOCH + timedelta(seconds=moment // NANOSECONDS, minutes=offset)
    zone = local.replace(tzinfo=timezone(timedelta(minutes=offset))).isoformat()[19:]
    return f"{local.isoformat()}.{moment % NANOSECONDS:09d}{zone}"


def timestamp(moment: int, layout: random.Random) -> str:
    seconds = Decimal(moment).scaleb(-9)
    ways = [f"{seconds:.9f}", f"{moment}e-9", f"{seconds:f}", f'"{to_rfc3339(moment)}"']
    ways += [f'"{rfc3339(moment, offset=layout.randint(-1439, 1439))}"']
    if moment % NANOSECONDS == 0:
        ways += [str(moment // NANOSECONDS)] * 3
    return layout.choice(ways)


@st.composite
def fields_and_reading(draw: st.DrawFn) -> tuple[Fields, tuple[Any, ...]]:
    layout, experiment, measure, moment = draw(layouts), draw(names), draw(names), draw(moments)
    sensor, unit = draw(st.one_of(st.just(""), names)), draw(st.one_of(st.none(), st.just(""), names))
    value = draw(number_literals.filter(nearest_double))
    fields = {"experiment": quoted(experiment, layout), "measure": quoted(measure, layout), "value": value}
    fields |= {"timestamp": timestamp(moment, layout)}
    fields |= {"sensor": quoted(sensor, layout)} if sensor else {}
    fields |= {"unit": quoted(unit, layout)} if unit is not None else {}
    return fields, (experiment, measure, sensor, unit, nearest_double(value), moment)


@st.composite
def good(draw: st.DrawFn) -> Sent:
    fields, reading = draw(fields_and_reading())
    return Sent(written([*fields.items()], draw(layouts)), reading)


# How a message can be bad.

not_strings = st.sampled_from(["1", "1.5", "null", "true", "[]", "{}", '["a"]'])
breakages = st.sampled_from(
    [
        ("value", "NaN", Reason.NON_FINITE),
        ("value", "-Infinity", Reason.NON_FINITE),
        ("value", "1e999", Reason.NON_FINITE),
        ("value", "9" * 400, Reason.OUT_OF_RANGE),
        ("value", "true", Reason.WRONG_TYPE),
        ("value", '"1"', Reason.WRONG_TYPE),
        ("value", "null", Reason.WRONG_TYPE),
        ("timestamp", "-1", Reason.BAD_TIMESTAMP),
        ("timestamp", "1700000001", Reason.BAD_TIMESTAMP),
        ("timestamp", "1.0000000000", Reason.BAD_TIMESTAMP),
        ("timestamp", '"now"', Reason.BAD_TIMESTAMP),
        ("timestamp", "NaN", Reason.BAD_TIMESTAMP),
        ("timestamp", "null", Reason.WRONG_TYPE),
        ("experiment", '""', Reason.WRONG_TYPE),
        ("experiment", f'"{"x" * 65}"', Reason.BAD_STRING),
        ("measure", "1", Reason.WRONG_TYPE),
        ("measure", '"\\u0000"', Reason.BAD_STRING),
        ("measure", '"\x7f"', Reason.BAD_STRING),
        ("sensor", '""', Reason.BAD_STRING),
        ("sensor", "null", Reason.WRONG_TYPE),
        ("unit", "null", Reason.WRONG_TYPE),
        ("unit", '"\\ud800"', Reason.BAD_STRING),
        ("unit", f'"{"😀" * 65}"', Reason.BAD_STRING),
        ("unit", "[" * 70 + "]" * 70, Reason.TOO_DEEP),
    ]
)


@st.composite
def bad(draw: st.DrawFn) -> Sent:
    fields, _ = draw(fields_and_reading())
    pairs, reason = draw(st.sampled_from([broken, missing, unknown, twice]))(draw, fields)
    return Sent(written(pairs, draw(layouts)), reason)


Bad = tuple[list[tuple[str, str]], Reason]


def broken(draw: st.DrawFn, fields: Fields) -> Bad:
    name, literal, reason = draw(breakages)
    return [*(fields | {name: literal}).items()], reason


def missing(draw: st.DrawFn, fields: Fields) -> Bad:
    name = draw(st.sampled_from(["experiment", "measure", "value", "timestamp"]))
    return [pair for pair in fields.items() if pair[0] != name], Reason.MISSING_FIELD


def unknown(draw: st.DrawFn, fields: Fields) -> Bad:
    name = draw(st.text(alphabet="a\0\"\\é\u2028😀", max_size=9))
    return [*fields.items(), (name, draw(not_strings))], Reason.UNKNOWN_FIELD


def twice(draw: st.DrawFn, fields: Fields) -> Bad:
    return [*fields.items(), draw(st.sampled_from([*fields.items()]))], Reason.DUP_KEY


no_objects = st.sampled_from(["1", "null", "true", '"{}"', "[]", "[{}]", "NaN"]).map(
    lambda text: Sent(text, Reason.NOT_OBJECT)
)
sent_elements = st.one_of(good(), bad(), no_objects)


def array(sent: list[Sent], layout: random.Random) -> bytes:
    return joined("[", [one.text for one in sent], "]", layout).encode()


pieces = [b'"', b"\\", b",", b"0", b"-0", b"e5", b".", b"[", b"}", b"\0", b"null", b'"value":1,']
junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["experiment", "measure", "value", "timestamp", "sensor", "unit", "x"]), inner, max_size=6
        ),
    ),
    max_leaves=20,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good body with a few pieces cut out, put in or moved."""
    sent = draw(st.lists(good(), min_size=1, max_size=3))
    body = array(sent, draw(layouts)) if len(sent) > 1 else sent[0].text.encode()
    for _ in range(draw(st.integers(1, 3))):
        start, end = sorted((draw(st.integers(0, len(body))), draw(st.integers(0, len(body)))))
        piece = draw(
            st.one_of(
                st.just(b""),
                st.just(body[start:end] * 2),
                st.binary(max_size=3),
                st.sampled_from(pieces),
            )
        )
        body = body[:start] + piece + body[draw(st.sampled_from((start, start + 1, end))) :]
    return body


@every_time
@given(good())
def test_a_good_object_is_read_to_the_last_bit_and_nanosecond(sent: Sent) -> None:
    assert becomes(parse(sent.text.encode(), latest=NOW)) == [sent.becomes]


@every_time
@given(st.lists(sent_elements, min_size=1, max_size=5), layouts)
def test_each_element_of_an_array_becomes_what_it_would_alone(sent: list[Sent], layout: random.Random) -> None:
    parsed = parse(array(sent, layout), latest=NOW)
    assert becomes(parsed) == [one.becomes for one in sent]
    assert all(rejected.body == sent[rejected.element or 0].text.encode() for rejected in parsed.rejected)


@every_time
@given(st.binary(max_size=200))
def test_any_bytes_come_out_whole_or_taken_apart(body: bytes) -> None:
    check_totality(body)


@every_time
@given(mutated())
def test_a_damaged_message_comes_out_whole_or_taken_apart(body: bytes) -> None:
    check_totality(body)


@every_time
@given(junk, st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-be"]))
def test_any_json_comes_out_whole_or_taken_apart(value: Any, ascii_only: bool, encoding: str) -> None:
    check_totality(json.dumps(value, ensure_ascii=ascii_only).encode(encoding, "surrogatepass"))


@every_time
@given(st.text(alphabet='{}[]":,\\ a0', max_size=300))
def test_any_brackets_come_out_whole_or_taken_apart(text: str) -> None:
    check_totality(text.encode())


@every_time
@given(number_literals)
def test_a_value_is_the_nearest_double_or_none(literal: str) -> None:
    body = f'{{"experiment":"a","measure":"m","timestamp":0,"value":{literal}}}'.encode()
    nearest = nearest_double(literal)
    too_large = Reason.OUT_OF_RANGE if literal.lstrip("-").isdigit() else Reason.NON_FINITE
    assert becomes(parse(body, latest=NOW)) == [("a", "m", "", None, nearest, 0) if nearest else too_large]


@every_time
@given(number_literals)
def test_a_number_of_seconds_is_exact_or_refused(literal: str) -> None:
    exact = Fraction(literal) * NANOSECONDS
    try:
        nanoseconds = from_number(literal)
    except BadTimestamp:
        _, _, exponent = Decimal(literal).as_tuple()
        assert isinstance(exponent, int)
        assert exponent < -9 or abs(exact) >= 10**19 or abs(exponent) > 9999
    else:
        assert nanoseconds == exact


@every_time
@given(st.integers(-(10**18), 2**63 - 1), st.integers(-1439, 1439))
def test_a_time_survives_being_written_and_read(moment: int, offset: int) -> None:
    assert from_rfc3339(to_rfc3339(moment)) == moment
    assert from_rfc3339(rfc3339(moment, offset=offset)) == moment
    assert len(to_rfc3339(moment).removesuffix("Z").partition(".")[2]) <= 9
    assert not to_rfc3339(moment).endswith(("0Z", ".Z")) or "." not in to_rfc3339(moment)


@every_time
@given(st.one_of(st.text(max_size=40), st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        nanoseconds = from_rfc3339(text)
    except BadTimestamp:
        return
    whole, zone = text[:19].upper(), text[19:].lstrip(".0123456789").upper()
    moment = datetime.fromisoformat(whole + zone)
    fraction = text[19 : len(text) - len(zone)].lstrip(".").ljust(9, "0")
    assert nanoseconds == (moment.replace(tzinfo=None) - (moment.utcoffset() or timedelta()) - EPOCH) // timedelta(
        seconds=1
    ) * NANOSECONDS + int(fraction)
