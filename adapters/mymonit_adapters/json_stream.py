"""JSON documents from a stream of chunks, value by value: what is held is one value and one chunk."""

import codecs
import json
import re
from collections.abc import Iterable, Sequence

from mymonit_adapters.model import MAX_RAW_BYTES, Chunk

MAX_VALUE_CHARS = 1_048_576
#: What the decoder may find wrong this near to the end of what has come may be right when more has come: the longest
#: thing that it then has not read is -Infinity.
_UNDECIDED_CHARS = 10

_BLANKS = re.compile(r"\ufeff?[ \t\n\r]*")
_BRACKETS = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|([\[{])|([\]}])|(["\n])')
#: What may follow a number at the end of what has come: with more, it may be part of it.
_MAY_GO_ON = re.compile(r"\.?|[eE][+-]?")
_CLOSING = {"[": "]", "{": "}"}
_OPENING = "[{"
_BETWEEN_OBJECTS = re.compile(r"\}[\s,]{0,200}(?=\{)")
_LONGEST_INDENT = 200
_LONGEST_MARK = 256  # of these two
_TOO_LONG, _NO_JSON = "longer than 1 MiB", "no JSON"


class Twice:
    """In place of an object in which a key is there twice: which of them counts is not for us to guess."""


class Broken(Exception):
    """What comes next is no JSON; the text says why."""

    def __init__(self, reason: str, ahead: int) -> None:
        super().__init__(reason)
        self.ahead = ahead  # characters between what comes next and the fault


def _object(pairs: Sequence[tuple[str, object]]) -> object:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else Twice()


# Numbers stay as they are written: no digit of a value or a time is lost.
_decode = json.JSONDecoder(object_pairs_hook=_object, parse_float=str, parse_int=str, parse_constant=str).raw_decode


class JsonStream:
    """A window that slides over the text. Bytes that are no UTF-8 are kept, in the way of `surrogateescape`."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._chunks = iter(chunks)
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._at = 0  # what comes next, in the window
        self._ended = False
        self._indent: str | None = ""  # the blanks before it on its line; None when there is something else
        self.end = 0  # bytes before it
        self.read_at = 0

    def peek(self) -> str:
        """The next character that is no blank; "" at the end."""
        while True:
            self._skip_blanks()
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def skip(self) -> None:
        self._take(self._at + 1)

    def value(self) -> tuple[object, bytes]:
        """What comes next, and its bytes. Numbers are texts. Raises Broken, and then has not gone on."""
        while True:
            try:
                value, stop = _decode(self._text, self._at)
            except json.JSONDecodeError as error:
                undecided = error.pos >= len(self._text) - _UNDECIDED_CHARS or error.msg.startswith("Unterminated")
                too_long = self._held() > MAX_VALUE_CHARS
                if undecided and not too_long and self._more():
                    continue
                raise Broken(_TOO_LONG if undecided and too_long else _NO_JSON, error.pos - self._at) from None
            except RecursionError:
                raise Broken("too many brackets in each other", 0) from None
            if stop - self._at > MAX_VALUE_CHARS:
                raise Broken(_TOO_LONG, 0)
            if self._ended or self._text[stop - 1] in '"]}' or not _MAY_GO_ON.fullmatch(self._text, stop):
                return value, self._take(stop)
            self._more()

    def recover(self, ahead: int) -> bytes:
        """Goes on to what follows the value that is broken there; gives the beginning of what is left out.

        That is where the value's brackets close, if they do so on the line of the fault; otherwise the next line that
        begins as the value's does. Where values do not begin lines, it is the next object behind another.
        """
        if not self.peek():
            return b""
        length = self._length(ahead)
        if length:
            return self._take(self._at + length)[:MAX_RAW_BYTES]
        if self._indent is None:
            return self._drop_until(_BETWEEN_OBJECTS, max(self._text.rfind("}", self._at, self._at + ahead), self._at))
        first = self._text[self._at]
        alike = re.compile(rf"\n{self._indent}(?=[{re.escape(first if first in _CLOSING else _OPENING)}])")
        return self._drop_until(alike, max(self._at + ahead - len(self._indent) - 1, self._at))

    def _length(self, ahead: int) -> int:
        """Of the value whose brackets match, though it is broken; 0 where they do not."""
        while self._text[self._at] in _CLOSING:
            length = self._matching(ahead)
            if length is not None:
                return length if length <= MAX_VALUE_CHARS else 0
            if self._held() > MAX_VALUE_CHARS or not self._more():
                break
        return 0

    def _matching(self, ahead: int) -> int | None:
        """None when more of the text is needed."""
        expected: list[str] = []
        for match in _BRACKETS.finditer(self._text, self._at):
            opened, closed, other = match.groups()
            if opened:
                expected.append(_CLOSING[opened])
            elif closed and expected.pop() != closed:
                return 0
            elif closed and not expected:
                return match.end() - self._at
            elif other == '"':  # one without an end, on its line at least
                return 0 if "\n" in self._text[match.start() :] else None
            elif other and match.start() - self._at >= ahead:
                return 0
        return None

    def _drop_until(self, mark: re.Pattern[str], start: int) -> bytes:
        dropped = b""
        while True:
            match = mark.search(self._text, start)
            stop = match.end() if match else max(len(self._text) - _LONGEST_MARK, self._at)
            indent = self._indent
            dropped = (dropped + self._take(stop))[:MAX_RAW_BYTES]
            self._indent = indent
            if match:
                return dropped
            if not self._more():
                return (dropped + self._take(len(self._text)))[:MAX_RAW_BYTES]
            start = self._at

    def _skip_blanks(self) -> None:
        match = _BLANKS.match(self._text, self._at)
        blanks = match[0] if match else ""
        if blanks:
            before = self._indent
            self._take(self._at + len(blanks))
            _, newline, indent = blanks.rpartition("\n")
            self._indent = indent if newline else None if before is None else (before + indent)[:_LONGEST_INDENT]

    def _take(self, stop: int) -> bytes:
        """Goes on to a place in the window."""
        taken = self._text[self._at : stop].encode("utf-8", "surrogateescape")
        self._at = stop
        self._indent = None
        self.end += len(taken)
        return taken

    def _held(self) -> int:
        return len(self._text) - self._at

    def _more(self) -> bool:
        """Whether more text may come; what was gone over is dropped from the window."""
        if self._ended:
            return False
        chunk = next(self._chunks, None)
        self._ended = chunk is None
        self._text = self._text[self._at :] + self._decoder.decode(chunk.data if chunk else b"", final=self._ended)
        self._at = 0
        if chunk is not None:
            self.read_at = chunk.read_at
        return True
