"""Processes of the product, kept running as Docker or the supervisor keeps them: what ends is started again."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

APP = Path(__file__).parents[2]
ADAPTERS = APP.parents[1] / "adapters"
#: The commands `mymonit` and `mymonit-adapter` of this checkout.
MYMONIT = (sys.executable, "-m", "my_monit")
MYMONIT_ADAPTER = (sys.executable, "-m", "mymonit_adapters")
#: Seconds until a process that has ended is started again.
PAUSE_SECS = 0.5
#: Seconds for a process to end after SIGTERM: longer than a transaction may wait for a lock.
STOP_SECS = 60
#: Seconds for a health probe.
PROBE_SECS = 5

_DUPLICATES = re.compile(r'^mymonit_ingest_messages_total\{outcome="duplicate"\} (\S+)$', re.MULTILINE)


class Supervised:
    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, log: Path, folder: Path = APP,
        restarting: Callable[[int], bool] = lambda status: True,
    ) -> None:
        """It runs in `folder`; `restarting` says whether it is started again after such an exit status."""
        self._command = command
        self._environment = environment
        self.log = log
        self._folder = folder
        self._restarting = restarting
        self._lock = threading.Lock()
        self._wanted = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self.starts = 0
        #: Exit statuses, the negative number of a signal among them.
        self.endings: list[int] = []

    def start(self) -> None:
        self._wanted = True
        self._launch()
        self._thread = threading.Thread(target=self._supervise, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """It will be started again."""
        with self._lock:
            self._send(signal.SIGKILL)

    def terminate(self) -> int:
        """End it for good, as a supervisor does; return its exit status."""
        with self._lock:
            self._wanted = False
            self._send(signal.SIGTERM)
        return self.wait(STOP_SECS)

    def wait(self, seconds: float) -> int:
        """Until it has ended for good; its last exit status."""
        assert self._thread is not None
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"{self._command[0]} still runs after {seconds} s")
        return self.endings[-1]

    def close(self) -> None:
        with self._lock:
            self._wanted = False
            self._send(signal.SIGKILL)
        if self._thread is not None:
            self._thread.join(STOP_SECS)

    def _send(self, number: int) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _launch(self) -> None:
        with self._lock, self.log.open("ab") as log:
            if self._wanted:
                self._process = subprocess.Popen(
                    self._command, cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, start_new_session=True,
                )
                self.starts += 1

    def _supervise(self) -> None:
        while self._process is not None:
            self.endings.append(self._process.wait())
            if not self._wanted or not self._restarting(self.endings[-1]):
                return
            time.sleep(PAUSE_SECS)
            before = self.starts
            self._launch()
            if self.starts == before:
                return


class Listener(Supervised):
    """`mymonit listen`; `prefix` is what starts it, such as `prlimit`."""

    def __init__(
        self, environment: Mapping[str, str], *, health_port: int, log: Path, prefix: Sequence[str] = (),
        command: Sequence[str] = (*MYMONIT, "listen"),
    ) -> None:
        super().__init__(
            [*prefix, *command], {**environment, "HEALTH_PORT": str(health_port), "LOG_LEVEL": "DEBUG"}, log=log
        )
        self._address = f"http://127.0.0.1:{health_port}"

    def ready(self) -> bool:
        answer = self._ask("/health/ready")
        return answer is not None and answer.ok

    def duplicates(self) -> int:
        """Messages that this process had seen before, and did not store again."""
        answer = self._ask("/metrics")
        found = _DUPLICATES.search(answer.text) if answer is not None else None
        return int(float(found[1])) if found else 0

    def _ask(self, path: str) -> requests.Response | None:
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(self._address + path, timeout=PROBE_SECS)
        except requests.RequestException:
            return None

    def lines(self) -> list[dict[str, Any]]:
        """Its log; a line that is no JSON has the text alone."""
        return [_line(text) for text in self.log.read_text(encoding="utf-8", errors="replace").splitlines()]

    def events(self, *names: str) -> int:
        return sum(line.get("message") in names for line in self.lines())

    def batches(self, *, longer_than: float) -> int:
        """Transactions that took more than so many seconds."""
        stored = (line.get("mymonit", {}) for line in self.lines() if line.get("message") == "batch_stored")
        return sum(fields.get("seconds", 0) > longer_than for fields in stored)

    def mentions(self, text: str) -> int:
        """Lines that hold this text."""
        return sum(text in line for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines())


def _line(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {"message": text}
    return line if isinstance(line, dict) else {"message": text}
