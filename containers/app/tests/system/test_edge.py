"""The HTTPS edge as it is started: what it lets in, and how it says no. H10 of the list of faults is here.

Other attacks are in test_transport.py (H7, H8), test_smuggling.py (H1 to H4) and test_exhaustion.py (H5, H6).
"""

import re

import pytest

from .conftest import token
from .wire import sent_raw, statuses

PROBLEM = "application/problem+json"
#: Names, versions, and what errors of programs look like.
TELLING = re.compile(rb"gunicorn|werkzeug|flask|python|debugger|traceback|site-packages|nginx/|File \"|root:", re.I)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("TRACE", "/", 501), ("PATCH", "/users/", 405), ("DELETE", "/health/live", 405)],
    ids=["H10-absent", "H10-TRACE", "H10-PATCH", "H10-DELETE"],
)
def test_what_is_refused_is_refused_with_a_problem_that_tells_nothing_of_servers(admin, method, path, status):
    answer = admin(method, path)

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM)
    assert answer.json()["status"] == status
    assert answer.headers["Server"] == "nginx"
    assert not TELLING.search(answer.content + str(answer.headers).encode())


def asked_as_admin(line: str, *fields: str) -> bytes:
    """The path goes out as it stands: a library would tidy it up."""
    always = "Host: localhost", f"Authorization: Bearer {token('A001')}", "Connection: close"
    return sent_raw("\r\n".join([line, *always, *fields, "", ""]).encode())


@pytest.mark.parametrize("path", ["/users/me", "/sign-in/password"])
@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "PROPFIND", "PURGE", "DEBUG", "BREW", "get"])
def test_a_method_that_is_not_used_is_refused_and_nothing_is_echoed_h10(method, path):
    answer = asked_as_admin(f"{method} {path} HTTP/1.1", "X-Echo: marie")

    assert statuses(answer) == [400 if method == "get" else 501]
    assert PROBLEM.encode() in answer and b"Allow" not in answer
    assert b"marie" not in answer and not TELLING.search(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../application.py", "/static/../../../../../../etc/passwd", "/static../application.py",
        "/static/..%2fapplication.py", "/static/%2e%2e/application.py", "/static/%2e%2e%2f%2e%2e%2fwiring.py",
        "/static/%252e%252e%252fapplication.py", "/static/%25252e%25252e%25252fapplication.py",
        "/static/..\\application.py", "/static/..%5capplication.py", "/static/..;/application.py",
        "/static/....//application.py", "/static/%c0%ae%c0%ae/application.py", "/static//etc/passwd",
        "/static/%2fetc%2fpasswd", "/static/index.html%00.css", "/static/", "/static/.env",
        "/docs/..%2f__init__.py", "/docs/%2e%2e/__init__.py", "/docs/%252e%252e%252f__init__.py", "/docs/index.css",
    ],
)
def test_no_path_leads_out_of_what_is_served_h10(path):
    answer = asked_as_admin(f"GET {path} HTTP/1.1")

    assert statuses(answer) in ([400], [404])
    assert PROBLEM.encode() in answer
    assert not TELLING.search(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/", "/?__debugger__=yes&cmd=resource&f=style.css", "/console", "/debug", "/metrics", "/server-status",
        "/nginx_status", "/.env", "/.git/config", "/users/../metrics", "/actuator/env", "/wsgi.py",
    ],
)
def test_nothing_is_left_for_those_who_look_for_faults_h10(path):
    answer = asked_as_admin(f"GET {path} HTTP/1.1")

    assert statuses(answer) == [404]
    assert not TELLING.search(answer.replace(path.encode(), b""))


def test_no_foreign_page_reads_an_answer_or_may_ask_h10(admin):
    """There is no rule for other origins (CORS), so browsers keep to their own: no answer is read elsewhere."""
    wanted = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}

    for origin in ("https://elsewhere.example", "http://localhost", "null"):
        for answer in (
            admin("OPTIONS", "/users/S001", headers={"Origin": origin, **wanted}),
            admin("GET", "/users/me", headers={"Origin": origin}),
            admin("GET", "/nothing", headers={"Origin": origin}),
        ):
            assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_answers_carry_the_security_headers_once(admin):
    headers = admin("GET", "/users/me").headers

    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic QTAwMTpwYXNz", "Bearer", "Bearer ", "bearer x.y.z", "Bearer x.y.z", "Bearer x, Bearer y", "Token x"],
)
def test_nobody_gets_in_without_a_good_token_a1(as_user, authorization):
    answer = as_user(None)("GET", "/users/", headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_in_the_query_is_no_token_a1(as_user):
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


def test_attempts_to_sign_in_are_few_while_everything_else_goes_on_a7(as_user):
    """Whichever provider there is: what they find does not matter to the edge. Here nobody signs in with a password."""
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


@pytest.mark.parametrize(
    "line",
    [
        b"GET /users/?name=Sk\xc5\x82odowska HTTP/1.1\r\nHost: localhost",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nMarie: \x01",
        b"GET / HTTP/1.1\r\nHost: localhost" + b"".join(b"\r\nX-%d: x" % number for number in range(2000)),
        b"GET / HTTP/3.0\r\nHost: localhost\r\nMarie: x",
    ],
    ids=["raw-bytes", "control-character", "many-headers", "version"],
)
def test_what_cannot_be_read_is_answered_with_a_problem_that_quotes_nothing(line):
    answer = sent_raw(line + b"\r\nConnection: close\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] in (b"400", b"431", b"505")
    assert b"application/problem+json" in head
    assert b"odowska" not in body and b"arie" not in body


def test_a_long_query_and_a_doubled_slash_are_no_reason_to_leave_the_api(scientist, experiment_id):
    many = "&".join(f"type=t{number}" for number in range(700))

    assert scientist("GET", f"/measures/{experiment_id}?{many}").json() == []
    answer = scientist("GET", f"/measures//{experiment_id}", allow_redirects=False)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM)
