"""How a server is run, so that it can be stopped, killed, frozen and asked: as a process, or as a container."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

#: Seconds until a server lets its administrator in: eight on an idle machine, but a container makes its data first.
START_SECS = 120
#: Seconds for a server to end by itself, and for one of its tools to answer.
STOP_SECS = 60
TOOL_SECS = 60


class Runner(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""

    def kill(self) -> None:
        """As a power cut does: nothing is written any more."""

    def freeze(self) -> None:
        """It stays connected, and does nothing."""

    def thaw(self) -> None: ...

    @property
    def alive(self) -> bool: ...

    def tool(self, *command: str) -> str:
        """Run one of the server's own tools beside it; return what it prints."""

    def discard(self) -> None:
        """Kill it, and leave nothing behind but its data."""


def wait_until_up(name: str, enter: Callable[[], object], *, but: tuple[type[Exception], ...]) -> None:
    """Until a server can be entered without one of these errors."""
    deadline = time.monotonic() + START_SECS
    while True:
        try:
            enter()
            return
        except but as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the {name} is not up after {START_SECS} s: {error!r}") from error
            time.sleep(0.1)


class ProcessRunner:
    """A session of its own, so that Ctrl-C reaches it only through us, and a kill reaches its children, too."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], *, log: Path) -> None:
        self._command = command
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        self._signal(signal.SIGTERM, whole_group=False)
        self._wait()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._wait()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def tool(self, *command: str) -> str:
        return _output(command, self._environment)

    def discard(self) -> None:
        if self._process is not None:
            self.kill()

    def _signal(self, number: int, *, whole_group: bool = True) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._process is not None and whole_group:
                os.killpg(self._process.pid, number)
            elif self.alive and self._process is not None:
                self._process.send_signal(number)

    def _wait(self) -> None:
        if self._process is not None:
            self._process.wait(STOP_SECS)


class ContainerRunner:
    """On the host's network, so that addresses and configuration are those of a process. Its data outlive a kill."""

    def __init__(
        self, name: str, image: str, *, options: Sequence[str] = (), arguments: Sequence[str] = ()
    ) -> None:
        self._name = name
        self._create = ["create", "--name", name, "--network", "host", *options, image, *arguments]
        self._created = False

    def start(self) -> None:
        if not self._created:
            self._docker(*self._create)
            self._created = True
        self._docker("start", self._name)

    def stop(self) -> None:
        self._docker("stop", "--time", str(STOP_SECS), self._name)

    def kill(self) -> None:
        self._docker("kill", self._name)

    def freeze(self) -> None:
        self._docker("pause", self._name)

    def thaw(self) -> None:
        self._docker("unpause", self._name)

    @property
    def alive(self) -> bool:
        return self._docker("inspect", "--format", "{{.State.Running}}", self._name).strip() == "true"

    def tool(self, *command: str) -> str:
        return self._docker("exec", self._name, *command)

    def discard(self) -> None:
        if self._created:
            self._docker("rm", "--force", "--volumes", self._name)
            self._created = False

    def _docker(self, *arguments: str) -> str:
        return _output(["docker", *arguments], None)


def _output(command: Sequence[str], environment: Mapping[str, str] | None) -> str:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=TOOL_SECS + STOP_SECS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]
