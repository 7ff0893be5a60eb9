import math

SHOWN_CHARS = 40  # of a rejected text


def parse_number(text: str) -> float:
    """The nearest double. Raises ValueError with the reason."""
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError("not a number") from error
    # float() takes 1_000, the digits of all scripts, and the words nan and inf.
    if math.isfinite(value) and "_" not in text and text.isascii():
        return value
    raise ValueError("too large for a number" if text.rstrip()[-1:].isdigit() and "_" not in text else "not a number")


def shown(text: str) -> str:
    """Escaped, for an instrument's bytes must not steer a terminal."""
    return ascii(text[:SHOWN_CHARS]) + ("..." if len(text) > SHOWN_CHARS else "")
