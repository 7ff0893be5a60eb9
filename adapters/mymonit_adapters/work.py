import os

from mymonit_adapters.inputs import Input, PrefixDigest, state_of
from mymonit_adapters.model import Entry, Reject
from mymonit_adapters.positions import Position


class Work:
    """How far one input is."""

    def __init__(self, item: Input, position: Position | None) -> None:
        self.item = item
        self.name = item.name
        self.size = os.fstat(item.stream.fileno()).st_size if item.stream else 0  # when it was begun
        self.position = position  # None: a stream, which nobody reads a second time
        self.known = position.end if position else 0
        self.digest = PrefixDigest(known=self.known)
        self.end = self.known
        self.records = position.records if position else 0
        self.rejects: list[Reject] = []
        self.uncommitted = 0

    def take(self, entry: Entry) -> None:
        self.end, self.records = entry.end, entry.number
        self.rejects += entry.rejects
        self.uncommitted += len(entry.readings) or 1

    def take_all(self) -> None:
        """At the end of the input, what gave no entry is dealt with, too."""
        if self.position:
            self.end = self.digest.end + len(self.digest.tail())

    def moved(self) -> Position | None:
        if self.position is None or self.item.stream is None:
            return None
        self.digest.move(self.end)
        position = self.position._replace(end=self.end, digest=self.digest.digest(), records=self.records)
        if not self.item.stream.closed:  # as that of a truncated file is, when its tail is given up
            state = state_of(os.fstat(self.item.stream.fileno()))
            position = position._replace(size=state.size, modified=state.modified)
        self.position = position
        return position

    def is_continued_by(self, item: Input) -> bool:
        position = item.position
        return self.position is not None and position is not None and position.input_id == self.position.input_id
