"""What gunicorn's worker answers where no application can: nginx refuses most of it before."""

import json
import socket

import pytest
from gunicorn.http.errors import (
    InvalidHeader, InvalidResponseHeader, LimitRequestHeaders, LimitRequestLine, UnsupportedTransferCoding,
)

from my_monit.rest.worker import Worker


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (InvalidHeader("Marie: x"), 400, "this is not a well-formed request"),
        (LimitRequestLine(9000, 8190), 414, "this is not a well-formed request"),
        (LimitRequestHeaders("Marie: x"), 431, "this is not a well-formed request"),
        (UnsupportedTransferCoding("Marie"), 501, "this transfer encoding is not served here"),
        (InvalidResponseHeader("Marie: x"), 500, "the request could not be served"),
        (ZeroDivisionError("Marie"), 500, "the request could not be served"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_cannot_be_served_is_answered_with_a_problem_that_quotes_nothing(
    error: Exception, status: int, detail: str
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        Worker.handle_error(Worker.__new__(Worker), None, ours, ("192.0.2.1", 1), error)
        head, _, body = theirs.recv(65536).partition(b"\r\n\r\n")

    problem = json.loads(body)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert f"Content-Length: {len(body)}".encode() in head and b"Connection: close" in head
    assert (problem["status"], problem["detail"]) == (status, detail)
    assert b"Marie" not in head + body
