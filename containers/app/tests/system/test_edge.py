"""The HTTPS edge as it is started: what it lets in, and how it says no."""

import os
import socket
import ssl
from urllib.parse import urlsplit

import pytest
import requests

PROBLEM = "application/problem+json"


def address() -> tuple[str, int]:
    parts = urlsplit(os.environ["MYMONIT_URL"])
    return parts.hostname or "localhost", parts.port or 443


def test_plain_http_is_refused_with_a_problem_and_no_redirect():
    host, port = address()

    answer = requests.get(f"http://{host}:{port}/users/", timeout=10, allow_redirects=False)

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, PROBLEM)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("version", "spoken"),
    [
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
def test_only_tls_1_2_and_1_3_are_spoken(version, spoken):
    context = ssl.create_default_context(cafile=os.environ["MYMONIT_CA"])
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    host, port = address()

    def shake_hands() -> bool:
        try:
            with socket.create_connection((host, port), timeout=10) as line:
                with context.wrap_socket(line, server_hostname=host) as tls:
                    return tls.version() is not None
        except (ssl.SSLError, ConnectionError):
            return False

    assert shake_hands() is spoken


def test_a_certificate_of_another_authority_is_what_a_client_notices():
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(os.environ["MYMONIT_URL"] + "/health/live", timeout=10, verify=True)


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("POST", "/users/", {"data": b"x" * 2**21}, 413),
        ("GET", "/" + "x" * 9000, {}, 414),
        ("GET", "/", {"headers": {"X-Long": "x" * 9000}}, 431),
        ("TRACE", "/", {}, 405),
        ("GET", "/nothing", {}, 404),
        ("PATCH", "/users/", {}, 405),
    ],
)
def test_what_is_refused_is_refused_with_a_problem_that_tells_nothing_of_servers(admin, method, path, options, status):
    answer = admin(method, path, **options)

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM)
    assert answer.json()["status"] == status
    assert answer.headers["Server"] == "nginx"


def test_answers_carry_the_security_headers_once(admin):
    headers = admin("GET", "/users/me").headers

    assert headers["Strict-Transport-Security"].startswith("max-age=")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic QTAwMTpwYXNz", "Bearer", "Bearer ", "bearer x.y.z", "Bearer x.y.z", "Bearer x, Bearer y", "Token x"],
)
def test_nobody_gets_in_without_a_good_token(as_user, authorization):
    answer = as_user(None)("GET", "/users/", headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_in_the_query_is_no_token(as_user):
    assert as_user(None)("GET", "/users/?access_token=x&token=y").status_code == 401


def test_health_and_description_are_open_to_everybody(as_user):
    nobody = as_user(None)

    assert nobody("GET", "/health/live").json() == nobody("GET", "/health/ready").json() == {"status": "ok"}
    assert nobody("GET", "/openapi.json").json()["openapi"].startswith("3.1")
