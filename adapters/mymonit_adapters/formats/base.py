from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import ClassVar

from mymonit_adapters.model import Chunk, Reading, Reject


class Format(ABC):
    """How one kind of instrument output is read. A class without constructor arguments, found by its name."""

    summary: ClassVar[str]  # one line for the list of formats
    details: ClassVar[str]  # what is accepted and what is not, for the format's own help

    @abstractmethod
    def read(self, chunks: Iterable[Chunk]) -> Iterator[Reading | Reject]:
        """Yields each reading as soon as its last byte is there, and a Reject for what is none; never raises."""
