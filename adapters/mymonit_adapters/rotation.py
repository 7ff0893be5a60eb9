"""Where a file has gone that was followed under another name."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from mymonit_adapters.errors import InputError
from mymonit_adapters.inputs import begins_with, open_file
from mymonit_adapters.journal import Journal
from mymonit_adapters.positions import Position

SEPARATORS = (".", "-", "_")  # log.1, log-20261122
COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")


def rotated_away(
    path: Path, journal: Journal, *, report: Callable[[str], None]
) -> list[tuple[Path, Position | None]]:
    """The file that was read last under this name, if there is more in it, and those that had the name since then.

    A copy counts as the file, for it may have been copied and then truncated. Raises InputError.
    """
    position = journal.latest(path)
    try:
        if position is None or _is_still(path, position, journal):
            return []
        siblings = _siblings(path)
        before = _find(position, siblings)
        if before is None:
            report(f"the file that was {path} is gone: what it held behind byte {position.end} was not read")
            return []
        status = before.stat()
        later = [each for each in siblings if each != before and each.stat().st_mtime_ns > status.st_mtime_ns]
        rest: list[tuple[Path, Position | None]] = [(before, position)] if status.st_size > position.end else []
        return rest + [(each, _known(each, journal)) for each in later]
    except OSError as error:
        raise InputError(f"cannot read the files beside {path}: {error.strerror}") from error


def _known(path: Path, journal: Journal) -> Position | None:
    with open_file(path) as stream:
        return journal.find(stream, path)


def _is_still(path: Path, position: Position, journal: Journal) -> bool:
    try:
        with open_file(path) as stream:
            known = journal.match(stream, path)
    except FileNotFoundError:
        return False
    return known is not None and known.input_id == position.input_id


def _siblings(path: Path) -> list[Path]:
    """The oldest first."""
    names = tuple(f"{path.name}{separator}" for separator in SEPARATORS)
    found: list[tuple[int, Path]] = []
    with os.scandir(path.parent) as entries:
        for entry in entries:
            if entry.name.startswith(names) and not entry.name.endswith(COMPRESSED_SUFFIXES) and entry.is_file():
                with contextlib.suppress(FileNotFoundError):  # it was taken away in this moment
                    found.append((os.stat(entry.path).st_mtime_ns, Path(entry.path)))
    return [sibling for _, sibling in sorted(found)]


def _find(position: Position, siblings: list[Path]) -> Path | None:
    """By its number first: a copy is found by what it begins with."""
    for sibling in sorted(siblings, key=lambda each: str(each.stat().st_ino) != position.inode):
        is_it = str(sibling.stat().st_ino) == position.inode
        with open_file(sibling) as stream:
            if (position.end or is_it) and begins_with(stream, position):
                return sibling
    return None
