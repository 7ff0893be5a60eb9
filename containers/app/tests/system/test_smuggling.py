"""H1 to H4 of the list of faults: requests that two parsers might read differently, and what a client says of itself.

Each is also given to gunicorn itself, where that is a process of this machine: one parser must not count on the other.
"""

import socket
import uuid
from collections.abc import Callable
from functools import partial

import pytest

from .wire import SILENCE_SECS, exchanged, sent_raw, statuses

#: Enough for every process of nginx to use the connection to the application that it has used last.
OTHERS = 4

Send = Callable[[bytes], bytes]


@pytest.fixture(params=["nginx", "gunicorn"])
def send(request: pytest.FixtureRequest) -> Send:
    if request.param == "nginx":
        return sent_raw
    return partial(sent_to_gunicorn, request.getfixturevalue("processes").ports()["REST_PORT"])


def sent_to_gunicorn(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=SILENCE_SECS) as line:
        return exchanged(line, request)


@pytest.fixture
def others_are_well(as_user) -> Callable[[], None]:
    """Whoever comes next gets the answer to their own question: connections to the application are shared."""

    def ask() -> None:
        for _ in range(OTHERS):
            path = f"/of-another-{uuid.uuid4().hex}"
            answer = as_user(None)("GET", path, headers={"Connection": "close"})
            assert (answer.status_code, answer.json()["instance"]) == (401, path)

    return ask


def head(*lines: str, first: str = "POST /users/ HTTP/1.1", host: str = "Host: localhost", end: str = "\r\n") -> bytes:
    return end.join([first, host, *lines, "", ""]).encode()


LIVE = "GET /health/live HTTP/1.1"
SMUGGLED = head(first=LIVE)
LENGTH = f"Content-Length: {len(SMUGGLED)}"
CHUNKED = "Transfer-Encoding: chunked"
LAST_CHUNK = b"0\r\n\r\n"

#: Where the first request ends is told twice, or in a way of its own; a parser that guesses sees the second.
AMBIGUOUS = {
    "H1-length-and-chunked": head(LENGTH, CHUNKED) + LAST_CHUNK + SMUGGLED,
    "H1-chunked-and-length": head(CHUNKED, "Content-Length: 5") + LAST_CHUNK + SMUGGLED,
    "H1-chunked-and-no-length": head(CHUNKED, "Content-Length: 0") + LAST_CHUNK + SMUGGLED,
    "H1-two-lengths": head("Content-Length: 0", LENGTH) + SMUGGLED,
    "H1-two-lengths-the-other-way": head(LENGTH, "Content-Length: 0") + SMUGGLED,
    "H1-the-same-length-twice": head("Content-Length: 0", "Content-Length: 0") + SMUGGLED,
    "H1-list-of-lengths": head("Content-Length: 0, 0") + SMUGGLED,
    "H1-length-with-sign": head("Content-Length: +0") + SMUGGLED,
    "H1-negative-length": head("Content-Length: -1") + SMUGGLED,
    "H1-length-in-hexadecimal": head("Content-Length: 0x0") + SMUGGLED,
    "H1-length-with-underscore": head("Content-Length: 0_0") + SMUGGLED,
    "H1-length-of-two-words": head("Content-Length: 0 0") + SMUGGLED,
    "H1-empty-length": head("Content-Length:") + SMUGGLED,
    "H1-length-before-a-blank": head("Content-Length : 0") + SMUGGLED,
    "H1-chunked-before-a-blank": head("Transfer-Encoding : chunked") + LAST_CHUNK + SMUGGLED,
    "H1-chunked-on-a-line-of-its-own": head("Transfer-Encoding:", " chunked") + LAST_CHUNK + SMUGGLED,
    "H1-chunked-twice": head(CHUNKED, CHUNKED) + LAST_CHUNK + SMUGGLED,
    "H1-chunked-in-HTTP/1.0": head(CHUNKED, first="POST /users/ HTTP/1.0") + LAST_CHUNK + SMUGGLED,
    "H1-host-before-a-blank": head(host="Host : localhost"),
    "H1-two-hosts": head("Host: elsewhere.example"),
}
CHUNKS = {
    "H1-size-with-0x": b"0x0\r\n\r\n", "H1-size-with-sign": b"+0\r\n\r\n", "H1-size-of-nothing": b"\r\n\r\n",
    "H1-size-that-is-negative": b"-1\r\nx\r\n" + LAST_CHUNK, "H1-longer-than-it-says": b"1\r\nxx\r\n" + LAST_CHUNK,
}


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_a_request_whose_end_or_host_is_ambiguous_is_the_last_on_its_connection(send, others_are_well, kind):
    assert statuses(send(AMBIGUOUS[kind])) == [400]
    others_are_well()


@pytest.mark.parametrize("kind", CHUNKS)
def test_chunks_that_are_none_are_the_last_on_their_connection(send, others_are_well, kind):
    """nginx refuses all chunks: a body must have a length."""
    assert statuses(send(head(CHUNKED) + CHUNKS[kind] + SMUGGLED)) in ([400], [411])
    others_are_well()


@pytest.mark.parametrize("coding", ["xchunked", "chunked-", "x, chunked", "chunked, x", "cow"])
def test_a_transfer_coding_that_nobody_knows_is_not_served_h2(send, others_are_well, coding):
    answer = send(head(f"Transfer-Encoding: {coding}") + LAST_CHUNK + SMUGGLED)

    assert statuses(answer) == [501]
    assert b"urn:mymonit:problem:not-implemented" in answer
    others_are_well()


@pytest.mark.parametrize("coding", ["identity", "gzip", "chunked, identity", "\x0bchunked", "chunked;q=1"])
def test_a_transfer_coding_that_says_nothing_of_the_end_is_refused_h2(send, others_are_well, coding):
    answers = statuses(send(head(f"Transfer-Encoding: {coding}") + LAST_CHUNK + SMUGGLED))

    assert answers in ([400], [501])
    others_are_well()


#: A line feed without its carriage return. Who takes it for the end of a line sees fields that others do not.
BARE = {
    "H3-every-line": head("Connection: close", first=LIVE, end="\n"),
    "H3-the-first-line": head("Connection: close", first=f"{LIVE}\nX: y"),
    "H3-the-last-line": head("Connection: close\n\r\n", first=LIVE),
    "H3-a-hidden-coding": head(f"X: y\n{CHUNKED}", LENGTH) + LAST_CHUNK + SMUGGLED,
    "H3-a-hidden-length": head("X: y\nContent-Length: 0", LENGTH) + SMUGGLED,
    "H3-a-hidden-request": head(f"X: y\n\n{LIVE}\nHost: localhost\n", "Connection: close"),
    "H3-after-a-chunk-s-size": head(CHUNKED, "Connection: close") + b"1\nx\r\n" + LAST_CHUNK,
    "H3-after-the-last-chunk": head(CHUNKED, "Connection: close") + b"0\n\n" + SMUGGLED,
}


@pytest.mark.parametrize("kind", BARE)
def test_a_bare_line_feed_that_nginx_bears_with_leads_no_request_to_anybody_else(others_are_well, kind):
    """nginx may take it for the end of a line. It writes every request anew, so gunicorn never sees it."""
    answers = statuses(sent_raw(BARE[kind]))

    assert answers and set(answers) <= {200, 400, 401, 411}
    assert len(answers) == 1 or kind in ("H3-a-hidden-request", "H3-after-the-last-chunk"), "both are the sender's own"
    others_are_well()


@pytest.mark.parametrize("kind", BARE)
def test_gunicorn_takes_no_bare_line_feed(processes, kind):
    answer = sent_to_gunicorn(processes.ports()["REST_PORT"], BARE[kind])

    assert statuses(answer) == [400]


def outside() -> str:
    """An address of this machine that others can reach. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        try:
            line.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine is in no network")
        return line.getsockname()[0]


def test_beyond_the_machine_only_the_edge_and_the_broker_are_reached_h3(processes):
    """Kibana runs in a container alone, so its port may be anybody's."""

    def is_reached(port: int) -> bool:
        try:
            socket.create_connection((outside(), port), timeout=SILENCE_SECS).close()
        except OSError:
            return False
        return True

    reached = {name for name, port in processes.ports().items() if is_reached(port)}

    assert reached - {"KIBANA_PORT"} == {"HTTPS_PORT", "AMQPS_PORT"}


#: What proxies tell applications, and a client might, too.
TOLD_OF_ONESELF = (
    "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Ssl",
    "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Forwarded-User", "X-Real-IP", "X-Client-IP",
    "True-Client-IP", "Via", "X-Original-URL", "X-Rewrite-URL", "X-User-Id", "X-Remote-User", "Remote-User",
    "X-Request-ID", "Script-Name", "Path-Info",
)


def forgeries(value: str) -> dict[str, dict[str, str]]:
    return {
        "H4-as-a-proxy-writes-them": dict.fromkeys(TOLD_OF_ONESELF, value),
        "H4-with-underscores": {name.replace("-", "_"): value for name in TOLD_OF_ONESELF},
        "H4-Forwarded": {"Forwarded": f"for={value};host={value};proto=http;by={value}"},
        "H4-plain-HTTP": {"X-Forwarded-Proto": "http", "X-Forwarded-Protocol": "http", "X-Forwarded-Ssl": "off"},
        "H4-Host": {"Host": f"{value}.example"},
    }


@pytest.mark.parametrize("kind", forgeries(""))
def test_what_a_client_says_of_itself_changes_nothing_and_is_in_no_answer(admin, as_user, kind):
    forged = uuid.uuid4().hex
    headers = forgeries(forged)[kind]

    me = admin("GET", "/users/me", headers=headers)
    assert (me.status_code, me.json()["user_id"]) == (200, "A001")
    page = admin("GET", "/users/?limit=1", headers=headers)
    assert page.links["next"]["url"].startswith("/users/?limit=1&cursor=")
    refused = as_user(None)("GET", "/nothing", headers=headers)
    assert (refused.status_code, refused.json()["instance"]) == (401, "/nothing")
    for answer in (me, page, refused):
        assert forged not in answer.text + str(answer.headers)


def test_what_a_client_says_of_itself_is_in_no_log_and_no_audit_h4(scientist, processes, eventually):
    forged, denied = uuid.uuid4().hex, []

    for headers in forgeries(forged).values():
        denied.append(scientist("GET", "/users/", headers=headers).json()["trace_id"])

    audited = processes.audited()
    assert all(trace_id in audited for trace_id in denied)
    # The application's line, and nginx's.
    eventually(lambda: all(processes.logged().count(trace_id) >= 2 for trace_id in denied))
    assert forged not in audited + processes.logged()
