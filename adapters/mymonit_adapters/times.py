"""What a device writes for a time, turned into whole nanoseconds since 1970 (UTC). Nothing passes through a double."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Context, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from mymonit_adapters.table import one_of
from mymonit_adapters.values import DECIMAL_COMMA, shown

NANOSECONDS = 1_000_000_000
LATEST = 2**63 - 1  # 2262-04-11T23:47:16.854775807Z, the last that the repository can hold
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: Of the formats that count since 1970: the power of ten that makes nanoseconds of them.
EPOCH_UNITS = {"epoch-s": 9, "epoch-ms": 6, "epoch-us": 3, "epoch-ns": 0}
RFC_3339 = "rfc3339"

REJECT, FIRST, SECOND = "reject", "first", "second"
REPEATED_HOUR = (REJECT, FIRST, SECOND)  # what the hour is that clocks go through twice in autumn

_MINUTE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]((?:[01][0-9]|2[0-3]):[0-5][0-9]):", re.ASCII)
_MINUTE_CHARS = len("1970-01-01T00:00:")
_SECONDS = {f"{second:02d}": second * NANOSECONDS for second in range(60)}  # a leap second (:60) is not among them
_FRACTION_AND_OFFSET = re.compile(r"(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})?")
_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):([0-5][0-9])")
_EXACT = Context(prec=5_000)  # no line has more digits
_CACHED_MINUTES = 4_096  # readings come in runs, so the minute before is nearly always there
_MAX_DIGITS = 30  # of what is worth being counted with
_FRACTIONS = [10 ** (9 - digits) for digits in range(10)]
_LONGEST_HINT = 100  # there are hundreds of zones
_SAMPLE = datetime(2022, 11, 23, 14, 35, 47)

ReadTime = Callable[[str], int]  # raises ValueError with the reason


def find_zone(name: str) -> tzinfo:
    """Of a name such as Europe/Berlin, UTC, or an offset such as +01:00. Raises ValueError."""
    if name == "UTC":
        return UTC
    if _OFFSET.fullmatch(name):
        return _fixed_zone(name)
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        zones = sorted(available_timezones())
        hint = one_of(zones, name) if zones else "this machine has no time zones: install tzdata"
        hint = hint if len(hint) < _LONGEST_HINT else "names are those of the IANA list"
        raise ValueError(f"there is no zone {shown(name)}; {hint}") from error


def epoch_reader(unit: str, *, decimal_comma: bool = False) -> ReadTime:
    digits = EPOCH_UNITS[unit]
    scales = [10 ** (digits - count) for count in range(digits + 1)]

    def read(text: str) -> int:
        number = (text.translate(DECIMAL_COMMA) if decimal_comma else text).strip()
        whole, _, fraction = number.partition(".")
        if len(whole) <= _MAX_DIGITS and len(fraction) <= digits and (whole + fraction).isdigit() and text.isascii():
            nanoseconds = int(whole + fraction) * scales[len(fraction)]
        else:
            nanoseconds = _from_any_number(number, digits)
        return nanoseconds if nanoseconds <= LATEST else _in_range(nanoseconds, text)

    return read


def rfc3339_reader(zone: tzinfo | None, *, repeated: str = REJECT) -> ReadTime:
    """`zone` is that of times without an offset; None: there must be one."""

    @lru_cache(maxsize=_CACHED_MINUTES)
    def minute(text: str, offset: str) -> int:
        match = _MINUTE.fullmatch(text)
        if match is None:
            raise ValueError("it looks like 2022-04-06T07:00:00Z")
        local = datetime.fromisoformat(f"{match[1]} {match[2]}")
        if offset:
            return _nanoseconds(local.replace(tzinfo=UTC if offset in "Zz" else _fixed_zone(offset)))
        if zone is None:
            raise ValueError("it has no offset from UTC, and the configuration names no zone")
        return _nanoseconds(_with_zone(local, zone, repeated))  # clocks change at full minutes

    def read(text: str) -> int:
        text = text.strip()
        second, rest = _SECONDS.get(text[_MINUTE_CHARS : _MINUTE_CHARS + 2]), text[_MINUTE_CHARS + 2 :]
        match = _FRACTION_AND_OFFSET.fullmatch(rest)
        if second is None or match is None:
            raise ValueError(f"no RFC 3339 time: {shown(text)}")
        fraction, offset = match.groups("")
        try:
            begin = minute(text[:_MINUTE_CHARS], offset)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"no RFC 3339 time: {shown(text)}: {error}") from error
        nanoseconds = begin + second + (int(fraction) * _FRACTIONS[len(fraction)] if fraction else 0)
        return nanoseconds if 0 <= nanoseconds <= LATEST else _in_range(nanoseconds, text)

    return read


def pattern_reader(pattern: str, zone: tzinfo | None, *, repeated: str = REJECT) -> ReadTime:
    def read(text: str) -> int:
        try:
            local = datetime.strptime(text.strip(), pattern)
            aware = local if zone is None or local.tzinfo else _with_zone(local, zone, repeated)
            nanoseconds = _nanoseconds(aware)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"no time like {pattern}: {shown(text)}: {_short(error)}") from error
        return _in_range(nanoseconds, text)

    return read


def check_pattern(pattern: str) -> None:
    """Raises ValueError for a pattern that would leave a part of the time unsaid."""
    if "%Z" in pattern:
        raise ValueError("%Z is ambiguous (there are three CST): write the zone's letters as they are, and set zone")
    try:
        again = datetime.strptime(_SAMPLE.replace(tzinfo=UTC).strftime(pattern), pattern)
    except ValueError as error:
        raise ValueError(f"not a pattern that can be read: {_short(error)}") from error
    if again.date() != _SAMPLE.date():
        raise ValueError("the pattern does not say year, month and day")
    if again.hour not in (_SAMPLE.hour, 0):
        raise ValueError("%I needs %p: without it, two in the afternoon is two in the morning")


def _with_zone(local: datetime, zone: tzinfo, repeated: str) -> datetime:
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    before, after = first.utcoffset() or timedelta(), second.utcoffset() or timedelta()
    if before < after:
        raise ValueError("clocks were put forward over this time: it does not exist")
    if before > after and repeated == REJECT:
        raise ValueError("clocks were put back: it was there twice, and repeated_hour does not say which it is")
    return second if repeated == SECOND else first


def _fixed_zone(offset: str) -> tzinfo:
    match = _OFFSET.fullmatch(offset)
    if match is None:
        raise ValueError("there is no such offset from UTC")
    sign, hours, minutes = match.groups()
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(ahead if sign == "+" else -ahead)


def _from_any_number(text: str, digits: int) -> int:
    """Written with an exponent, or no number at all."""
    try:
        number = Decimal(text) if text.isascii() and "_" not in text else Decimal("NaN")
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite() or not -30 < number.adjusted() < 30 or number.is_signed():
        raise ValueError(f"no time since 1970: {shown(text)}")
    nanoseconds = number.scaleb(digits, _EXACT)
    if nanoseconds != int(nanoseconds):
        raise ValueError(f"finer than a nanosecond: {shown(text)}")
    return int(nanoseconds)


def _nanoseconds(aware: datetime) -> int:
    since = aware - EPOCH
    return (since.days * 86_400 + since.seconds) * NANOSECONDS + since.microseconds * 1_000


def _in_range(nanoseconds: int, text: str) -> int:
    if 0 <= nanoseconds <= LATEST:
        return nanoseconds
    raise ValueError(f"not from 1970 to 2262: {shown(text)}")


def _short(error: Exception) -> str:
    return ascii(str(error).partition(" data ")[0])[1:-1][:120]
