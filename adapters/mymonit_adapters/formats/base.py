from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, NamedTuple

from mymonit_adapters.model import Chunk
from mymonit_adapters.table import Table

#: What a configuration calls a part of a record: a column by number (from 1) or name, or a path.
Field = int | str


class Record(NamedTuple):
    number: int  # in its input, from 1: the line, row or element that a person would look for
    end: int  # bytes of the input, from its beginning, up to the end of this record
    read_at: int  # nanoseconds since 1970
    raw: bytes
    texts: Sequence[str | None]  # of the fields that were asked for, in their order; None where there is none
    fault: str = ""  # why nothing can be read, fit to be shown on a terminal; then there are no texts


class Format(ABC):
    """How one kind of instrument output is read: a stream of bytes into records. Found by its name."""

    summary: ClassVar[str]  # one line for the list of formats
    details: ClassVar[str]  # what is accepted and what is not, for the format's own help
    #: The value, where the command line names a series instead of a configuration file; None: it must be a file.
    plain_field: ClassVar[Field | None] = None

    def __init__(self, options: Table) -> None:
        """Takes the format's own table of the configuration. Keys that it does not ask for are refused later."""

    def check_field(self, field: Field) -> None:
        """Raises ValueError for what cannot be a field of this format."""

    @abstractmethod
    def read(self, chunks: Iterable[Chunk], fields: Sequence[Field]) -> Iterator[Record]:
        """Yields each record as soon as its last byte is there; never raises for what it reads.

        What is yielded must not depend on where one chunk ends and the next begins, but for the time.
        """
