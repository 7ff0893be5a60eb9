"""Records out of a stream of XML: what is held is one record and one chunk.

A fault costs the record that it is in. Reading goes on behind that record's end tag, among the same elements; where
there is none, at the next record, and what the elements around it are is then no longer known. Entities that a document
defines and files that it refers to are refused, by defusedxml.
"""

import re
from collections.abc import Iterator, Mapping, Set
from functools import partial
from typing import NamedTuple
from xml.parsers.expat import ExpatError  # nosec B407

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from mymonit_adapters.model import MAX_RAW_BYTES
from mymonit_adapters.xml_records import MAX_RECORD_BYTES, DocumentEnd, RecordBuilder, UnfinishedRecord

ENCODING_BYTES = 4  # by which the parser tells the encoding, all at once
MAX_TAG_BYTES = 256  # of a tag's beginning, with prefix and name
TOO_LONG = "longer than 1 MiB"
NO_END = 3  # Expat's number for a document without an end, which loses no record

MAX_DECLARATION_BYTES = 256

_TAG = re.compile(rb"""<(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_DECLARATION = re.compile(rb"<\?xml\s[^>]*\?>")
_BEFORE_DOCUMENT = re.compile(rb"(?:[ \t\r\n]+|</[^<>]*>)*+")  # blanks, and ends of what was begun before a fault


class Found(NamedTuple):
    end: int  # bytes of the stream
    raw: bytes
    texts: Mapping[str, str | None]  # by path; None: there more than once
    fault: str = ""


class _Fault(NamedTuple):
    reason: str  # empty: nothing is lost
    at: int  # bytes of the stream


class _Document:
    """One document, or what follows a fault in one: `root` begins the elements around it."""

    def __init__(self, builder: RecordBuilder, begin: int, root: bytes) -> None:
        self.builder = builder
        self.parser = XMLParser(target=builder).parser
        self.begin = begin  # bytes of the stream before it
        self.root = root
        self.origin = begin - len(root)  # of what the parser counts
        builder.position = lambda: self.parser.CurrentByteIndex

    def read_root(self) -> None:
        if self.root:
            self.parser.Parse(self.root, False)

    def record_begin(self) -> int | None:
        """Of a record that has not ended yet."""
        return None if self.builder.begin is None else self.origin + self.builder.begin

    def around(self) -> bytes:
        """The start tags around such a record."""
        return b"" if self.builder.begin is None else self.builder.around()


class XmlStream:
    def __init__(self, element: str, wanted: Set[str]) -> None:
        self._new_builder = partial(RecordBuilder, element, wanted)
        name = rb"(?:[^\s<>/:]+:)?" + re.escape(element.encode())
        begin, end = rb"<" + name + rb"(?=[\s/>])", rb"</" + name + rb"\s*>"
        self._marks = re.compile(begin), re.compile(begin + rb"|" + end)  # without and with the end of a record
        self._window = b""
        self._base = 0  # bytes of the stream before the window
        self._reason, self._skipped = "", b""  # why something is left out, if that is to be told, and its beginning
        self._looking = False  # for a record, after a fault
        self._declaration = b""
        self._begin_document(0)

    def feed(self, data: bytes, *, last: bool = False) -> Iterator[Found]:
        self._window += data
        while True:
            if self._looking:
                found = self._find_record()
                if self._reason and (found or last):
                    yield self._left_out()
                if not found:
                    break
            if not (self._is_ready() or last):
                break
            fault = self._parse(last)
            yield from self._take_found()
            fault = fault or self._too_long()
            if fault is None:
                break
            yield from self._recover(fault)
        self._drop_dealt_with()

    def _begin_document(self, at: int, root: bytes = b"") -> None:
        self._looking = False
        self._document = _Document(self._new_builder(), at, root)
        self._document.builder.tag = self._tag
        self._fed = at  # bytes of the stream that a parser has had, or that were gone over
        self._document.read_root()

    def _tag(self) -> bytes:
        """The one of the present event."""
        at = self._document.parser.CurrentByteIndex
        root = self._document.root
        tag = _TAG.match(root, at) if at < len(root) else _TAG.match(self._window, self._at(at))
        return tag[0] if tag else b""

    def _at(self, position: int) -> int:
        """In the window, of what the parser counts."""
        return self._document.origin + position - self._base

    def _is_ready(self) -> bool:
        """Whether the parser can go on; a document that begins waits for what its encoding is told by."""
        if self._fed > self._document.begin or self._document.root:
            return True
        before = _BEFORE_DOCUMENT.match(self._window, self._fed - self._base)
        self._begin_document(self._base + before.end() if before else self._fed)
        start = self._window[self._fed - self._base :][:MAX_DECLARATION_BYTES]
        declared = start.startswith(b"<?xml")
        declaration = _DECLARATION.match(start)
        self._declaration = declaration[0] if declaration else b""
        waits = start.startswith(b"</") or (declared and not declaration and len(start) < MAX_DECLARATION_BYTES)
        return not waits and len(start) > ENCODING_BYTES

    def _find_record(self) -> bool:
        """From a fault on: the end of the record in which it is, or the next record."""
        begin = self._fed - self._base
        around = self._document.around()
        match = self._marks[bool(around)].search(self._window, begin)
        end = match.start() if match else max(begin, len(self._window) - MAX_TAG_BYTES)
        if match and match[0].startswith(b"</"):
            self._skip_to(self._base + match.end())
            self._begin_document(self._fed, self._declaration + around)
        else:
            self._skip_to(self._base + end)
            if match:
                self._begin_document(self._fed, self._declaration)
        return match is not None

    def _skip_to(self, end: int) -> None:
        room = MAX_RAW_BYTES - len(self._skipped)
        self._skipped += self._window[self._fed - self._base : end - self._base][:room]
        self._fed = end

    def _left_out(self) -> Found:
        if self._looking:
            self._skip_to(self._base + len(self._window))
        left_out = Found(self._fed, self._skipped, {}, self._reason)
        self._reason = ""
        return left_out

    def _parse(self, last: bool) -> _Fault | None:
        data = self._window[self._fed - self._base :]
        self._fed += len(data)
        try:
            self._document.parser.Parse(data, last)
        except ExpatError as error:
            within = self._document.builder.begin is not None
            if not within and error.code == NO_END:
                return None
            reason = str(error).partition(":")[0] if within else "no XML"
            return _Fault(reason, self._document.origin + self._document.parser.ErrorByteIndex)
        except DefusedXmlException:
            at = self._document.origin + max(self._document.parser.CurrentByteIndex, 0)
            return _Fault("defines entities, or refers to another file", at)
        except UnfinishedRecord:
            return _Fault("does not end before the next begins", self._document.origin + self._document.builder.last)
        except DocumentEnd:
            return _Fault("", self._tag_end(self._document.builder.last, self._document.builder.empty))
        return None

    def _tag_end(self, seen: int, empty: bool) -> int:
        """Of the tag that ends an element. Expat tells where it begins, but where it ends for one like <this/>.

        In UTF-16, where tags cannot be looked for byte by byte, it is what Expat tells.
        """
        at = self._at(seen)
        tag = None if empty and self._window.endswith(b"/>", 0, at) else _TAG.match(self._window, at)
        return self._document.origin + seen + (len(tag[0]) if tag else 0)

    def _take_found(self) -> Iterator[Found]:
        for begin, seen, empty, texts in self._document.builder.take():
            end = self._tag_end(seen, empty)
            raw = self._window[self._at(begin) : end - self._base]
            yield Found(end, raw, texts, TOO_LONG if len(raw) > MAX_RECORD_BYTES else "")

    def _too_long(self) -> _Fault | None:
        begin = self._document.record_begin()
        if begin is None or self._fed - begin <= MAX_RECORD_BYTES:
            return None
        return _Fault(TOO_LONG, begin + MAX_RECORD_BYTES)

    def _recover(self, fault: _Fault) -> Iterator[Found]:
        begin = self._document.record_begin()
        if begin is None and not fault.reason:
            self._begin_document(fault.at)
            return
        self._looking, self._skipped = True, b""
        if begin is None:
            self._reason = fault.reason
            self._fed = max(fault.at, self._document.begin)  # Expat does not always know where it is
            self._skip_to(min(self._fed + 1, self._base + len(self._window)))
        else:
            self._fed = self._tag_begin(begin, max(fault.at, begin + 1))
            yield Found(self._fed, self._window[begin - self._base : self._fed - self._base], {}, fault.reason)

    def _tag_begin(self, begin: int, at: int) -> int:
        """Of the tag in which something is, for it may be the one that ends the record."""
        tag = self._window.rfind(b"<", begin + 1 - self._base, at - self._base)
        return at if tag < 0 or b">" in self._window[tag : at - self._base] else self._base + tag

    def _drop_dealt_with(self) -> None:
        """Of what is between records, enough is kept for a tag that has come in part."""
        keep = None if self._looking else self._document.record_begin()
        if keep is None:
            last = self._fed if self._looking else self._document.origin + self._document.builder.last
            keep = max(last, self._base + len(self._window) - MAX_RECORD_BYTES)
        self._window = self._window[max(keep - self._base, 0) :]
        self._base = max(keep, self._base)
