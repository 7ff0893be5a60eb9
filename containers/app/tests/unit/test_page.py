import ctypes
import re
import subprocess
import sys

import pytest
from flask.testing import FlaskClient

from my_monit.rest import page as page_module
from my_monit.rest.application import create_app

PAGE = "/static/index.html"


@pytest.fixture(name="client", scope="module")
def client_without_services() -> FlaskClient:
    return create_app().test_client()


def test_the_page_loads_from_here_alone_and_has_no_script_or_style_within(client: FlaskClient) -> None:
    page = client.get(PAGE)

    assert page.content_type == "text/html; charset=utf-8"
    assert not re.findall(r"<script>|<style|style=| on\w+=|//", page.text.replace("<!DOCTYPE html>", ""))
    loaded = set(re.findall(r'(?:src|href)="([^"]*)"', page.text)) - {"/docs"}
    assert loaded == {"/static/page.css", "/static/page.js", "/static/icon.svg"}
    for place in loaded:
        assert client.get(place).status_code == 200


@pytest.mark.parametrize("name", page_module._TYPES)
def test_whatever_is_text_says_how_it_is_written(name: str, client: FlaskClient) -> None:
    assert client.get(f"/static/{name}").content_type.endswith("; charset=utf-8")


@pytest.mark.parametrize("name", page_module._TYPES)
def test_a_policy_forbids_what_the_page_does_not_need(name: str, client: FlaskClient) -> None:
    answer = client.get(f"/static/{name}")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))

    assert {policy[one] for one in ("default-src", "frame-ancestors", "form-action", "base-uri")} == {"'none'"}
    assert {policy[name] for name in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
    assert "unsafe" not in f"{policy}"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_script_puts_nothing_into_the_page_but_text_and_keeps_nothing_in_the_browser(client: FlaskClient) -> None:
    script = client.get("/static/page.js").text

    assert not re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(", script)
    assert not re.findall(r"localStorage|sessionStorage|indexedDB|document\.cookie|https?:", script)


def test_an_issuer_may_send_people_back_with_a_query(client: FlaskClient) -> None:
    assert client.get(f"{PAGE}?code=c&state=s&session_state=x&iss=i").status_code == 200


@pytest.mark.parametrize(
    "name", ["", "other.html", "../page.py", "..%2fpage.py", "%2e%2e/page.py", "index.html/x", "INDEX.HTML"]
)
def test_nothing_else_is_served_from_there(name: str, client: FlaskClient) -> None:
    assert client.get(f"/static/{name}").status_code in (401, 404)


def test_no_crash_can_write_down_what_passes_through() -> None:
    script = (
        "import ctypes, resource; from my_monit.rest import listener\n"
        "listener._forbid_core_dumps()\n"
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))"
    )
    assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 1  # PR_GET_DUMPABLE: so it is unless something is done

    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)

    assert done.stdout.split() == ["0", "0", "0"]
