"""What a device writes for a value, turned into the double that is sent. What is no number is never guessed."""

import math
from collections.abc import Callable, Mapping, Set
from decimal import ROUND_05UP, Context, Decimal

SHOWN_CHARS = 40  # of a rejected text

#: In which the written digits are scaled. A double has at most 767 digits that count; ROUND_05UP leaves a result that
#: is rounded to the same double as the exact one.
_EXACT = Context(prec=2_000, rounding=ROUND_05UP, traps=[])

DECIMAL_COMMA = str.maketrans(",.", ".,")  # a point then makes it no number, for it would mean thousands

ReadValue = Callable[[str], float | None]


def parse_number(text: str) -> float:
    """The nearest double. Raises ValueError with the reason."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"not a number: {shown(text)}") from None
    # float() takes 1_000, the digits of all scripts, and the words nan and inf.
    if math.isfinite(value) and "_" not in text and text.isascii():
        return value
    what = "too large for a number" if text.rstrip()[-1:].isdigit() and "_" not in text else "not a number"
    raise ValueError(f"{what}: {shown(text)}")


def shown(text: str) -> str:
    """Escaped, for an instrument's bytes must not steer a terminal."""
    return ascii(text[:SHOWN_CHARS]) + ("..." if len(text) > SHOWN_CHARS else "")


def value_reader(
    *, decimal_comma: bool, missing: Set[str], words: Mapping[str, Decimal], scale: Decimal, offset: Decimal
) -> ReadValue:
    """A function that gives the value, or None for a missing one; it raises ValueError with the reason."""
    read = parse_number if scale == 1 and offset == 0 else _scaled(scale, offset)
    if decimal_comma:
        read = _with_comma(read)
    if not missing and not words:
        return read
    meanings: dict[str, float | None] = {word: float(value) for word, value in words.items()}
    meanings.update(dict.fromkeys(missing))

    def read_word(text: str) -> float | None:
        word = text.strip()
        return meanings[word] if word in meanings else read(word)

    return read_word


def _scaled(scale: Decimal, offset: Decimal) -> Callable[[str], float]:
    def read(text: str) -> float:
        parse_number(text)  # what is no number by itself is none with a scale either
        value = float(_EXACT.fma(_EXACT.create_decimal(text.strip()), scale, offset))
        if math.isfinite(value):
            return value
        raise ValueError(f"too large for a number: {shown(text)}")

    return read


def _with_comma(read: Callable[[str], float]) -> Callable[[str], float]:
    def read_comma(text: str) -> float:
        try:
            return read(text.translate(DECIMAL_COMMA))
        except ValueError:
            raise ValueError(f"not a number with a decimal comma: {shown(text)}") from None

    return read_comma
