"""`mymonit rest` and `mymonit listen` as processes of their own, as they run in production."""

import signal
import subprocess
import sys
from pathlib import Path

import requests

import my_monit
from tests.conftest import Eventually

_APP = Path(my_monit.__file__).parents[1]


class ServiceProcess:
    """A process that tells at `address` how it is."""

    def __init__(self, command: str, environment: dict[str, str], *, port: int, log: Path, module: str) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._log = log
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, command], cwd=_APP, stdout=subprocess.DEVNULL, stderr=stderr,
                env=environment,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def health(self, what: str = "ready") -> int | None:
        """The status of its answer, None while there is none."""
        try:
            return requests.get(f"{self.address}/health/{what}", timeout=5).status_code
        except requests.RequestException:
            return None

    def wait_until_ready(self) -> None:
        Eventually()(lambda: self.health() == 200, within=30)

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

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


class RestProcess(ServiceProcess):
    def __init__(self, environment: dict[str, str], *, port: int, log: Path) -> None:
        super().__init__("rest", {**environment, "REST_PORT": str(port)}, port=port, log=log, module="my_monit")


class ListenerProcess(ServiceProcess):
    def __init__(
        self, environment: dict[str, str], *, health_port: int, log: Path, module: str = "my_monit"
    ) -> None:
        environment = {**environment, "HEALTH_PORT": str(health_port)}
        super().__init__("listen", environment, port=health_port, log=log, module=module)

    def metrics(self) -> dict[str, float]:
        """Each sample of /metrics by its name and labels, as they are written there."""
        lines = requests.get(f"{self.address}/metrics", timeout=5).text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#")}
