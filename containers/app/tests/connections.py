"""What this process connects to: the boundary behind which a token could be believed by whom it names itself."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def connections() -> Iterator[list[str]]:
    """Whom anything here connects to meanwhile, or asks the address of: `host:port`. Nothing is kept from it."""
    seen: list[str] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def seen_connect(line: socket.socket, address: Any) -> None:
        seen.append("{}:{}".format(*address) if isinstance(address, tuple) else str(address))
        connect(line, address)

    def seen_look_up(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        seen.append(f"{host}:{port}")
        return look_up(host, port, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", seen_connect)
        patch.setattr(socket, "getaddrinfo", seen_look_up)
        yield seen
