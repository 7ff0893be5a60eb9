from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mymonit_adapters.errors import InputError
from mymonit_adapters.folder import files_of, wanted_files
from mymonit_adapters.follow import follow_file
from mymonit_adapters.inputs import NOTHING, Input, open_file
from mymonit_adapters.journal import Journal
from mymonit_adapters.model import Chunk
from mymonit_adapters.streams import is_regular, read_stream

STANDARD_INPUT = 0


def standard_input() -> Iterator[Input]:
    with open(STANDARD_INPUT, "rb", buffering=0, closefd=False) as stream:
        yield Input("standard input", read_stream(stream, "standard input"))


def one_file(path: Path, journal: Journal) -> Iterator[Input]:
    """To its present end. What is no regular file (a pipe, a serial line) is read like standard input."""
    try:
        stream = open_file(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    with stream:
        if is_regular(stream):
            yield Input(str(path), read_stream(stream, str(path)), stream, journal.find(stream, path))
        else:
            yield Input(str(path), read_stream(stream, str(path)))


def open_source(file: str, *, follow: bool, journal: Journal, report: Callable[[str], None]) -> Iterator[Input]:
    """`file` is a file, a folder or "-"."""
    path = Path(file).absolute()
    if file == "-":
        return standard_input()
    if path.is_dir():
        return files_of(path, journal, follow=follow)
    return follow_file(path, journal, report=report) if follow else one_file(path, journal)


def samples(file: str) -> Iterator[Iterator[Chunk]]:
    """What is there at present, input by input; nothing is remembered of it."""
    path = Path(file).absolute()
    if file == "-":
        for item in standard_input():
            yield _data(item.chunks)
        return
    for each in wanted_files(path) if path.is_dir() else [path]:
        try:
            with open_file(each) as stream:
                yield _data(read_stream(stream, str(each)))
        except OSError as error:
            raise InputError(f"cannot read {each}: {error.strerror}") from error


def _data(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    return (chunk for chunk in chunks if chunk != NOTHING)
