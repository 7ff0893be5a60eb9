"""H7 and H8 of the list of faults: nothing is told without TLS, or with one that others can read."""

import json
import os
import shutil
import socket
import ssl
import subprocess

import pytest
import requests

from .conftest import token
from .wire import SILENCE_SECS, address, exchanged, statuses, trusting

#: What the edge says to a client before it hangs up.
NOT_THIS_VERSION, NOT_THESE_SUITES = "TLSV1_ALERT_PROTOCOL_VERSION", "SSLV3_ALERT_HANDSHAKE_FAILURE"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("path", ["/users/", "/users/me", "/health/live", "/static/index.html"], ids="H7-{}".format)
def test_plain_http_is_refused_with_a_problem_and_no_redirect(path, version):
    request = f"GET {path} HTTP/{version}\r\nHost: localhost\r\nAuthorization: Bearer {token('A001')}\r\n\r\n"
    with socket.create_connection(address(), timeout=SILENCE_SECS) as line:
        head, _, body = exchanged(line, request.encode()).partition(b"\r\n\r\n")

    problem = json.loads(body)
    assert statuses(head) == [problem.pop("status")] == [400]
    assert b"application/problem+json" in head and b"location" not in head.lower()
    assert problem.pop("trace_id")
    assert problem == {
        "type": "urn:mymonit:problem:bad-request", "title": "Bad Request",
        "detail": "HTTPS is served here, and plain HTTP is not", "instance": path,
    }


def an_attacker_s_context() -> ssl.SSLContext:
    """Takes whatever the server takes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return context


def shake_hands(context: ssl.SSLContext, name: str | None = "localhost") -> ssl.SSLSocket:
    with socket.create_connection(address(), timeout=SILENCE_SECS) as line:
        return context.wrap_socket(line, server_hostname=name)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("version", "outcome"),
    [
        (ssl.TLSVersion.TLSv1, NOT_THIS_VERSION),
        (ssl.TLSVersion.TLSv1_1, NOT_THIS_VERSION),
        (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        (ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
    ],
    ids=["H8-TLS-1.0", "H8-TLS-1.1", "H8-TLS-1.2", "H8-TLS-1.3"],
)
def test_only_tls_1_2_and_1_3_are_spoken(version, outcome):
    context = an_attacker_s_context()
    context.minimum_version = context.maximum_version = version

    try:
        with shake_hands(context) as tls:
            found = tls.version()
    except ssl.SSLError as refusal:
        found = refusal.reason

    assert found == outcome


def test_only_suites_with_forward_secrecy_and_authenticated_encryption_are_spoken_h8():
    """Every suite that OpenSSL has here is offered alone. Those of TLS 1.3 are all of this kind."""
    spoken, refused = [], []
    for suite in an_attacker_s_context().get_ciphers():
        context = an_attacker_s_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        if suite["protocol"] == "TLSv1.3":
            continue
        context.set_ciphers(f"{suite['name']}:@SECLEVEL=0")
        try:
            shake_hands(context).close()
            spoken.append(suite)
        except ssl.SSLError as refusal:
            if refusal.reason == NOT_THESE_SUITES:  # and not that this side needs a key for it
                refused.append(suite)

    assert spoken and all((suite["kea"], suite["aead"]) == ("kx-ecdhe", True) for suite in spoken)
    assert {"kx-rsa", "kx-dhe", "kx-ecdhe"} <= {suite["kea"] for suite in refused}
    assert {"auth-null", "auth-rsa"} <= {suite["auth"] for suite in refused}
    assert any(not suite["strength_bits"] for suite in refused), "one without encryption was tried"


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_a_client_may_not_negotiate_anew_h8():
    host, port = address()
    command = ["openssl", "s_client", "-tls1_2", "-connect", f"{host}:{port}", "-servername", host]

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        client.stdin.write(b"R\n")
        client.stdin.flush()
        client.wait(2 * SILENCE_SECS)  # the edge hangs up on who says nothing more
        told = client.stdout.read()

    assert b"RENEGOTIATING" in told
    assert b"no renegotiation" in told.partition(b"RENEGOTIATING")[2]


def test_who_names_no_host_or_another_one_gets_the_one_certificate_there_is_h8():
    """https://127.0.0.1 names none, for an address is no name. There is one site, and nothing hangs on its name: so
    this is not refused. A client that verifies notices that another is meant."""

    def certificate(name: str | None) -> bytes | None:
        with shake_hands(an_attacker_s_context(), name) as tls:
            return tls.getpeercert(binary_form=True)

    assert certificate(None) == certificate("elsewhere.example") == certificate("localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(trusting(), "elsewhere.example")


def test_a_certificate_of_another_authority_is_what_a_client_notices():
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(os.environ["MYMONIT_URL"] + "/health/live", timeout=10, verify=True)
