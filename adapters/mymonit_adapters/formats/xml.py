import re
from collections.abc import Iterable, Iterator, Sequence

from mymonit_adapters.formats.base import Field, Format, Record
from mymonit_adapters.model import Chunk
from mymonit_adapters.table import Table
from mymonit_adapters.xml_stream import Found, XmlStream

_NAME = r"[^\s<>/@:.\[\]'\"=][^\s<>/@:\[\]'\"=]*"
_PATH = re.compile(rf"\.|(?:\.\./)*@{_NAME}|{_NAME}(?:/{_NAME})*(?:/@{_NAME})?")


class XmlFormat(Format):
    summary = "XML, one element a record."
    details = """
    Every element of the name that the configuration gives is a record. Its fields are attributes (@value), elements
    within it (channel/value, channel/@id), its own text (.) and attributes of the elements around it (../@id). Prefixes
    of namespaces do not count. Documents may follow one another. Entities that a document defines are refused.
    """

    def __init__(self, options: Table) -> None:
        self._element = options.need("record", str)
        if not re.fullmatch(_NAME, self._element):
            options.fail("record", "must be the name of an element, without a prefix")

    def check_field(self, field: Field) -> None:
        if not (isinstance(field, str) and _PATH.fullmatch(field)):
            raise ValueError("must be a path in quotes, such as @value, value, channel/@id, ../@id or .")

    def read(self, chunks: Iterable[Chunk], fields: Sequence[Field]) -> Iterator[Record]:
        paths = [str(field) for field in fields]
        number = 0
        for found, read_at in _found(XmlStream(self._element, frozenset(paths)), chunks):
            number += 1
            fault = found.fault
            for path in paths if not fault else ():
                if path in found.texts and found.texts[path] is None:
                    fault = f"there is more than one {path}"
            texts = [found.texts.get(path) for path in paths]
            yield Record(number, found.end, read_at, found.raw, () if fault else texts, fault)


def _found(stream: XmlStream, chunks: Iterable[Chunk]) -> Iterator[tuple[Found, int]]:
    """With the time; records that come in one chunk are one nanosecond apart."""
    read_at = 0
    for data, read_at in chunks:
        for found in stream.feed(data):
            yield found, read_at
            read_at += 1
    for found in stream.feed(b"", last=True):
        yield found, read_at
        read_at += 1
