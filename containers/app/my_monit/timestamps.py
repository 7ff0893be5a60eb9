"""Times as whole nanoseconds since 1970-01-01T00:00:00Z. Nothing here passes through a double."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

NANOSECONDS = 1_000_000_000
LATEST = 2**63 - 1  # 2262-04-11T23:47:16.854775807Z, the last that a signed 64-bit column holds

MAX_FRACTION_DIGITS = 9
_SCALES: list[int] = [10 ** (MAX_FRACTION_DIGITS - digits) for digits in range(MAX_FRACTION_DIGITS + 1)]
# Longer literals cannot be a time that is stored, and are refused before any big-integer arithmetic.
_MAX_DIGITS = len(str(LATEST))
_MAX_EXPONENT_DIGITS = 4

_NUMBER = re.compile(r"(-?)([0-9]++)(?:\.([0-9]++))?(?:[eE]([+-]?)0*+([0-9]*+))?")
_MINUTE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([01][0-9]|2[0-3]):([0-5][0-9]):")
_MINUTE_CHARS = len("1970-01-01T00:00:")
_FRACTION_AND_OFFSET = re.compile(r"(?:\.([0-9]{1,9}))?(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))")
_MINUTE_NANOSECONDS = 60 * NANOSECONDS
_SECOND_TEXTS = [f"{second:02d}" for second in range(60)]
_SECONDS = {text: second for second, text in enumerate(_SECOND_TEXTS)}  # a leap second (:60) is not among them
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY_MINUTES = 24 * 60
_CACHED_MINUTES = 4096  # 0.5 MB; measures come in runs, so the minute before is nearly always there


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_MICROSECOND = 1000


class BadTimestamp(ValueError):
    pass


def from_moment(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * _NS_PER_MICROSECOND


def to_moment(nanoseconds: int) -> datetime:
    """The first moment of whole microseconds that is not before; raises BadTimestamp beyond the year 9999."""
    try:
        return _EPOCH + timedelta(microseconds=-(-nanoseconds // _NS_PER_MICROSECOND))
    except OverflowError as error:
        raise BadTimestamp(nanoseconds) from error


def from_number(literal: str) -> int:
    """Nanoseconds of a JSON number of seconds, exactly; its range is the caller's to check.

    Raises BadTimestamp when a digit would stand for less than a nanosecond, even a zero.
    """
    whole, _, fraction = literal.partition(".")
    if len(whole) < _MAX_DIGITS and len(fraction) <= MAX_FRACTION_DIGITS and fraction.isdigit():
        return int(whole + fraction) * _SCALES[len(fraction)]
    return _from_any_number(literal)


def _from_any_number(literal: str) -> int:
    match = _NUMBER.fullmatch(literal)
    if match is None:
        raise BadTimestamp("a time is a number of seconds since 1970")
    sign, whole, fraction, exponent_sign, exponent = match.groups(default="")
    if len(exponent) > _MAX_EXPONENT_DIGITS:
        raise BadTimestamp("the exponent of a time is too large: write the seconds out")
    zeros = MAX_FRACTION_DIGITS - len(fraction) + int(f"{exponent_sign}0{exponent}")
    if zeros < 0:
        raise BadTimestamp("a time has at most nine fraction digits")
    digits = (whole + fraction).lstrip("0")
    if digits and len(digits) + zeros > _MAX_DIGITS:
        raise BadTimestamp("a time is a number of seconds, from 1970 to 2262")
    return int(sign + digits + "0" * zeros) if digits else 0


def from_rfc3339(text: str) -> int:
    """Nanoseconds of an RFC 3339 time, negative before 1970; its range is the caller's to check.

    Raises BadTimestamp. A space or t may stand for the T, z for the Z; an offset is required.
    """
    second = _SECONDS.get(text[_MINUTE_CHARS : _MINUTE_CHARS + 2])
    if second is None:
        raise BadTimestamp("a time looks like 2022-04-06T07:00:00Z")
    seconds = _minute(text[:_MINUTE_CHARS]) * 60 + second
    rest = text[_MINUTE_CHARS + 2 :]
    return seconds * NANOSECONDS + (0 if rest == "Z" else _fraction_and_offset(rest))


@lru_cache(maxsize=_CACHED_MINUTES)
def _minute(text: str) -> int:
    match = _MINUTE.fullmatch(text)
    if match is None:
        raise BadTimestamp("a time looks like 2022-04-06T07:00:00Z")
    day, hours, minutes = match.groups()
    try:
        days = date.fromisoformat(day).toordinal() - _EPOCH_DAY
    except ValueError as error:
        raise BadTimestamp("a time needs a day that exists") from error
    return days * _DAY_MINUTES + int(hours) * 60 + int(minutes)


def _fraction_and_offset(text: str) -> int:
    match = _FRACTION_AND_OFFSET.fullmatch(text)
    if match is None:
        raise BadTimestamp("a time ends in at most nine fraction digits and Z or an offset such as +02:00")
    fraction, sign, hours, minutes = match.groups()
    nanoseconds = int(fraction) * _SCALES[len(fraction)] if fraction else 0
    if sign is None:
        return nanoseconds
    # What is two hours ahead of UTC happened two hours earlier in UTC.
    ahead = (int(hours) * 60 + int(minutes)) * _MINUTE_NANOSECONDS
    return nanoseconds + (ahead if sign == "-" else -ahead)


def to_rfc3339(nanoseconds: int) -> str:
    """UTC with Z and as many fraction digits as needed, none for a whole second."""
    seconds, fraction = divmod(nanoseconds, NANOSECONDS)
    return second_text(seconds) + (f".{fraction:09d}".rstrip("0") if fraction else "") + "Z"


def second_text(seconds: int) -> str:
    """The beginning of an RFC 3339 time, up to the seconds."""
    minute, second = divmod(seconds, 60)
    return _minute_text(minute) + _SECOND_TEXTS[second]


@lru_cache(maxsize=_CACHED_MINUTES)
def _minute_text(minute: int) -> str:
    days, minutes = divmod(minute, _DAY_MINUTES)
    return f"{date.fromordinal(days + _EPOCH_DAY).isoformat()}T{minutes // 60:02d}:{minutes % 60:02d}:"
