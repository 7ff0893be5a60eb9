"""Bytes on a connection to the edge, as no client library would send them."""

import os
import re
import socket
import ssl
from urllib.parse import urlsplit

#: Seconds without a byte after which a peer is taken for silent: less than what the edge itself waits for.
SILENCE_SECS = 8


def address() -> tuple[str, int]:
    parts = urlsplit(os.environ["MYMONIT_URL"])
    return parts.hostname or "localhost", parts.port or 443


def trusting() -> ssl.SSLContext:
    """The stack's own authority, and nobody else."""
    return ssl.create_default_context(cafile=os.environ["MYMONIT_CA"])


def exchanged(line: socket.socket, request: bytes) -> bytes:
    """What comes back until the peer closes. Raises TimeoutError when it does not."""
    line.sendall(request)
    return b"".join(iter(lambda: line.recv(65536), b""))


def sent_raw(request: bytes) -> bytes:
    with socket.create_connection(address(), timeout=SILENCE_SECS) as line:
        with trusting().wrap_socket(line, server_hostname=address()[0]) as tls:
            return exchanged(tls, request)


def statuses(answers: bytes) -> list[int]:
    """Of each answer in a row of them."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answers)]
