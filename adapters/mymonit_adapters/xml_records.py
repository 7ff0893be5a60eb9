from collections.abc import Callable, Mapping, Set

MAX_RECORD_BYTES = 1_048_576


class UnfinishedRecord(Exception):
    """A record begins within a record: the outer one's end is missing."""


class DocumentEnd(Exception):
    """What follows is another document, if anything."""


class RecordBuilder:
    """Takes a parser's events, and keeps the wanted texts of each record. Namespaces do not count."""

    position: Callable[[], int]  # of the present event, in the parser's bytes
    tag: Callable[[], bytes]  # as it is written

    def __init__(self, element: str, wanted: Set[str]) -> None:
        self._element = element
        self._wanted = wanted
        self._outer: list[tuple[bytes, Mapping[str, str]]] = []  # start tags and attributes of the elements around
        self._path: list[str] = []  # within the record
        self._texts: dict[str, str | None] = {}
        self._found: list[tuple[int, int, bool, dict[str, str | None]]] = []
        self.begin: int | None = None  # of the record that has not ended yet
        self.last = 0  # event
        self.empty = True  # what has just ended or is open, as far as known

    def take(self) -> list[tuple[int, int, bool, dict[str, str | None]]]:
        """The records that have ended: where each begins, where its end was seen, whether it is empty; its texts."""
        found, self._found = self._found, []
        return found

    def around(self) -> bytes:
        """The start tags of the elements around the record; empty where one of them is not known."""
        tags = [tag for tag, _ in self._outer]
        return b"".join(tags) if all(tags) else b""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name, self.last, self.empty = _local(tag), self.position(), True
        if self.begin is None:
            if name == self._element:
                self._begin_record(attributes)
            else:
                self._outer.append((self.tag(), attributes))
            return
        if name == self._element:
            raise UnfinishedRecord
        self._path.append(name)
        path = "/".join(self._path)
        self._keep(path, "")
        self._keep_attributes(path + "/", attributes)

    def data(self, text: str) -> None:
        self.last, self.empty = self.position(), False
        if self.begin is not None:
            path = "/".join(self._path) or "."
            before = self._texts.get(path)
            if before is not None:
                self._texts[path] = before + text

    def end(self, _: str) -> None:
        self.last = self.position()
        if self._path:
            self._path.pop()
            self.empty = False
            return
        if self.begin is None:
            self._outer.pop()
        else:
            self._found.append((self.begin, self.last, self.empty, self._texts))
            self.begin = None
        if not self._outer:
            raise DocumentEnd
        self.empty = False

    def _begin_record(self, attributes: Mapping[str, str]) -> None:
        self.begin, self._texts = self.last, {}
        self._keep(".", "")
        self._keep_attributes("", attributes)
        for level, (_, outer) in enumerate(reversed(self._outer), 1):
            self._keep_attributes("../" * level, outer)

    def _keep_attributes(self, prefix: str, attributes: Mapping[str, str]) -> None:
        for name, text in attributes.items():
            self._keep(f"{prefix}@{_local(name)}", text)

    def _keep(self, path: str, text: str) -> None:
        if path in self._wanted:
            self._texts[path] = None if path in self._texts else text


def _local(name: str) -> str:
    return name.rpartition("}")[2]
