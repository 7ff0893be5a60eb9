"""A counter that writes records of eight bytes: seconds since 1970 and a count, big-endian."""

import struct
from collections.abc import Iterable, Iterator, Sequence

from mymonit_adapters.formats.base import Field, Format, Record
from mymonit_adapters.model import Chunk
from mymonit_adapters.table import Table

RECORD = struct.Struct(">II")
FIELDS = ("time", "count")


class CounterFormat(Format):
    summary = "Our counter: eight bytes a record."
    details = "Seconds since 1970 and a count, each of four bytes, big-endian."

    def __init__(self, options: Table) -> None:
        self._lowest = options.count("lowest", 0, least=0)

    def check_field(self, field: Field) -> None:
        if field not in FIELDS:
            raise ValueError(f"must be one of {', '.join(FIELDS)}")

    def read(self, chunks: Iterable[Chunk], fields: Sequence[Field]) -> Iterator[Record]:
        number, rest = 0, b""
        for data, read_at in chunks:
            rest += data
            whole = len(rest) - len(rest) % RECORD.size
            for begin in range(0, whole, RECORD.size):
                number += 1
                yield self._record(number, rest[begin : begin + RECORD.size], read_at, fields)
            rest = rest[whole:]

    def _record(self, number: int, raw: bytes, read_at: int, fields: Sequence[Field]) -> Record:
        found = dict(zip(FIELDS, RECORD.unpack(raw), strict=True))
        end = number * RECORD.size
        if found["count"] < self._lowest:
            return Record(number, end, read_at, raw, (), f"a count below {self._lowest}")
        return Record(number, end, read_at, raw, [str(found[str(field)]) for field in fields])
