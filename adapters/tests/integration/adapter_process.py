import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rabbit_server import EXPERIMENT, Account

ADAPTERS = Path(__file__).parents[2]
DEADLINE_SECS = 180.0  # far more than any test takes, for machines with much else to do
SERIES = ("--experiment", EXPERIMENT, "--measure", "hertz")
SETTINGS = ("RABBIT_", "MYMONIT_", "KEEP_", "SPOOL_")


class AdapterProcess:
    """The command as people run it, with its standard input in the test's hands."""

    def __init__(
        self, account: Account, folder: Path, *options: str, source: str = "-", command: Sequence[str] = (), **settings: str
    ) -> None:
        self._stderr = folder / "stderr"
        self.spool = Path(settings.setdefault("MYMONIT_SPOOL", str(folder / "spool")))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
        self._stdout = folder / "stdout"
        with self._stderr.open("wb") as stderr, self._stdout.open("wb") as stdout:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mymonit_adapters", *(command or ("text", source, *SERIES)), *options],
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                cwd=ADAPTERS,
                env={**inherited, **account.environment(), **settings},
            )
        assert self._process.stdin is not None
        self.stdin = self._process.stdin

    def write(self, lines: bytes) -> None:
        self.stdin.write(lines)
        self.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """Ends the input, and returns the exit status."""
        self.stdin.close()
        return self._process.wait(DEADLINE_SECS)

    def wait_for_exit(self) -> int:
        return self._process.wait(DEADLINE_SECS)

    def reports(self) -> list[str]:
        return self._stderr.read_text().splitlines()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def output(self) -> str:
        return self._stdout.read_text()

    def kill(self) -> None:
        """As a power cut does."""
        if not self.stdin.closed:
            self.stdin.close()
        self._process.kill()
        self._process.wait()


StartAdapter = Callable[..., AdapterProcess]  # (account, *options, **settings)


def wait_until(condition: Callable[[], bool], *, what: str, seconds: float = DEADLINE_SECS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} seconds: {what}")
        time.sleep(0.02)
