"""Load from the shipped adapter, as a device makes it: rows into its standard input, at a steady rate."""

import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

from tests.faults.instrument import HEADER, configure, rows
from tests.faults.journal import Journal, Key, readings
from tests.faults.processes import ADAPTERS, MYMONIT_ADAPTER

#: Rows written between two looks at the clock.
PORTION = 25
#: Seconds that the adapter may take, after the last row, to have everything confirmed.
CONFIRM_SECS = 240


class Load:
    """Within the block rows are published; at its end all of them are confirmed."""

    def __init__(
        self, journal: Journal, environment: Mapping[str, str], *, seed: int, rate: float, folder: Path,
        sensor: str = "adapter",
    ) -> None:
        self._journal = journal
        self._environment = environment
        self._seed = seed
        self._rate = rate
        self._sensor = sensor
        self._log = folder / f"{sensor}.log"
        self._stopping = threading.Event()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._keys: list[Key] = []
        config = configure(folder, sensor)
        self._command = [
            *MYMONIT_ADAPTER, "csv", "-", "--config", str(config), "--spool", str(folder / "spool"),
            "--wait", str(CONFIRM_SECS),
        ]

    @property
    def rows(self) -> int:
        """Rows given to the adapter until now."""
        return len(self._keys)

    def __enter__(self) -> "Load":
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ADAPTERS, env=self._environment, stdin=subprocess.PIPE, stdout=log, stderr=log,
                start_new_session=True,
            )
        self._writer.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._stopping.set()
        try:
            if kind is None:
                self._finish()
        finally:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
            with suppress(OSError):
                self._process.stdin.close()

    def _finish(self) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._writer.join(CONFIRM_SECS)
        self._process.stdin.close()
        status = self._process.wait(CONFIRM_SECS + 30)
        said = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
        assert status == 0, f"the adapter ended with {status}: {said}"
        self._journal.confirm(self._keys)

    def _write(self) -> None:
        assert self._process is not None and self._process.stdin is not None
        source, started = readings(self._seed), time.monotonic()
        with suppress(OSError, ValueError):  # the adapter has ended; its exit status says so
            self._process.stdin.write(HEADER.encode())
            while not self._stopping.is_set():
                some = list(islice(source, PORTION))
                for reading in some:
                    self._keys += self._journal.add(self._sensor, reading)
                self._process.stdin.write(rows(some).encode())
                self._process.stdin.flush()
                self._stopping.wait(max(0.0, started + self.rows / self._rate - time.monotonic()))
