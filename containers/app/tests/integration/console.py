"""The command `mymonit` and what it says, as the tests of it need it."""

import socket
from collections.abc import Callable

from click.testing import Result

Mymonit = Callable[..., Result]
Audited = Callable[[], tuple[str, str, str, str]]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def refused(result: Result) -> str:
    """What the command says when it fails: one line."""
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line
