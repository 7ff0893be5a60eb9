"""Bytes to readings and reasons: total, pure, exact. Every element of a body comes out once, read or refused.

`parse` reads what is right in one pass of msgspec; whatever that or a doubt stops goes to `diagnose`, which reads with
the standard library alone and decides. On what `parse` accepts by itself, both say the same.
"""

import math
import re
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec

from my_monit.exact_json import MAX_ELEMENTS, Element, Refused, read_elements
from my_monit.model import Reason
from my_monit.timestamps import LATEST, NANOSECONDS, BadTimestamp, from_number, from_rfc3339

MAX_BODY_BYTES = 4 * 2**20
#: Code points of any string.
MAX_STRING_LENGTH = 64
#: See _has_long_literal: longer than any string that is accepted, less than half of a number that msgspec gets wrong.
_WINDOW_BYTES = 4096

_REQUIRED = frozenset({"experiment", "measure", "value", "timestamp"})
_STRINGS = frozenset({"experiment", "measure", "sensor", "unit"})
_FIELDS = _REQUIRED | _STRINGS
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_BACKSLASH, _DELETE = b"\\\x7f"
#: An integer, which msgspec reads as 0.0.
_MINUS_ZERO = re.compile(rb"-0[ \t\n\r,}]")

# What JSON says first: an int, a str, or the bytes of the literal where that is no integer.
if TYPE_CHECKING:
    _AsWritten = int
else:
    _AsWritten = Any

_Text = Annotated[str, msgspec.Meta(max_length=MAX_STRING_LENGTH)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_STRING_LENGTH)]


class Reading(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One measurement as sent: names not yet looked up, `sensor` '' when absent, `time` in nanoseconds since 1970.

    It is also what msgspec decodes into, because copying 10,000 of them costs more than decoding them.
    """

    experiment: _Name
    measure: _Name
    sensor: _Name = ""
    unit: _Text | None = None
    value: float
    time: _AsWritten = msgspec.field(name="timestamp")


class Rejected(NamedTuple):
    """What cannot be read, raw. `experiment` is a well-formed name that it gives, not necessarily a known one.

    `element` is its index in an array, 0 for a body that is no array, None for a whole message that cannot be taken
    apart.
    """

    element: int | None
    reason: Reason
    experiment: str | None
    body: bytes


class Parsed(msgspec.Struct, frozen=True, gc=False):
    readings: list[tuple[int, Reading]]  # each with the index of its element
    rejected: list[Rejected]


# The hook is only asked where the type says nothing, which is in times: they never become doubles.
_decode = msgspec.json.Decoder(Reading | list[Reading], float_hook=str.encode).decode


def refuse_envelope(
    content_type: str | bytes | None, content_encoding: str | bytes | None, type_: str | bytes | None, size: int
) -> Reason | None:
    """Why a message is refused before its body is looked at; bytes are a property that is not UTF-8."""
    if content_type not in (None, "application/json") or content_encoding is not None:
        return Reason.BAD_CONTENT_TYPE
    if type_ not in (None, "measure.v1"):
        return Reason.UNKNOWN_VERSION
    return Reason.TOO_LARGE if size > MAX_BODY_BYTES else None


def well_formed(name: object) -> str | None:
    """The name itself, if an experiment may bear it."""
    return name if isinstance(name, str) and _WELL_FORMED.fullmatch(name) else None


def parse(body: bytes, *, latest: int) -> Parsed:
    """Takes any bytes and never raises. `latest` is the newest time that a measure may have, in ns since 1970."""
    limit = latest if latest < LATEST else LATEST  # min() costs more
    try:
        message = _decode(body)
        readings = message if isinstance(message, list) else [message]
        if 0 < len(readings) <= MAX_ELEMENTS and _is_as_sent(readings, body, *_set_times(readings, limit)):
            return Parsed([*enumerate(readings)], [])
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass  # diagnose finds out why
    return diagnose(body, latest=latest)


def _set_times(readings: list[Reading], limit: int) -> tuple[int, bool]:
    """Make times nanoseconds; how many quotes such readings are written with, and whether a value is zero."""
    quotes = 2 * 6 * len(readings)
    has_zero = False
    for reading in readings:
        written: object = reading.time
        if isinstance(written, int) and not isinstance(written, bool):
            time = written * NANOSECONDS
        elif isinstance(written, bytes):
            time = from_number(written.decode())
        elif isinstance(written, str):
            time = from_rfc3339(written)
            quotes += 2
        else:
            raise BadTimestamp("a time is a number or a string")
        if not 0 <= time <= limit:
            raise BadTimestamp("a time is from 1970 to now")
        reading.time = time
        if reading.sensor:
            quotes += 4
        if reading.unit is not None:
            quotes += 4
        has_zero = has_zero or not reading.value
    return quotes, has_zero


def _is_as_sent(readings: list[Reading], body: bytes, quotes: int, has_zero: bool) -> bool:
    """False when msgspec may have let through what is refused, or changed a value.

    Each key and string has two quotes. If there are more, a key was there twice (the last one won) or a unit was null.
    """
    escaped = _BACKSLASH in body
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"") if escaped else body
    if unescaped.count(b'"') != quotes:
        return False
    if has_zero and _MINUS_ZERO.search(body):
        return False
    if len(body) >= _WINDOW_BYTES and _has_long_literal(body):
        return False
    # Without these three, no string can hold anything but printable ASCII.
    if escaped or _DELETE in body or not body.isascii():
        return all(map(_is_printable, readings))
    return True


def _is_printable(reading: Reading) -> bool:
    return (reading.experiment + reading.measure + reading.sensor + (reading.unit or "")).isprintable()


def _has_long_literal(body: bytes) -> bool:
    """Whether there may be a number that fills a whole window.

    From some 9,600 digits on, msgspec gets those wrong that have an exponent of more than five digits.
    """
    for start in range(0, len(body) - _WINDOW_BYTES + 1, _WINDOW_BYTES):
        if body.find(b'"', start, start + _WINDOW_BYTES) < 0:
            return True
    return False


def diagnose(body: bytes, *, latest: int) -> Parsed:
    """What `parse` says, found element by element."""
    limit = min(latest, LATEST)
    parsed = Parsed([], [])
    try:
        found = read_elements(body)
    except Refused as refused:
        parsed.rejected.append(Rejected(None, refused.reason, None, body))
        return parsed
    for index, element in enumerate(found):
        try:
            parsed.readings.append((index, _reading(element, limit)))
        except Refused as refused:
            parsed.rejected.append(Rejected(index, refused.reason, _experiment(element), element.text.encode()))
    return parsed


def elements(body: bytes) -> list[bytes]:
    """The raw bytes of each element, of a body in which `parse` has found a reading."""
    return [element.text.encode() for element in read_elements(body)]


def _reading(element: Element, limit: int) -> Reading:
    fields = element.value
    if element.too_deep:
        raise Refused(Reason.TOO_DEEP)
    if not isinstance(fields, dict):
        raise Refused(Reason.NOT_OBJECT)
    if element.duplicates:
        raise Refused(Reason.DUP_KEY)
    if fields.keys() - _FIELDS:
        raise Refused(Reason.UNKNOWN_FIELD)
    if _REQUIRED - fields.keys():
        raise Refused(Reason.MISSING_FIELD)
    strings = {name: fields[name] for name in _STRINGS & fields.keys()}
    _check_types(fields, strings)
    if strings.get("sensor") == "" or not all(map(_is_sound, strings.values())):
        raise Refused(Reason.BAD_STRING)
    return Reading(value=_value(fields["value"]), time=_time(fields["timestamp"], limit), **strings)


def _check_types(fields: dict[str, Any], strings: dict[str, Any]) -> None:
    if not (
        all(isinstance(string, str) for string in strings.values())
        and strings["experiment"]
        and strings["measure"]
        and isinstance(fields["value"], bytes)
        and isinstance(fields["timestamp"], bytes | str)
    ):
        raise Refused(Reason.WRONG_TYPE)


def _is_sound(string: str) -> bool:
    return len(string) <= MAX_STRING_LENGTH and string.isprintable()


def _value(literal: bytes) -> float:
    value = float(literal)
    if math.isfinite(value):
        return value
    raise Refused(Reason.OUT_OF_RANGE if literal.lstrip(b"-").isdigit() else Reason.NON_FINITE)


def _time(written: bytes | str, limit: int) -> int:
    try:
        time = from_number(written.decode()) if isinstance(written, bytes) else from_rfc3339(written)
    except BadTimestamp as error:
        raise Refused(Reason.BAD_TIMESTAMP) from error
    if not 0 <= time <= limit:
        raise Refused(Reason.BAD_TIMESTAMP)
    return time


def _experiment(element: Element) -> str | None:
    """The experiment that an element names, if it names only one."""
    if not isinstance(element.value, dict) or "experiment" in element.duplicates:
        return None
    return well_formed(element.value.get("experiment"))
