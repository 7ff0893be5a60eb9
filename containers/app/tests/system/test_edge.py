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


def test_a_body_that_is_refused_unread_harms_nobody_else(as_user, admin):
    nobody = as_user(None)

    for size in (66_000, 400_000, 1_000_000) * 5:
        assert nobody("POST", "/users/", data=b"x" * size).status_code == 401
        assert admin("GET", "/users/me").status_code == 200


def test_attempts_to_sign_in_are_few_while_everything_else_goes_on(as_user):
    """What they find does not matter to the edge: here nobody signs in with a password."""
    nobody = as_user(None)

    answers = [nobody("POST", "/sign-in/password", json={"email": "a", "password": "b"}) for _ in range(40)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} <= {409, 429}
    assert len(refused) >= 5
    assert {(answer.headers["Content-Type"], answer.headers["Retry-After"]) for answer in refused} == {(PROBLEM, "3")}
    assert nobody("GET", "/sign-in/way").status_code == 200
    assert nobody("POST", "/users/", json={}).status_code == 401


def test_the_sign_in_page_is_served_with_its_own_policy(as_user):
    page = as_user(None)("GET", "/static/index.html")

    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert page.headers["Strict-Transport-Security"].startswith("max-age=")


def sent_raw(request: bytes) -> bytes:
    """The answer to bytes that no client library would send."""
    host, port = address()
    context = ssl.create_default_context(cafile=os.environ["MYMONIT_CA"])
    with socket.create_connection((host, port), timeout=10) as line:
        with context.wrap_socket(line, server_hostname=host) as tls:
            tls.sendall(request)
            return b"".join(iter(lambda: tls.recv(65536), b""))


@pytest.mark.parametrize(
    "line",
    [
        b"GET /users/?name=Sk\xc5\x82odowska HTTP/1.1\r\nHost: localhost",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nMarie: \x01",
        b"GET / HTTP/1.1\r\nHost: localhost" + b"".join(b"\r\nX-%d: x" % number for number in range(2000)),
    ],
    ids=["raw-bytes", "control-character", "many-headers"],
)
def test_what_cannot_be_read_is_answered_with_a_problem_that_quotes_nothing(line):
    answer = sent_raw(line + b"\r\nConnection: close\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1].startswith(b"4")
    assert b"application/problem+json" in head
    assert b"odowska" not in body and b"arie" not in body


def test_a_long_query_and_a_doubled_slash_are_no_reason_to_leave_the_api(scientist, experiment_id):
    many = "&".join(f"type=t{number}" for number in range(700))

    assert scientist("GET", f"/measures/{experiment_id}?{many}").json() == []
    answer = scientist("GET", f"/measures//{experiment_id}", allow_redirects=False)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM)
