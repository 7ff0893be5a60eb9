"""The folder of an instrument's spool. Each process has a file of its own, and takes over what a dead one has left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from mymonit_adapters.adoption import adopt
from mymonit_adapters.errors import SpoolError
from mymonit_adapters.operating_system import FileLock, make_private_folder, network_file_system
from mymonit_adapters.settings import SpoolSettings
from mymonit_adapters.spool import Spool

SUFFIX = ".sqlite"
JOURNALS = ("-wal", "-shm")  # what SQLite keeps beside a database


@contextmanager
def open_spool(folder: Path, *, settings: SpoolSettings, report: Callable[[str], None]) -> Iterator[Spool]:
    """Raises SpoolError."""
    _prepare(folder)
    path, lock = _claim(folder)
    spool = None
    try:
        spool = Spool(path, max_bytes=settings.max_bytes, keep_secs=settings.keep_secs)
        _take_over(folder, spool, report)
        if earlier := spool.begin_run():
            report(f"{earlier} measures of an earlier run wait in {folder}; they are sent first")
        yield spool
    finally:
        if spool is not None:
            spool.close()
        lock.release()


def spool_files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"spool-*{SUFFIX}"))


def _prepare(folder: Path) -> None:
    try:
        make_private_folder(folder)
    except OSError as error:
        raise SpoolError(f"cannot make the spool's folder {folder}: {error.strerror}") from error
    if kind := network_file_system(folder):
        raise SpoolError(f"the spool must be on a local disk, and {folder} is on {kind}: set MYMONIT_SPOOL or --spool")


def _claim(folder: Path) -> tuple[Path, FileLock]:
    for number in count(1):
        path = folder / f"spool-{number}{SUFFIX}"
        if lock := _lock(path):
            return path, lock
    raise AssertionError("numbers do not end")


def _take_over(folder: Path, spool: Spool, report: Callable[[str], None]) -> None:
    for path in spool_files(folder):
        lock = None if path == spool.path else _lock(path)
        if lock is None:
            continue  # its process is at work
        report(f"taking over {path}, which a process has left")
        adopt(path, spool)
        for name in ("", *JOURNALS):
            Path(f"{path}{name}").unlink(missing_ok=True)
        lock.release()


def _lock(path: Path) -> FileLock | None:
    try:
        return FileLock.take(path.with_suffix(".lock"))
    except OSError as error:
        raise SpoolError(f"cannot lock the spool {path}: {error.strerror}") from error
