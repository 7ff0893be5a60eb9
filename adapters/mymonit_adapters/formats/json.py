from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from mymonit_adapters.formats.base import Field, Format, Record
from mymonit_adapters.formats.paths import Path, parse_path
from mymonit_adapters.json_stream import Broken, JsonStream, Twice
from mymonit_adapters.model import Chunk
from mymonit_adapters.table import Table

WORDS = {True: "true", False: "false", None: "null"}


class JsonFormat(Format):
    summary = "JSON: one document or many, lists, one object a line."
    details = """
    The records are the elements of the list that the configuration's path leads to; without a path, each document is
    one, or each element of a document that is a list. A document may be of any length, a record of 1 MiB. What is no
    JSON is rejected up to the next record that can be told.
    """

    def __init__(self, options: Table) -> None:
        self._records = options.get("records", str) or "."
        try:
            parse_path(self._records)
        except ValueError as error:
            options.fail("records", str(error))

    def check_field(self, field: Field) -> None:
        if not isinstance(field, str):
            raise ValueError("must be a path in quotes, such as data.value or [0]")
        parse_path(field)

    def read(self, chunks: Iterable[Chunk], fields: Sequence[Field]) -> Iterator[Record]:
        records = _Records(JsonStream(chunks), self._records, [parse_path(str(field)) for field in fields])
        return records.all()


class _Records:
    def __init__(self, stream: JsonStream, path: str, fields: Sequence[Path]) -> None:
        self._stream = stream
        self._path = path
        self._fields = fields
        self._number = 0

    def all(self) -> Iterator[Record]:
        steps = parse_path(self._path)
        while following := self._stream.peek():
            if following in ",]}":  # what is left of a broken document
                self._stream.skip()
                continue
            try:
                yield from self._found(steps)
            except Broken as broken:
                yield self._rejected(broken)

    def _found(self, steps: Path) -> Iterator[Record]:
        if steps:
            yield from self._within(steps)
        elif self._stream.peek() == "[":
            self._stream.skip()
            yield from self._elements()
        else:
            yield self._record()

    def _elements(self) -> Iterator[Record]:
        while (following := self._stream.peek()) not in ("", "]"):
            if following == ",":
                self._stream.skip()
                continue
            try:
                yield self._record()
            except Broken as broken:
                yield self._rejected(broken)
        self._stream.skip()

    def _within(self, steps: Path) -> Iterator[Record]:
        """Goes down one step of the path, and over everything beside it."""
        by_key = isinstance(steps[0], str)
        if self._stream.peek() != ("{" if by_key else "["):
            yield self._made(self._stream.value()[1], fault=f"there is no {self._path}")
            return
        self._stream.skip()
        place: object = -1
        found = False
        while (following := self._stream.peek()) not in ("", "}", "]"):
            if following == ",":
                self._stream.skip()
                continue
            place = self._key() if by_key else cast(int, place) + 1
            if place != steps[0]:
                self._stream.value()
                continue
            found = True
            yield from self._found(steps[1:])
        self._stream.skip()
        if not found:
            yield self._made(b"", fault=f"there is no {self._path}")

    def _key(self) -> object:
        key, _ = self._stream.value()
        if self._stream.peek() != ":":
            raise Broken("no JSON", 0)
        self._stream.skip()
        self._stream.peek()
        return key

    def _record(self) -> Record:
        value, raw = self._stream.value()
        try:
            return self._made(raw, [_text(value, path) for path in self._fields])
        except ValueError as error:
            return self._made(raw, fault=str(error))

    def _rejected(self, broken: Broken) -> Record:
        return self._made(self._stream.recover(broken.ahead), fault=str(broken))

    def _made(self, raw: bytes, texts: Sequence[str | None] = (), fault: str = "") -> Record:
        self._number += 1
        self._stream.read_at += 1
        return Record(self._number, self._stream.end, self._stream.read_at - 1, raw, texts, fault)


def _text(value: object, path: Path) -> str | None:
    for step in path:
        try:
            value = value[step]  # type: ignore[index]
        except (LookupError, TypeError):
            if isinstance(value, Twice):
                break
            return None
    if isinstance(value, str):
        return value
    if isinstance(value, Twice):
        raise ValueError("a key is there twice")
    return "{...}" if isinstance(value, dict) else "[...]" if isinstance(value, list) else WORDS[cast(None, value)]
