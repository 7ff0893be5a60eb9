"""Records out of a stream of XML: what is held is one record and one chunk.

A fault costs the record that it is in. Reading goes on behind that record's end tag, among the same elements; where
there is none, at the next record, and what the elements around it are is then no longer known. Entities that a document
defines and files that it refers to are refused, by defusedxml.
"""

import re
from collections.abc import Iterator, Mapping, Set
from typing import NamedTuple
from xml.parsers.expat import ExpatError  # nosec B407: it is the parser of defusedxml that raises it

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


class XmlStream:
    def __init__(self, element: str, wanted: Set[str]) -> None:
        self._element = element
        self._wanted = wanted
        name = rb"(?:[^\s<>/:]+:)?" + re.escape(element.encode())
        self._mark = re.compile(rb"<" + name + rb"(?=[\s/>])")
        self._mark_or_end = re.compile(rb"<" + name + rb"(?=[\s/>])|</" + name + rb"\s*>")
        self._window = b""
        self._base = 0  # bytes of the stream before the window
        self._reason, self._skipped = "", b""  # why something is left out, if that is to be told, and its beginning
        self._builder: RecordBuilder | None = None  # None: looking for a record
        self._declaration, self._around = b"", b""  # of the document; the tags around the record that is broken
        self._begin_document(0)

    def feed(self, data: bytes, *, last: bool = False) -> Iterator[Found]:
        self._window += data
        while True:
            if self._builder is None:
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
        """`root` begins the elements around what is there."""
        builder = RecordBuilder(self._element, self._wanted)
        parser = XMLParser(target=builder).parser
        builder.position = lambda: parser.CurrentByteIndex
        builder.tag = lambda: self._tag_at(parser.CurrentByteIndex)
        self._builder, self._parser = builder, parser
        self._begin = self._fed = at  # of the document; of the bytes that the parser has not had
        self._origin = at - len(root)  # of what the parser counts
        self._root = root
        if root:
            parser.Parse(root, False)

    def _tag_at(self, position: int) -> bytes:
        before = position + self._origin < self._begin
        tag = _TAG.match(self._root, position) if before else _TAG.match(self._window, self._at(position))
        return tag[0] if tag else b""

    def _at(self, position: int) -> int:
        """In the window, of what the parser counts."""
        return self._origin + position - self._base

    def _is_ready(self) -> bool:
        """Whether the parser can go on; a document that begins waits for what its encoding is told by."""
        if self._fed > self._begin or self._root:
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
        match = (self._mark_or_end if self._around else self._mark).search(self._window, begin)
        end = match.start() if match else max(begin, len(self._window) - MAX_TAG_BYTES)
        if match and match[0].startswith(b"</"):
            self._skip_to(self._base + match.end())
            self._begin_document(self._fed, self._declaration + self._around)
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
        if self._builder is None:
            self._skip_to(self._base + len(self._window))
        left_out = Found(self._fed, self._skipped, {}, self._reason)
        self._reason = ""
        return left_out

    def _parse(self, last: bool) -> _Fault | None:
        assert self._builder is not None
        data = self._window[self._fed - self._base :]
        self._fed += len(data)
        try:
            self._parser.Parse(data, last)
        except ExpatError as error:
            within = self._builder.begin is not None
            if not within and error.code == NO_END:
                return None
            reason = str(error).partition(":")[0] if within else "no XML"
            return _Fault(reason, self._origin + self._parser.ErrorByteIndex)
        except DefusedXmlException:
            at = self._origin + max(self._parser.CurrentByteIndex, 0)
            return _Fault("defines entities, or refers to another file", at)
        except UnfinishedRecord:
            return _Fault("does not end before the next begins", self._origin + self._builder.last)
        except DocumentEnd:
            return _Fault("", self._tag_end(self._builder.last, self._builder.empty))
        return None

    def _tag_end(self, seen: int, empty: bool) -> int:
        """Of the tag that ends an element. Expat tells where it begins, but where it ends for one like <this/>.

        In UTF-16, where tags cannot be looked for byte by byte, it is what Expat tells.
        """
        at = self._at(seen)
        tag = None if empty and self._window.endswith(b"/>", 0, at) else _TAG.match(self._window, at)
        return self._origin + seen + (len(tag[0]) if tag else 0)

    def _take_found(self) -> Iterator[Found]:
        assert self._builder is not None
        for begin, seen, empty, texts in self._builder.take():
            end = self._tag_end(seen, empty)
            raw = self._window[self._at(begin) : end - self._base]
            yield Found(end, raw, texts, TOO_LONG if len(raw) > MAX_RECORD_BYTES else "")

    def _too_long(self) -> _Fault | None:
        begin = self._record_begin()
        if begin is None or self._fed - begin <= MAX_RECORD_BYTES:
            return None
        return _Fault(TOO_LONG, begin + MAX_RECORD_BYTES)

    def _recover(self, fault: _Fault) -> Iterator[Found]:
        assert self._builder is not None
        begin = self._record_begin()
        self._around = b""
        if begin is None and not fault.reason:
            self._begin_document(fault.at)
            return
        if begin is None:
            self._reason = fault.reason
        else:
            yield Found(fault.at, self._window[begin - self._base : fault.at - self._base], {}, fault.reason)
            self._around = self._builder.around()
        self._builder, self._skipped = None, b""
        self._fed = min(max(fault.at, self._begin + 1), self._base + len(self._window))

    def _record_begin(self) -> int | None:
        """Of a record that has not ended yet."""
        if self._builder is None or self._builder.begin is None:
            return None
        return self._origin + self._builder.begin

    def _drop_dealt_with(self) -> None:
        """Of what is between records, enough is kept for a tag that has come in part."""
        keep = self._record_begin()
        if keep is None:
            last = self._fed if self._builder is None else self._origin + self._builder.last
            keep = max(last, self._base + len(self._window) - MAX_RECORD_BYTES)
        self._window = self._window[max(keep - self._base, 0) :]
        self._base = max(keep, self._base)
