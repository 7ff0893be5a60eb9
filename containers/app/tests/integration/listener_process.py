"""The listener as a process of its own, as it runs in production."""

import signal
import subprocess
import sys
from pathlib import Path

import requests

import my_monit
from tests.conftest import Eventually

_APP = Path(my_monit.__file__).parents[1]


class ListenerProcess:
    def __init__(
        self, environment: dict[str, str], *, health_port: int, log: Path, module: str = "my_monit"
    ) -> None:
        self._health = f"http://127.0.0.1:{health_port}/health"
        self._log = log
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, "listen"], cwd=_APP, stdout=subprocess.DEVNULL, stderr=stderr,
                env={**environment, "HEALTH_PORT": str(health_port)},
            )

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def health(self, what: str = "ready") -> int | None:
        """The status of its answer, None while there is none."""
        try:
            return requests.get(f"{self._health}/{what}", timeout=5).status_code
        except requests.ConnectionError:
            return None

    def wait_until_ready(self) -> None:
        Eventually()(lambda: self.health() == 200, within=30)

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def metrics(self) -> dict[str, float]:
        """Each sample of /metrics by its name and labels, as they are written there."""
        lines = requests.get(self._health.replace("health", "metrics"), timeout=5).text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#")}

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def terminate(self, *, within: float = 30) -> int:
        """End it as a supervisor does; return its exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(within)

    def wait(self, *, within: float = 30) -> int:
        return self._process.wait(within)

    def close(self) -> None:
        if self._process.poll() is None:
            self.kill()
