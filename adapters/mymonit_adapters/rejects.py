"""What could not be read, kept for people: a JSON line each, with its position, its reason and the raw text."""

import base64
import json
import os
from collections import Counter
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Any

from mymonit_adapters.errors import SpoolError
from mymonit_adapters.model import Reject
from mymonit_adapters.operating_system import PRIVATE_FILE

TAIL_BYTES = 65_536  # more than a line takes


class RejectsFile:
    """Each reject is in it once, also when its input is read again after a crash."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: Counter[tuple[int, str]] = Counter()

    def resume(self, input_id: str, *, records: int) -> None:
        """Finds what a crash has left: rejects of records behind the last one whose position was kept."""
        self._written.clear()
        try:
            _drop_torn_line(self.path)
            with self.path.open("rb") as lines:
                self._written.update(_key(line) for line in map(_parsed, lines) if line.get("input") == input_id)
        except FileNotFoundError:
            return
        except OSError as error:
            raise SpoolError(f"cannot read the rejects in {self.path}: {error.strerror}") from error
        for key in [key for key in self._written if key[0] <= records]:
            del self._written[key]

    def write(self, rejects: Sequence[Reject], *, source: str, input_id: str) -> None:
        """On disk when it returns. Raises SpoolError."""
        text = "".join(self._lines(rejects, source, input_id))
        if not text:
            return
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
            with open(descriptor, "wb", buffering=0) as stream:
                _write_all(stream, text.encode())
                os.fsync(descriptor)
        except OSError as error:
            raise SpoolError(f"cannot write rejects to {self.path}: {error.strerror}") from error

    def _lines(self, rejects: Sequence[Reject], source: str, input_id: str) -> list[str]:
        lines = []
        for number, reason, raw in rejects:
            if self._written[number, reason] > 0:
                self._written[number, reason] -= 1
                continue
            line = {"source": source, "number": number, "reason": reason, **_raw(raw), "input": input_id}
            lines.append(f"{json.dumps(line)}\n")
        return lines


def _raw(raw: bytes) -> dict[str, str]:
    try:
        return {"raw": raw.decode()}
    except UnicodeDecodeError:
        return {"raw_base64": base64.b64encode(raw).decode()}


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {}  # people may have written in it


def _key(line: dict[str, Any]) -> tuple[int, str]:
    return line["number"], line["reason"]


def _write_all(stream: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def _drop_torn_line(path: Path) -> None:
    """A crash may have cut off the last one; it is written again."""
    with path.open("r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - TAIL_BYTES))
        tail = stream.read()
        if not tail.endswith(b"\n"):
            stream.truncate(size - len(tail) + tail.rfind(b"\n") + 1)
