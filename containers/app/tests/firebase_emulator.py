"""Firebase's own emulator of its authentication, from the npm package firebase-tools: a process of Node's."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

#: The one that MyMONIT expects of an emulator.
PROJECT = "demo-mymonit"
START_SECS = 90
STOP_SECS = 20


class Emulator:
    def __init__(self, host: str) -> None:
        self.host = host
        self._session = requests.Session()
        self._session.trust_env = False
        # Whoever says this is the project's owner: it is an emulator.
        self._session.headers["Authorization"] = "Bearer owner"

    def add(self, uid: str, email: str, password: str) -> None:
        self._post(f"projects/{PROJECT}/accounts", localId=uid, email=email, password=password)

    def change(self, uid: str, **changes: object) -> None:
        self._post(f"projects/{PROJECT}/accounts:update", localId=uid, **changes)

    def delete(self, uid: str) -> None:
        self._post(f"projects/{PROJECT}/accounts:delete", localId=uid)

    def token(self, email: str, password: str) -> str:
        question = {"email": email, "password": password, "returnSecureToken": True}
        return str(self._post("accounts:signInWithPassword?key=any", **question)["idToken"])

    def forget_everybody(self) -> None:
        address = f"http://{self.host}/emulator/v1/projects/{PROJECT}/accounts"
        self._session.delete(address, timeout=10).raise_for_status()

    def is_ready(self) -> bool:
        with suppress(requests.ConnectionError):
            return self._session.get(f"http://{self.host}/", timeout=5).ok
        return False

    def _post(self, path: str, **body: object) -> dict[str, Any]:
        address = f"http://{self.host}/identitytoolkit.googleapis.com/v1/{path}"
        answer = self._session.post(address, json=body, timeout=10)
        answer.raise_for_status()
        return dict(answer.json())


@contextmanager
def running_emulator(folder: Path) -> Iterator[Emulator]:
    """`folder` takes its configuration and its log."""
    ports = dict(zip(("auth", "hub", "logging"), free_ports(3), strict=True))
    places: dict[str, Any] = {name: {"host": "127.0.0.1", "port": port} for name, port in ports.items()}
    configuration = folder / "firebase.json"
    configuration.write_text(json.dumps({"emulators": {**places, "ui": {"enabled": False}}}), encoding="utf-8")
    with (folder / "emulator.log").open("wb") as log, subprocess.Popen(
        [*command(), "emulators:start", "--only", "auth", "--project", PROJECT, "--config", str(configuration)],
        stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=environment(folder), start_new_session=True,
    ) as process:
        try:
            emulator = Emulator(f"127.0.0.1:{ports['auth']}")
            await_start(emulator, process, folder / "emulator.log")
            yield emulator
        finally:
            end(process)


def command() -> list[str]:
    """Fails where the tests were asked for by name, and skips otherwise, when it is not installed."""
    tools = os.environ.get("FIREBASE_TOOLS")
    if not tools or not shutil.which("node"):
        text = "no emulator of Firebase's: ./run-checks.sh firebase installs it"
        pytest.fail(text) if os.environ.get("CI") or tools else pytest.skip(text)
    return ["node", str(Path(tools) / "firebase-tools" / "lib" / "bin" / "firebase.js")]


def environment(folder: Path) -> dict[str, str]:
    """Nobody's account and settings, and no question about what is new."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "CI": "true", "NO_UPDATE_NOTIFIER": "1"}


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def await_start(emulator: Emulator, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECS
    while not emulator.is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the emulator did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)


def end(process: "subprocess.Popen[bytes]") -> None:
    """It has children, which are in its session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_SECS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
