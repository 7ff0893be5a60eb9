"""Records out of a stream of XML: what is held is one record and one chunk.

A fault costs the record that it is in: reading goes on at the next start tag of a record. Entities that a document
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
MAX_TAG_BYTES = 256  # of "<", prefix and name of a start tag
TOO_LONG = "longer than 1 MiB"

# Faults between records that lose none, by Expat's numbers: the end of an element is missing, or there is one of an
# element whose beginning was left out.
_NO_END, _WRONG_END = 3, 7

_TAG = re.compile(rb"""<(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_BLANKS = b" \t\r\n"
_ROOT = b"<r>"  # put before a record in the middle of a document


class Found(NamedTuple):
    end: int  # bytes of the stream
    raw: bytes
    texts: Mapping[str, str | None]  # by path; None: there more than once
    fault: str = ""


class _Fault(NamedTuple):
    reason: str
    at: int  # bytes of the stream
    loses: bool = True  # something, even between records
    ends: bool = False  # it is only the end of the document


class XmlStream:
    def __init__(self, element: str, wanted: Set[str]) -> None:
        self._element = element
        self._wanted = wanted
        self._mark = re.compile(rb"<(?:[^\s<>/:]+:)?" + re.escape(element.encode()) + rb"(?=[\s/>])")
        self._window = b""
        self._base = 0  # bytes of the stream before the window
        self._builder: RecordBuilder | None = None  # None: looking for a record
        self._reason, self._skipped = "", b""  # why, if that is to be told, and what was gone over
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
            if self._fed == self._begin and self._unfed() < ENCODING_BYTES and not last:
                break
            fault = self._parse(last)
            yield from self._take_found()
            fault = fault or self._too_long()
            if fault is None:
                break
            yield from self._recover(fault)
        self._drop_dealt_with()

    def _begin_document(self, at: int, root: bytes = b"") -> None:
        self._builder = RecordBuilder(self._element, self._wanted)
        self._parser = XMLParser(target=self._builder).parser
        self._builder.position = lambda: self._parser.CurrentByteIndex
        self._parser.Parse(root, False)
        self._begin = self._fed = at  # of the document; of the bytes that the parser has not had
        self._origin = at - len(root)  # of what the parser counts

    def _find_record(self) -> bool:
        begin = self._fed - self._base
        match = self._mark.search(self._window, begin)
        end = match.start() if match else max(begin, len(self._window) - MAX_TAG_BYTES)
        self._skip_to(self._base + end)
        if match:
            self._begin_document(self._fed, _ROOT)
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

    def _unfed(self) -> int:
        """Bytes that the parser has not had; blanks before a document, which a declaration must not have, are not."""
        rest = self._window[self._fed - self._base :]
        if self._fed == self._begin:
            self._begin += len(rest) - len(rest.lstrip(_BLANKS))
            self._origin += self._begin - self._fed
            self._fed = self._begin
        return self._base + len(self._window) - self._fed

    def _parse(self, last: bool) -> _Fault | None:
        assert self._builder is not None
        data = self._window[self._fed - self._base :]
        self._fed += len(data)
        try:
            self._parser.Parse(data, last)
        except ExpatError as error:
            at, loses = self._origin + self._parser.ErrorByteIndex, error.code not in (_NO_END, _WRONG_END)
            return _Fault("no XML" if self._builder.begin is None else str(error).partition(":")[0], at, loses)
        except DefusedXmlException:
            at = self._origin + max(self._parser.CurrentByteIndex, 0)
            return _Fault("defines entities, or refers to another file", at)
        except UnfinishedRecord:
            return _Fault("does not end before the next begins", self._origin + self._builder.last)
        except DocumentEnd:
            end = self._tag_end(self._origin + self._builder.last, self._builder.empty)
            return _Fault("", end, loses=False, ends=self._window.endswith(b">", 0, end - self._base))
        return None

    def _tag_end(self, seen: int, empty: bool) -> int:
        """Of the tag that ends an element. Expat tells where it begins, but where it ends for one like <this/>.

        In UTF-16, where tags cannot be looked for byte by byte, it is what Expat tells.
        """
        at = seen - self._base
        tag = None if empty and self._window.endswith(b"/>", 0, at) else _TAG.match(self._window, at)
        return seen + len(tag[0]) if tag else seen

    def _take_found(self) -> Iterator[Found]:
        assert self._builder is not None
        for begin, seen, empty, texts in self._builder.take():
            start, end = self._origin + begin, self._tag_end(self._origin + seen, empty)
            raw = self._window[start - self._base : end - self._base]
            yield Found(end, raw, texts, TOO_LONG if len(raw) > MAX_RECORD_BYTES else "")

    def _too_long(self) -> _Fault | None:
        begin = self._record_begin()
        if begin is None or self._fed - begin <= MAX_RECORD_BYTES:
            return None
        return _Fault(TOO_LONG, begin + MAX_RECORD_BYTES)

    def _recover(self, fault: _Fault) -> Iterator[Found]:
        begin = self._record_begin()
        if begin is not None:
            yield Found(fault.at, self._window[begin - self._base : fault.at - self._base], {}, fault.reason)
        elif fault.ends:
            self._begin_document(fault.at)
            return
        elif fault.loses:
            self._reason = fault.reason
        self._builder, self._skipped = None, b""
        end = min(max(fault.at, self._begin + 1), self._base + len(self._window))
        tag = self._base + self._window.rfind(b"<", 0, end - self._base)
        self._fed = max(tag, self._begin, self._base)
        self._skip_to(end)

    def _record_begin(self) -> int | None:
        """Of a record that has not ended yet."""
        if self._builder is None or self._builder.begin is None:
            return None
        return self._origin + self._builder.begin

    def _drop_dealt_with(self) -> None:
        """Of what is between records, enough is kept for a tag that has come in part, and to show what is broken."""
        keep = self._record_begin()
        if keep is None:
            keep = self._base + len(self._window) - MAX_RECORD_BYTES
            keep = max(keep, self._fed if self._builder is None else self._origin + self._builder.last)
        self._window = self._window[max(keep - self._base, 0) :]
        self._base = max(keep, self._base)
