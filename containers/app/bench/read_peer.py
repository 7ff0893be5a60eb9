"""InfluxDB 1.x (Debian's package `influxdb`) with the same measures: what a laboratory could have read from instead.

It runs in a folder of its own, on loopback, without passwords and without TLS.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import requests

PROGRAM = "influxd"
DATABASE = "laboratory"
LINES_PER_WRITE = 5_000
START_SECS, POLL_SECS = 30, 0.1
#: Its cache takes all that is written here, so that reading waits for no compaction of its own accord.
CONFIGURATION = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
index-version = "tsi1"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{http}"
log-enabled = false
"""


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


class Peer:
    """A running InfluxDB."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self._session.trust_env = False

    def wait(self) -> None:
        deadline = time.monotonic() + START_SECS
        while time.monotonic() < deadline:
            try:
                self._session.get(f"{self._url}/ping", timeout=1).raise_for_status()
                return
            except requests.RequestException:
                time.sleep(POLL_SECS)
        raise TimeoutError(f"{PROGRAM} did not answer within {START_SECS} s")

    def fill(self, measures: Iterable[tuple[str, str]]) -> None:
        """With pairs of a time in nanoseconds and a value, as text."""
        self._session.post(f"{self._url}/query", params={"q": f"CREATE DATABASE {DATABASE}"}, timeout=60).raise_for_status()
        lines = (f"measures,sensor=left value={value} {moment}" for moment, value in measures)
        while block := "\n".join(islice(lines, LINES_PER_WRITE)):
            self._session.post(f"{self._url}/write", params={"db": DATABASE}, data=block, timeout=60).raise_for_status()

    def curl(self, query: str) -> list[str]:
        """A command that writes the answer as csv."""
        return ["curl", "-sS", "--fail", "-G", f"{self._url}/query", "-H", "Accept: application/csv",
                "--data-urlencode", f"db={DATABASE}", "--data-urlencode", f"q={query}", "-d", "epoch=ns",
                "-d", "chunked=true", "-d", "chunk_size=10000"]


@contextmanager
def running() -> Iterator[Peer]:
    with tempfile.TemporaryDirectory() as folder:
        http, rpc = _free_ports()
        settings = Path(folder) / "influxdb.conf"
        settings.write_text(CONFIGURATION.format(folder=folder, http=http, rpc=rpc), encoding="utf-8")
        with open(Path(folder) / "log", "wb") as log, subprocess.Popen(
            [PROGRAM, "-config", str(settings)], stdout=log, stderr=log
        ) as process:
            try:
                peer = Peer(http)
                peer.wait()
                yield peer
            finally:
                process.terminate()


def _free_ports() -> list[int]:
    with socket.socket() as one, socket.socket() as other:
        for taken in (one, other):
            taken.bind(("127.0.0.1", 0))
        return [taken.getsockname()[1] for taken in (one, other)]
