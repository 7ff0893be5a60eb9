"""A TCP port in front of a server, at which every trouble of a network can be made."""

import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

#: Seconds between two bytes of a line that has become very slow.
SLOW_SECS = 1.0
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no seconds; closing then sends RST


class Tap(Protocol):
    """Reads along what the server sends on one connection."""

    def feed(self, data: bytes) -> None: ...


class Trap:
    """Does something once, when a client's bytes match.

    `at` says when: "request" before they reach the server, "sent" after, "reply" when the server has answered and
    before the client hears it.
    """

    def __init__(self, pattern: bytes, at: str, action: Callable[["Link"], None]) -> None:
        self.at = at
        self._pattern = re.compile(pattern)
        self._action = action
        self.sprung = threading.Event()

    def matches(self, data: bytes, before: int) -> bool:
        """Whether it is in `data` and ends behind the first `before` bytes, which were looked at already."""
        return any(found.end() > before for found in self._pattern.finditer(data))

    def spring(self, link: "Link") -> None:
        self._action(link)
        self.sprung.set()


class Link:
    """One connection through the proxy."""

    #: Bytes that a pattern may be long.
    OVERLAP = 64

    def __init__(self, proxy: "Proxy", client: socket.socket, server: socket.socket, tap: Tap | None) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._tap = tap
        self._waiting: Trap | None = None
        self._dead = threading.Event()
        for work in (self._to_server, self._to_client):
            threading.Thread(target=work, daemon=True).start()

    def reset(self) -> None:
        """Both sides are told that the connection is no more."""
        self._dead.set()
        for side in (self._client, self._server):
            _reset(side)

    def half_open(self) -> None:
        """The server is told, the client is not."""
        self._dead.set()
        _reset(self._server)

    def _to_server(self) -> None:
        seen = b""
        with suppress(OSError):
            while data := self._client.recv(65536):
                before = seen[-self.OVERLAP :]
                seen = before + data
                trap = self._proxy.trapped(seen, len(before))
                if trap is not None and trap.at == "request":
                    trap.spring(self)
                if trap is not None and trap.at == "reply":
                    self._waiting = trap
                self._forward(self._server, data)
                if trap is not None and trap.at == "sent":
                    trap.spring(self)
        self._end()

    def _to_client(self) -> None:
        with suppress(OSError):
            while data := self._server.recv(65536):
                trap, self._waiting = self._waiting, None
                if trap is not None:
                    trap.spring(self)
                if self._dead.is_set():
                    return
                if self._tap is not None:
                    self._tap.feed(data)
                self._forward(self._client, data)
        self._end()

    def _forward(self, target: socket.socket, data: bytes) -> None:
        self._proxy.flowing.wait()
        if not self._dead.is_set() and self._proxy.slow:
            self._trickle(target, data)
        elif not self._dead.is_set():
            target.sendall(data)

    def _trickle(self, target: socket.socket, data: bytes) -> None:
        for position in range(len(data)):
            if not self._proxy.slow:
                target.sendall(data[position:])
                return
            target.sendall(data[position : position + 1])
            time.sleep(SLOW_SECS)

    def _end(self) -> None:
        if not self._dead.is_set():
            for side in (self._client, self._server):
                with suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)


class Proxy:
    def __init__(self, port: int, *, tap: Callable[[], Tap] | None = None) -> None:
        """`port` is the server's, on this machine; `tap` is made once for each connection."""
        self._target = ("127.0.0.1", port)
        self._tap = tap
        self._lock = threading.Lock()
        self._links: list[Link] = []
        self._trap: Trap | None = None
        #: Cleared while every packet is lost.
        self.flowing = threading.Event()
        self.flowing.set()
        self.slow = False
        self._door: socket.socket | None = None
        self.port = self._open(0)

    def let_pass(self) -> None:
        self.slow = False
        self.flowing.set()
        if self._door is None:
            self._open(self.port)

    def refuse(self) -> None:
        """Nobody listens here any more, and who is connected is told so."""
        door, self._door = self._door, None
        if door is not None:
            with suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            door.close()
        self.reset()

    def reset(self) -> None:
        for link in self._all():
            link.reset()

    def half_open(self) -> None:
        for link in self._all():
            link.half_open()

    def blackhole(self) -> None:
        """Every packet is lost, and nobody is told."""
        self.flowing.clear()

    def set_trap(self, pattern: bytes, *, at: str, action: Callable[[Link], None]) -> Trap:
        trap = Trap(pattern, at, action)
        with self._lock:
            self._trap = trap
        return trap

    def trapped(self, data: bytes, before: int) -> Trap | None:
        """The trap, once, when the bytes are those that it waits for."""
        if self._trap is None:
            return None
        with self._lock:
            trap = self._trap
            if trap is None or not trap.matches(data, before):
                return None
            self._trap = None
            return trap

    def close(self) -> None:
        self.refuse()
        self.flowing.set()

    def _all(self) -> list[Link]:
        """Those that have ended, too: their sockets are closed at last."""
        with self._lock:
            return list(self._links)

    def _open(self, port: int) -> int:
        door = socket.create_server(("127.0.0.1", port), backlog=64)
        self._door = door
        threading.Thread(target=self._accept, args=(door,), daemon=True).start()
        return int(door.getsockname()[1])

    def _accept(self, door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = door.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=10)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._links.append(Link(self, client, server, self._tap() if self._tap else None))
        if self._door is None:  # it was closed meanwhile
            self.reset()


def _reset(side: socket.socket) -> None:
    with suppress(OSError):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    with suppress(OSError):
        side.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it
    with suppress(OSError):
        side.close()
