"""JSON of any bytes, element by element, without a double, a guess or a stack overflow in it.

Strict where `json` is lax (encodings, duplicate keys, depth), and as it is otherwise: a body must be JSON as a whole,
but for control characters in strings, NaN and Infinity, which are told apart from rubbish by whoever asks for a value.
"""

import json
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, NamedTuple

from my_monit.model import Reason

MAX_ELEMENTS = 10_000
#: Levels of brackets. A valid array needs two; the standard library's parser is recursive and must stay far from
#: the end of any thread's stack.
MAX_DEPTH = 64

_WHITE_SPACE = " \t\n\r"
_OPEN = re.compile(r"[ \t\n\r]*+\[[ \t\n\r]*+")
_COMMA = re.compile(r"[ \t\n\r]*+,[ \t\n\r]*+")
_CLOSE = re.compile(r"[ \t\n\r]*+\][ \t\n\r]*+")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\1\1\xff\xff")  # as signed bytes: 1 and -1
# Everything up to the next run of opening (1) or closing (2) brackets, or the end; it matches anywhere.
_TO_BRACKETS = re.compile(r'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+"?)*+(?:([\[{]++)|([\]}]++)|\Z)')

_Scan = Callable[[str, int], tuple[Any, int]]


class Refused(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Element(NamedTuple):
    """One of an array, or a body that is no array.

    In `value` a number is the bytes of its literal, and nothing else is bytes; where it was too deep it is cut.
    `duplicates` are the keys that any object in it has twice.
    """

    text: str
    value: Any
    too_deep: bool
    duplicates: frozenset[str]


def read_elements(body: bytes) -> list[Element]:
    """Raises Refused when the body cannot be taken apart."""
    text = _decode(body)
    shallow, cuts = (text, []) if _is_shallow(body) else _cut_deep(text)
    duplicates: set[str] = set()
    found: list[Element] = []
    try:
        for start, end, value in _values(shallow, _scanner(duplicates)):
            if len(found) == MAX_ELEMENTS:
                raise Refused(Reason.TOO_LARGE)
            too_deep = bisect_left(cuts, start) < bisect_left(cuts, end)
            found.append(Element(text[start:end], value, too_deep, frozenset(duplicates)))
            duplicates.clear()
    except ValueError as error:
        raise Refused(Reason.TOO_DEEP if cuts else Reason.BAD_JSON) from error
    if not found:
        raise Refused(Reason.NOT_OBJECT)
    return found


def _decode(body: bytes) -> str:
    encoding = json.detect_encoding(body)
    is_like_json = body.decode(encoding, "replace").lstrip(_WHITE_SPACE).startswith(("{", "["))
    if is_like_json and encoding != "utf-8":
        raise Refused(Reason.BAD_ENCODING)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Refused(Reason.BAD_ENCODING if is_like_json else Reason.BAD_JSON) from error


def _is_shallow(body: bytes) -> bool:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return True
    outside = b"".join(body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    steps = outside.translate(_STEPS, _NOT_BRACKETS)
    if b"\1" * (MAX_DEPTH + 1) in steps:  # the usual way to be deep, and quickly found
        return False
    return max(accumulate(memoryview(steps).cast("b")), default=0) <= MAX_DEPTH


def _cut_deep(text: str) -> tuple[str, list[int]]:
    """The text with a 0, padded to the same length, for each value below MAX_DEPTH; and where these values begin."""
    kept: list[str] = []
    cuts: list[int] = []
    depth = done = 0
    for token in _TO_BRACKETS.finditer(text):
        before = depth
        if token.lastindex == 1:
            depth += token.end() - token.start(1)
            if before <= MAX_DEPTH < depth:
                cuts.append(token.start(1) + MAX_DEPTH - before)
                kept.append(text[done : cuts[-1]])
                done = len(text)  # unless it is closed
        elif token.lastindex == 2:
            depth -= token.end() - token.start(2)
            if depth <= MAX_DEPTH < before:
                done = token.start(2) + before - MAX_DEPTH
                kept.append("0".ljust(done - cuts[-1]))
    kept.append(text[done:])
    return "".join(kept), cuts


def _scanner(duplicates: set[str]) -> _Scan:
    """Reads the value that begins at a position of a text, to (value, end); duplicate keys go into `duplicates`."""

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            duplicates.update(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        return fields

    decoder = json.JSONDecoder(
        object_pairs_hook=keep, parse_float=str.encode, parse_int=str.encode, parse_constant=str.encode, strict=False
    )
    return decoder.raw_decode


def _values(text: str, scan: _Scan) -> Iterator[tuple[int, int, Any]]:
    """Start, end and value of each element. Raises ValueError, perhaps at the very end, if the text is not JSON."""
    opening = _OPEN.match(text)
    if opening is None:
        value, end = scan(text, len(text) - len(text.lstrip(_WHITE_SPACE)))
        if text[end:].strip(_WHITE_SPACE):
            raise ValueError("text after the value")
        yield 0, len(text), value
    elif not _CLOSE.fullmatch(text, opening.end()):
        yield from _values_of_array(text, opening, scan)


def _values_of_array(text: str, separator: re.Match[str] | None, scan: _Scan) -> Iterator[tuple[int, int, Any]]:
    end = 0
    while separator:
        start = separator.end()
        value, end = scan(text, start)
        yield start, end, value
        separator = _COMMA.match(text, end)
    if not _CLOSE.fullmatch(text, end):
        raise ValueError("text after the array")
