"""Poison messages: each is stored or quarantined with its reason, and the next good message is stored."""

import gzip
import json
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import pika
import pytest

from my_monit.messaging.properties import UNREADABLE
from my_monit.model import Reason
from my_monit.settings import RabbitConfiguration
from tests.integration.lane import FIRST, Lane, body_of, reading
from tests.integration.log_lines import LogLines
from tests.integration.publisher import Account, Publisher

MEBIBYTE = 2**20


class Poison(NamedTuple):
    body: bytes
    reason: Reason
    properties: dict[str, Any] = {}
    key: str = "measures"


def raw(value: str = "12.5", timestamp: str = str(FIRST)) -> bytes:
    """A message whose value or timestamp is written just so."""
    text = f'{{"experiment": "device-vibrations", "measure": "hertz", "value": {value}, "timestamp": {timestamp}}}'
    return text.encode()


def padded(size: int) -> bytes:
    """A good message made this long by white space."""
    body = body_of()
    return body + b" " * (size - len(body))


def poisons() -> Iterator[tuple[str, Poison]]:
    yield "P01-empty-body", Poison(b"", Reason.BAD_JSON)
    yield "P02-white-space", Poison(b" \t\r\n ", Reason.BAD_JSON)
    yield "P03-gzip", Poison(gzip.compress(body_of(), mtime=0), Reason.BAD_JSON)
    yield "P03-four-bytes", Poison(b"\x00\xde\xad\xbe", Reason.BAD_JSON)
    yield "P04-truncated", Poison(body_of()[:-1], Reason.BAD_JSON)
    yield "P05-trailing-text", Poison(body_of() + b"x", Reason.BAD_JSON)
    yield "P06-two-objects", Poison(body_of() * 2, Reason.BAD_JSON)
    yield "P07-single-quotes", Poison(body_of().replace(b'"', b"'"), Reason.BAD_JSON)
    yield "P08-invalid-utf-8", Poison(body_of(sensor="x").replace(b'"x"', b'"\xff\xfe"'), Reason.BAD_ENCODING)
    yield "P09-utf-16", Poison(body_of().decode().encode("utf-16"), Reason.BAD_ENCODING)
    yield "P09-utf-32", Poison(body_of().decode().encode("utf-32"), Reason.BAD_ENCODING)
    yield "P09-byte-order-mark", Poison(b"\xef\xbb\xbf" + body_of(), Reason.BAD_ENCODING)
    for name, body in (("null", b"null"), ("number", b"1"), ("string", b'"x"'), ("empty-array", b"[]")):
        yield f"P10-{name}", Poison(body, Reason.NOT_OBJECT)
    yield "P10-array-of-arrays", Poison(b"[[]]", Reason.NOT_OBJECT)
    yield "P10-10001-elements", Poison(b"[" + b",".join([body_of()] * 10_001) + b"]", Reason.TOO_LARGE)
    yield "P11-duplicate-key", Poison(raw('1, "value": 2'), Reason.DUP_KEY)
    yield "P12-nan", Poison(raw("NaN"), Reason.NON_FINITE)
    yield "P13-infinity", Poison(raw("Infinity"), Reason.NON_FINITE)
    yield "P13-minus-infinity", Poison(raw("-Infinity"), Reason.NON_FINITE)
    yield "P14-1e999", Poison(raw("1e999"), Reason.NON_FINITE)
    for name, value in (("P15-true", "true"), ("P15-false", "false"), ("P16-string", '"12.5"'), ("P17-null", "null")):
        yield name, Poison(raw(value), Reason.WRONG_TYPE)
    for name, value in (("P18-array", "[1]"), ("P18-object", "{}")):
        yield name, Poison(raw(value), Reason.WRONG_TYPE)
    yield "P19-400-digits", Poison(raw("9" * 400), Reason.OUT_OF_RANGE)
    yield "P20-5000-digits", Poison(raw("9" * 5000), Reason.OUT_OF_RANGE)
    yield "P22-100000-deep", Poison(b"[" * 100_000, Reason.TOO_DEEP)
    yield "P22-100000-deep-value", Poison(raw("[" * 100_000 + "]" * 100_000), Reason.TOO_DEEP)
    for field in ("experiment", "measure", "value", "timestamp"):
        yield f"P23-without-{field}", Poison(body_of(**{field: ...}), Reason.MISSING_FIELD)
    yield "P24-without-any", Poison(b"{}", Reason.MISSING_FIELD)
    yield "P25-unknown-field", Poison(body_of(vaule=1), Reason.UNKNOWN_FIELD)
    yield "P25-ten-thousand-fields", Poison(
        json.dumps({**reading(), **{f"f{number}": number for number in range(10_000)}}).encode(), Reason.UNKNOWN_FIELD
    )
    for field in ("experiment", "measure"):
        for name, value in (("int", 1), ("list", ["x"]), ("empty", ""), ("null", None)):
            yield f"P26-{field}-{name}", Poison(body_of(**{field: value}), Reason.WRONG_TYPE)
    yield "P27-unknown-experiment", Poison(body_of(experiment="nowhere"), Reason.UNKNOWN_EXPERIMENT)
    yield "P27-case-of-experiment", Poison(body_of(experiment="Device-Vibrations"), Reason.UNKNOWN_EXPERIMENT)
    yield "P28-unknown-measure", Poison(body_of(measure="parsec"), Reason.UNKNOWN_MEASURE)
    for name, measure in (("case", "HERTZ"), ("trailing-blank", "hertz "), ("accent", "hértz"), ("wide", "ｈertz")):
        yield f"P29-{name}", Poison(body_of(measure=measure), Reason.UNKNOWN_MEASURE)
    yield "P29-wrong-unit", Poison(body_of(unit="kHz"), Reason.WRONG_UNIT)
    yield "P29-unit-case", Poison(body_of(unit="HZ"), Reason.WRONG_UNIT)
    for name, time in (
        ("negative", "-1"), ("milliseconds", "1.7e12"), ("year-2300", "10413792000"), ("beyond-64-bits", "9223372037"),
        ("nan", "NaN"), ("ten-digits", "1649228400.1234567891"), ("ten-zeros", "1649228400.0000000000"),
        ("no-offset", '"2022-04-06T07:00:00"'), ("leap-second", '"2016-12-31T23:59:60Z"'), ("empty", '""'),
        ("no-such-day", '"2022-02-30T00:00:00Z"'), ("exponent", "1e400"), ("huge-exponent", "1e999999999"),
        ("tomorrow-and-a-day", "9000000000"), ("date-alone", '"2022-04-06"'),
    ):
        yield f"P30-{name}", Poison(raw(timestamp=time), Reason.BAD_TIMESTAMP)
    yield "P30-null", Poison(raw(timestamp="null"), Reason.WRONG_TYPE)
    yield "P31-one-byte-too-many", Poison(padded(4 * MEBIBYTE + 1), Reason.TOO_LARGE)
    yield "P31-15-mebibytes", Poison(padded(15 * MEBIBYTE), Reason.TOO_LARGE)
    for name, properties in (
        ("text", {"content_type": "text/plain"}), ("charset", {"content_type": "application/json; charset=utf-8"}),
        ("empty", {"content_type": ""}), ("case", {"content_type": "Application/JSON"}),
        ("gzip", {"content_encoding": "gzip"}), ("identity", {"content_encoding": "identity"}),
        ("bytes", {"content_type": b"\xff"}),
    ):
        yield f"P32-{name}", Poison(body_of(), Reason.BAD_CONTENT_TYPE, properties)
    for version in ("measure.v2", "", b"\xff"):
        yield f"P32-version-{version!r}", Poison(body_of(), Reason.UNKNOWN_VERSION, {"type": version})
    for name, string in (
        ("nul", "a\0b"), ("half-a-character", "\ud800"), ("crlf", "a\r\nSet-Cookie: x"), ("escape", "\x1b[31mred"),
        ("right-to-left", "a\u202eb"), ("line-separator", "a\u2028b"), ("mebibyte", "x" * MEBIBYTE), ("del", "\x7f"),
    ):
        for field in ("experiment", "measure", "sensor", "unit"):
            yield f"P33-{field}-{name}", Poison(body_of(**{field: string}), Reason.BAD_STRING)
    yield "P33-empty-sensor", Poison(body_of(sensor=""), Reason.BAD_STRING)
    for number, name in enumerate((
        "'; DROP TABLE MEASURES; --", "1 OR 1=1", "<script>alert(1)</script>", "{{7*7}}", "{0.__class__}", "%s%n%d",
        "${jndi:ldap://x/a}", "../../etc/passwd", "$(reboot)", "\\u0000", "device-vibrations\\",
    )):
        yield f"P34-{number}", Poison(body_of(experiment=name), Reason.UNKNOWN_EXPERIMENT)
    yield "P36-another-experiment", Poison(body_of(), Reason.FORBIDDEN, {}, "measures.black-holes")
    yield "P36-no-experiment", Poison(body_of(), Reason.FORBIDDEN, {}, "measures.nowhere")
    yield "P36-unknown-experiment", Poison(body_of(experiment="nowhere"), Reason.FORBIDDEN, {}, "measures.black-holes")


POISONS = dict(poisons())


@pytest.mark.parametrize("kind", POISONS)
def test_a_poison_is_quarantined_whole_and_the_next_message_is_stored(
    lane: Lane, log_lines: LogLines, kind: str
) -> None:
    poison = POISONS[kind]

    lane.send(poison.body, key=poison.key, properties=pika.BasicProperties(message_id=kind, **poison.properties))
    lane.settle()

    (refused,) = lane.refused()
    assert refused.reason == poison.reason
    if refused.element is None or not poison.body.startswith(b"["):
        assert refused.body == poison.body
    assert (refused.message_id, refused.routing_key) == (kind.encode(), poison.key.encode())
    assert refused.headers["message_id"] == kind
    assert lane.stored() == []
    assert not {char for char in log_lines.text if char < " "} - {"\n"}


@pytest.mark.parametrize(
    "written",
    [
        "9007199254740993", "0.30000000000000004", "5e-324", "2.2250738585072011e-308", "1.7976931348623157e308",
        "-0.0", "-0", "0", "1e-400", "123456789012345678901234567890", "1E+2", "0.1", "-1.5e-7",
    ],
)
def test_p21_a_value_is_stored_as_its_nearest_double(lane: Lane, written: str) -> None:
    lane.send(raw(written))
    lane.settle()

    (stored,) = lane.stored()
    assert struct.pack(">d", stored.value) == struct.pack(">d", float(written))
    assert lane.refused() == []


@pytest.mark.parametrize(
    ("written", "nanoseconds"),
    [
        ("0", 0), ("0.000000001", 1), ("1649228400.123456789", 1_649_228_400_123_456_789),
        ("1.649228400123456789e9", 1_649_228_400_123_456_789), ("1649228400.1", 1_649_228_400_100_000_000),
        ('"2022-04-06T09:00:00.000000001+02:00"', 1_649_228_400_000_000_001),
        ('"2022-04-06t07:00:00z"', 1_649_228_400_000_000_000), ('"1970-01-01T00:00:00Z"', 0),
    ],
)
def test_p30_a_time_is_stored_to_the_nanosecond(lane: Lane, written: str, nanoseconds: int) -> None:
    lane.send(raw(timestamp=written))
    lane.settle()

    assert [stored.time for stored in lane.stored()] == [nanoseconds]


def test_p31_a_body_of_four_mebibytes_is_stored(lane: Lane) -> None:
    lane.send(padded(4 * MEBIBYTE))
    lane.settle()

    assert len(lane.stored()) == 1


def test_p31_what_the_broker_refuses_the_publisher_sees(
    lane: Lane, rabbit_configuration: RabbitConfiguration, adapter: Account
) -> None:
    publisher = Publisher(rabbit_configuration, adapter)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as refusal:
        publisher(padded(16 * MEBIBYTE + 1))
    publisher.close()

    assert refusal.value.reply_code == 406
    lane.settle()
    assert lane.stored() == lane.refused() == []


@pytest.mark.parametrize("content_type", [None, "application/json"])
@pytest.mark.parametrize("version", [None, "measure.v1"])
def test_p32_what_says_that_it_is_json_or_nothing_is_stored(
    lane: Lane, content_type: str | None, version: str | None
) -> None:
    lane.send(body_of(), properties=pika.BasicProperties(content_type=content_type, type=version))
    lane.settle()

    assert len(lane.stored()) == 1


class Headers(pika.BasicProperties):
    """Properties whose table of headers is these very bytes."""

    def __init__(self, table: bytes) -> None:
        super().__init__()
        self.table = table

    def encode(self) -> list[bytes]:
        flags = pika.BasicProperties.FLAG_HEADERS | pika.BasicProperties.FLAG_MESSAGE_ID
        content_type = pika.BasicProperties.FLAG_CONTENT_TYPE | pika.BasicProperties.FLAG_DELIVERY_MODE
        return [
            struct.pack(">H", flags | content_type), _short(b"application/json"), struct.pack(">I", len(self.table)),
            self.table, b"\x02", _short(b"hostile"),
        ]


def _short(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def header(kind: bytes, value: bytes) -> bytes:
    return _short(b"x") + kind + value


def arrays(depth: int) -> bytes:
    value = b"V"
    for _ in range(depth):
        value = b"A" + struct.pack(">I", len(value)) + value
    return _short(b"x") + value


def tables(depth: int) -> bytes:
    value = b"V"
    for _ in range(depth):
        entry = _short(b"x") + value
        value = b"F" + struct.pack(">I", len(entry)) + entry
    return _short(b"x") + value


HEADERS = {
    "none": b"",
    "a thousand": b"".join(_short(b"h%d" % number) + b"t\x01" for number in range(1000)),
    "fifty kilobytes": header(b"S", struct.pack(">I", 50_000) + b"x" * 50_000),
    "the same twice": header(b"V", b"") + header(b"t", b"\x01"),
    "a name that is not utf-8": _short(b"\xff\xfe") + b"V",
    "a string that is not utf-8": header(b"S", struct.pack(">I", 3) + b"\xff\x00\x1b"),
    "a date beyond the calendar": header(b"T", struct.pack(">Q", 2**63)),
    "the year 10000": header(b"T", struct.pack(">Q", 253_402_300_800)),
    "the least decimal": header(b"D", b"\xff" + struct.pack(">i", -(2**31))),
    "the largest number": header(b"l", struct.pack(">Q", 2**64 - 1)),
    "arrays 100 deep": arrays(100),
    "arrays 900 deep": arrays(900),
    "arrays 3000 deep": arrays(3000),
    "tables 400 deep": tables(400),
    "tables 3000 deep": tables(3000),
    "a forged death": _short(b"x-death") + b"S" + struct.pack(">I", 1) + b"x",
    "a forged delivery count": _short(b"x-delivery-count") + b"l" + struct.pack(">q", 10**9),
    "a forged delivery count of another type": _short(b"x-delivery-count") + b"S" + struct.pack(">I", 2) + b"20",
}


@pytest.mark.parametrize("kind", HEADERS)
def test_p35_headers_decide_nothing_and_are_kept(lane: Lane, kind: str) -> None:
    lane.send(body_of(), b"rubbish", properties=Headers(HEADERS[kind]))
    lane.settle()

    (stored,), (refused,) = lane.stored(), lane.refused()
    assert stored.value == 12.5
    assert (refused.reason, refused.message_id) == (Reason.ID_CONFLICT, b"hostile")
    if "cut_from_bytes" in refused.headers:
        assert f'"{UNREADABLE}": ' in refused.headers["begins_with"]
        return
    assert refused.headers["content_type"] == "application/json"
    assert refused.headers["headers"].keys() if HEADERS[kind] else not refused.headers["headers"]
    if "beyond" in kind or "000 deep" in kind:
        assert refused.headers["headers"].keys() == {UNREADABLE}


def test_p35_headers_that_are_too_many_are_cut_and_say_so(lane: Lane) -> None:
    # The broker takes no more than 128 KiB of them, a frame; as JSON they may be six times as long.
    lane.send(b"[1, 2]", properties=Headers(header(b"S", struct.pack(">I", 120_000) + b"x" * 120_000)))
    lane.settle()

    first, second = lane.refused()
    assert first.headers["cut_from_bytes"] == second.headers["cut_from_bytes"] > 120_000
    assert len(first.headers["begins_with"]) > 30_000 > 250 > len(second.headers["begins_with"])
    assert '"content_type": "application/json"' in second.headers["begins_with"]


@pytest.mark.parametrize(
    "message_id", [b"x" * 255, b"\xff\xfe" * 100, "é".encode() * 127, b"\x00\r\n\x1b", b"' OR 1=1"]
)
def test_p35_an_id_is_any_bytes(lane: Lane, message_id: bytes) -> None:
    for _ in range(2):
        lane.send(body_of(), properties=pika.BasicProperties(message_id=message_id))
    lane.send(body_of(value=1), properties=pika.BasicProperties(message_id=message_id))
    lane.settle()

    assert len(lane.stored()) == 1
    (refused,) = lane.refused()
    assert (refused.reason, refused.message_id) == (Reason.ID_CONFLICT, message_id)


def test_p35_a_publisher_cannot_use_up_the_ids_of_another(lane: Lane, adapter: Account) -> None:
    lane.send(body_of(value=1), properties=pika.BasicProperties(message_id="one", user_id=adapter.user))
    lane.send(body_of(value=2), properties=pika.BasicProperties(message_id="one"))
    lane.settle()

    assert [(stored.value, stored.publisher) for stored in lane.stored()] == [(1, adapter.user), (2, "measures")]


@pytest.mark.parametrize("key", [b"\xff" * 255, b"measures." + b"\xfe" * 246, b"", b"measures.x.y", b"x" * 255, b"#"])
def test_p35_a_routing_key_is_any_bytes(
    lane: Lane, rabbit_configuration: RabbitConfiguration, broker_administrator: Account, key: bytes
) -> None:
    publisher = Publisher(rabbit_configuration, broker_administrator)
    publisher(body_of(), key=key)
    publisher.close()
    lane.settle()

    (refused,) = lane.refused()
    assert (refused.reason, refused.routing_key, refused.publisher) == (Reason.FORBIDDEN, key, b"")
