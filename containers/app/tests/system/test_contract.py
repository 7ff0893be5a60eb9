"""What the API says of itself, through nginx: methods, its description, and the page to read that with."""

import re

import pytest

POLICY = {"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"}


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_method_that_is_not_served_is_told_with_those_that_are(as_user, method):
    answer = as_user(None)(method, "/users/me")

    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert answer.json()["detail"].startswith("this method is not served here")


def test_methods_are_told_to_whoever_asks_and_no_foreign_page_may_use_them(as_user):
    answer = as_user(None)("OPTIONS", "/users/me", headers={"Origin": "https://elsewhere.example"})

    assert (answer.status_code, answer.content) == (204, b"")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_the_page_of_the_description_loads_from_here_alone_and_may_do_nothing_else(as_user):
    nobody = as_user(None)
    page = nobody("GET", "/docs")

    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert POLICY <= set(page.headers["Content-Security-Policy"].split("; "))
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert not re.findall(r"<script>|<style|style=| on\w+=", page.text)
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert len(loaded) == 4
    for place in loaded:
        answer = nobody("GET", place)
        assert (place[0], answer.status_code) == ("/", 200)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert nobody("GET", "/docs/oauth2-redirect.html").status_code == 404
    assert nobody("GET", "/docs/..%2f__init__.py").status_code == 401


def test_a_change_through_the_proxy_heeds_the_version(admin, experiment_id):
    path = f"/experiments/{experiment_id}"
    etag = admin("GET", path).headers["ETag"]

    assert re.fullmatch('"[0-9a-f]{32}"', etag)
    assert admin("GET", path, headers={"If-None-Match": etag}).status_code == 304
    same = {"name": "device-vibrations"}
    assert admin("PUT", path, json=same, headers={"If-Match": '"other"'}).status_code == 412
    assert admin("PUT", path, json=same, headers={"If-Match": etag}).status_code == 200
