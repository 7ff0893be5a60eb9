"""A running stack, seen from outside: only URLs, queues and tokens. Nothing of my_monit is imported here.

What is only to be seen from beside it (`processes`) is looked at where that is possible, and skipped elsewhere.

`eval "$(./run.sh env)"` sets what these tests need.
"""

import os
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests

from .processes import Processes

ROOT = Path(__file__).parents[4]
_VARIABLES = ("MYMONIT_URL", "MYMONIT_CA", "RABBIT_URL", "RABBIT_CA", "RABBIT_USER", "RABBIT_PASSWORD")


@pytest.fixture(scope="session", autouse=True)
def _running_stack() -> None:
    missing = [name for name in _VARIABLES if not os.environ.get(name)]
    if missing:
        text = f'{", ".join(missing)} not set: eval "$(./run.sh env)"'
        pytest.fail(text) if os.environ.get("CI") else pytest.skip(text)


@pytest.fixture(scope="session", autouse=True)
def _spool(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Adapters that the tests start keep nothing in the home of who runs them."""
    os.environ["MYMONIT_SPOOL"] = str(tmp_path_factory.mktemp("spool"))


@cache
def token(user_id: str) -> str:
    return subprocess.run(
        ["./run.sh", "token", user_id], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


class Client:
    """The API as one user sees it; certificates are verified."""

    def __init__(self, user_id: str | None) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = os.environ["MYMONIT_CA"]
        if user_id is not None:
            self._session.headers["Authorization"] = f"Bearer {token(user_id)}"

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self._session.request(method, os.environ["MYMONIT_URL"] + path, timeout=60, **options)


@pytest.fixture(scope="session")
def as_user() -> Callable[[str | None], Client]:
    return cache(Client)


@pytest.fixture(scope="session")
def admin(as_user) -> Client:
    return as_user("A001")


@pytest.fixture(scope="session")
def scientist(as_user) -> Client:
    return as_user("S001")


@pytest.fixture(scope="session")
def experiment_id(admin) -> int:
    """Of device-vibrations, which S001 may see."""
    names = {one["name"]: one["experiment_id"] for one in admin("GET", "/experiments/").json()}
    return names["device-vibrations"]


@pytest.fixture(scope="session")
def processes() -> Processes:
    """Beside the stack, where it is processes of this machine: a test that asks for them is skipped elsewhere."""
    home = Path(os.environ["MYMONIT_CA"]).parents[1]  # where run.sh keeps it: <home>/certificates/ca.crt
    mode = home / "mode"
    if not mode.exists() or mode.read_text(encoding="ascii").strip() != "native":
        pytest.skip("the stack is in containers or on another machine: its processes are out of sight")
    return Processes(ROOT, home)


def publish(body: bytes, *, routing_key: str = "measures", properties: dict[str, str] | None = None) -> None:
    """Publish as a foreign client does: amqp-publish, which names no content type unless told."""
    user, password, url = (os.environ[name] for name in ("RABBIT_USER", "RABBIT_PASSWORD", "RABBIT_URL"))
    vhost = os.environ.get("RABBIT_VHOST", "").strip("/")
    address = url.replace("amqps://", f"amqps://{user}:{password}@") + (f"/{vhost}" if vhost else "")
    options = [f"--{name}={value}" for name, value in (properties or {}).items()]
    command = ["amqp-publish", "-u", address, f"--cacert={os.environ['RABBIT_CA']}", "-e", "mymonit", "-r", routing_key]
    subprocess.run([*command, *options], input=body, check=True, timeout=30)
