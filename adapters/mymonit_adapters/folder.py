"""A folder that receives files: each is read once, when it is complete, and left where it is."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from mymonit_adapters.errors import InputError
from mymonit_adapters.inputs import Input, open_file, state_of
from mymonit_adapters.journal import Journal
from mymonit_adapters.positions import Position
from mymonit_adapters.streams import read_stream

SCAN_SECS = 1.0
#: A file that has not changed for so long is complete; who writes more slowly renames it into the folder.
SETTLED_SECS = 2.0
PASSING_SUFFIXES = (".tmp", ".part", "~")  # of files that are being written

State = tuple[str, int, int]  # inode, size, time of the last change


def files_of(folder: Path, journal: Journal, *, follow: bool) -> Iterator[Input]:
    """In the order of their names, and of their arrival. Without `follow`, until all that is there is dealt with."""
    done = {name: _known_state(position) for name, position in journal.latest_inside(folder).items()}
    seen: dict[str, tuple[State, float]] = {}
    while True:
        new = {name: state for name, state in _scan(folder).items() if done.get(name) != state}
        now = time.monotonic()
        seen = {name: (state, _since(seen.get(name), state, now)) for name, state in new.items()}
        complete = [name for name in sorted(seen) if now >= seen[name][1] + SETTLED_SECS]
        for name in complete:
            yield from _file(Path(name), journal)
            done[name] = seen.pop(name)[0]
        if not (seen or follow):
            return
        if not complete:
            time.sleep(SCAN_SECS)


def wanted_files(folder: Path) -> list[Path]:
    return [Path(name) for name in sorted(_scan(folder))]


def _known_state(position: Position) -> State | None:
    """None when it was not read to its end."""
    done = position.end == position.size
    return (position.inode, position.size, position.modified) if done else None


def _since(before: tuple[State, float] | None, state: State, now: float) -> float:
    return before[1] if before and before[0] == state else now


def _scan(folder: Path) -> dict[str, State]:
    """What may be read, by path. Folders inside are not looked into."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # it was taken away in this moment
                    if not entry.name.startswith(".") and not entry.name.endswith(PASSING_SUFFIXES) and entry.is_file():
                        state = state_of(os.stat(entry.path))  # DirEntry.stat() has no inode on Windows
                        found[entry.path] = (state.inode, state.size, state.modified)
    except OSError as error:
        raise InputError(f"cannot read the folder {folder}: {error.strerror}") from error
    return found


def _file(path: Path, journal: Journal) -> Iterator[Input]:
    try:
        stream = open_file(path)
    except FileNotFoundError:
        return  # it was taken away again
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    with stream:
        yield Input(str(path), read_stream(stream, str(path)), stream, journal.find(stream, path))
