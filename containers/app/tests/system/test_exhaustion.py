"""H5 and H6 of the list of faults: clients that take their time, and requests that are too large, harm nobody else."""

import gzip
import json
import select
import socket
import ssl
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
import requests

from .conftest import Client, token
from .wire import address, sent_raw, statuses, trusting

KIBIBYTE, MEBIBYTE = 2**10, 2**20

#: Seconds that the edge waits for a head, for more of a body, and for somebody to read on.
TIME_OUT_SECS = 10
#: Requests whose times are compared.
GOOD_REQUESTS = 200
#: Seconds that one of them may take whenever the machine does something else for a moment.
NOISE_SECS = 0.1
#: Times that they are compared, at most: who slows others down does so each time, and a busy machine now and then.
ATTEMPTS = 3

HALF_A_HEAD = b"GET /users/ HTTP/1.1\r\nHost: localhost\r\nX: "
HALF_A_BODY = b"POST /users/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
#: The largest answer that takes no token, a few times in a row: more than all buffers on the way hold.
GREEDY = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10


class SlowClients:
    def __init__(self) -> None:
        self._context = trusting()
        self._lines = ExitStack()
        self._poll = select.poll()
        self._heads: list[ssl.SSLSocket] = []
        self._greedy: list[ssl.SSLSocket] = []
        #: By its descriptor, until when the edge must have patience with each.
        self._patience: dict[int, float] = {}
        self.count = 0

    def __enter__(self) -> "SlowClients":
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()

    def come(self) -> None:
        """500 that do not read, do not send on, say nothing at all, or send their head a byte at a time."""
        for _ in range(50):
            self._greedy.append(self._secured(reading=False))
            self._greedy[-1].sendall(GREEDY)
        for _ in range(150):
            self._secured().sendall(HALF_A_BODY)
        for _ in range(150):
            self._connected()
        for _ in range(150):
            self._heads.append(self._secured())
            self._heads[-1].sendall(HALF_A_HEAD)

    def send_a_byte(self) -> None:
        for line in self._heads:
            with suppress(OSError):  # its time is up
                line.sendall(b"x")

    def have_ended(self) -> bool:
        """They read on: who forwards to the edge, as Docker does, tells of an end only after all that came before."""
        for line in self._greedy:
            line.settimeout(0)
            with suppress(OSError):
                while line.recv(MEBIBYTE):
                    pass
        return not self.waiting()

    def waiting(self) -> int:
        """How many the edge has not closed."""
        return self.count - len(self._poll.poll(0))

    def ended_early(self) -> int:
        """How many the edge has closed before their time was up; on a slow machine it is for some before all came."""
        return sum(time.monotonic() < self._patience[descriptor] for descriptor, _ in self._poll.poll(0))

    @property
    def greedy(self) -> int:
        return len(self._greedy)

    def _secured(self, *, reading: bool = True) -> ssl.SSLSocket:
        line = self._connected(reading=reading)
        return self._lines.enter_context(self._context.wrap_socket(line, server_hostname=address()[0]))

    def _connected(self, *, reading: bool = True) -> socket.socket:
        line = self._lines.enter_context(socket.socket())
        line.settimeout(TIME_OUT_SECS)
        if not reading:  # and the kernels in between keep next to nothing for who does not
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIBIBYTE)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        self._patience[line.fileno()] = time.monotonic() + TIME_OUT_SECS
        line.connect(address())
        self._poll.register(line, select.POLLRDHUP)
        self.count += 1
        return line


def slowest_of_good_requests(between: Callable[[], None] = lambda: None) -> float:
    """Seconds that 99% stay below, each with a connection of its own. Now and then `between` is called."""
    lines = "GET /users/me HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token('S001')}", "Connection: close"
    request = "\r\n".join([*lines, "", ""]).encode()
    times = []
    for number in range(GOOD_REQUESTS):
        if number % 20 == 0:
            between()
        started = time.monotonic()
        assert statuses(sent_raw(request)) == [200]
        times.append(time.monotonic() - started)
    return statistics.quantiles(times, n=100)[-1]


def test_500_slow_clients_slow_nobody_else_down_and_have_their_time_h5(eventually):
    """They need no token. Who has one can hold the places of streams, and no more."""
    slowed: list[bool] = []
    while len(slowed) < ATTEMPTS and all(slowed):
        before = slowest_of_good_requests()
        with SlowClients() as slow:
            slow.come()
            assert (slow.count, slow.ended_early()) == (500, 0)
            meanwhile = slowest_of_good_requests(slow.send_a_byte)
            slowed.append(meanwhile >= max(2 * before, NOISE_SECS))

            eventually(lambda: slow.waiting() <= slow.greedy, within=TIME_OUT_SECS + 5)
            eventually(slow.have_ended, within=5)

    assert not all(slowed)


def pieces(size: int) -> Iterator[bytes]:
    """A body without a length."""
    for _ in range(0, size, 16 * KIBIBYTE):
        yield bytes(16 * KIBIBYTE)


Ask = Callable[[Client], requests.Response]

JSON = {"Content-Type": "application/json"}
BOMB = gzip.compress(bytes(32 * MEBIBYTE))
MANY_FIELDS = json.dumps(dict.fromkeys(map(str, range(10_000)))).encode()
DEEP = b"[" * 400_000 + b"]" * 400_000

OVERSIZE: dict[str, tuple[int, Ask]] = {
    "H6-body-of-10-MiB": (413, lambda ask: ask("POST", "/users/", data=bytes(10 * MEBIBYTE))),
    "H6-body-of-1-MiB-and-a-byte": (413, lambda ask: ask("POST", "/users/", data=bytes(MEBIBYTE + 1))),
    "H6-body-of-10-MiB-in-chunks": (411, lambda ask: ask("POST", "/users/", data=pieces(10 * MEBIBYTE))),
    "H6-field-of-64-KiB": (431, lambda ask: ask("GET", "/users/", headers={"X": "x" * 64 * KIBIBYTE})),
    "H6-field-of-8-KiB": (431, lambda ask: ask("GET", "/users/", headers={"X": "x" * 8 * KIBIBYTE})),
    "H6-head-of-64-KiB": (431, lambda ask: ask("GET", "/users/", headers={f"X{n}": "x" * 6400 for n in range(10)})),
    "H6-address-of-8-KiB": (414, lambda ask: ask("GET", "/" + "x" * 8 * KIBIBYTE)),
    "H6-10000-parameters": (414, lambda ask: ask("GET", "/users/?" + "&" * 10_000)),
    "H6-1000-parameters": (422, lambda ask: ask("GET", "/users/?" + "&".join(f"p{n}" for n in range(1000)))),
    "H6-1000-that-nobody-reads": (422, lambda ask: ask("GET", "/users/me?" + "&".join(f"p{n}" for n in range(1000)))),
    "H6-10000-fields": (422, lambda ask: ask("POST", "/users/", data=MANY_FIELDS, headers=JSON)),
    "H6-bomb": (400, lambda ask: ask("POST", "/users/", data=BOMB, headers={**JSON, "Content-Encoding": "gzip"})),
    "H6-deep-JSON": (400, lambda ask: ask("POST", "/users/", data=DEEP, headers=JSON)),
}


@pytest.mark.parametrize("kind", OVERSIZE)
def test_what_is_too_large_is_refused_with_a_small_problem(admin, kind):
    status, ask = OVERSIZE[kind]

    try:
        answer = ask(admin)
    except requests.ConnectionError:
        assert "64-KiB" in kind, "only of so much the edge need not read everything before it hangs up"
        return

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    assert len(answer.content) < 16 * KIBIBYTE


def test_what_is_too_large_takes_no_memory_for_good_h6(admin, processes):
    def ask_all() -> None:
        for _, ask in OVERSIZE.values():
            with suppress(requests.ConnectionError):
                ask(admin)

    ask_all()
    before = processes.memory("nginx", "rest")
    for _ in range(3):
        ask_all()

    after = processes.memory("nginx", "rest")
    assert after.keys() == before.keys()
    assert max(after[pid] - before[pid] for pid in before) < 20 * MEBIBYTE
