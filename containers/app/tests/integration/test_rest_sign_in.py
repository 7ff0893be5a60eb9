"""What the sign-in page asks: only for that page, audited, and without a trace of what was typed."""

from collections.abc import Callable, Iterator

import pytest
from dependency_injector import providers
from pydantic import SecretStr
from werkzeug.test import TestResponse

from my_monit.errors import Unauthenticated
from my_monit.identity.sign_in import VISIT_SECS, SignIn
from my_monit.rest.sign_in import COOKIE
from my_monit.wiring import Container
from tests.integration.laboratory import INA, SAM
from tests.integration.rest_api import Api

EMAIL, PASSWORD = "canary-S001@example.org", "canary password"
CREDENTIALS = {"email": EMAIL, "password": PASSWORD}
POSTS = ["/sign-in/password", "/sign-in/begin", "/sign-in/finish"]


class Provider:
    """Both ways in one: whoever gives the password, or comes back with what was kept, is SAM, unless it is INA."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.who = SAM

    def token(self, email: str, password: SecretStr) -> str:
        if (email, password.get_secret_value()) != (EMAIL, PASSWORD):
            raise Unauthenticated("wrong")
        return self._api.token(self.who)

    def begin(self, page: str) -> tuple[str, str]:
        return f"https://issuer.example/?{page}", "kept-by-the-browser"

    def finish(self, kept: str, *, state: str, code: str) -> str:
        if (kept, state, code) != ("kept-by-the-browser", "canary-state", "canary-code"):
            raise Unauthenticated("wrong")
        return self._api.token(self.who)


@pytest.fixture(name="provider")
def provider_of_both_ways(rest_container: Container, api: Api) -> Iterator[Provider]:
    provider = Provider(api)
    sign_in = SignIn("test", by_password=provider, by_code=provider)
    with rest_container.sign_in.override(providers.Object(sign_in)), rest_container.session_service.reset():
        yield provider
    rest_container.session_service.reset()


def test_without_a_way_the_page_is_told_so(api: Api) -> None:
    assert api.get(None, "/sign-in/way").json == {"provider": "local", "way": None}
    assert api.post(None, "/sign-in/password", json=CREDENTIALS).status_code == 409
    assert api.post(None, "/sign-in/begin", json={}).status_code == 409
    assert api.post(None, "/sign-in/finish", json={"code": "c", "state": "s"}).status_code == 409


def test_the_right_password_gives_a_token_and_is_in_the_audit(
    api: Api, provider: Provider, audited: Callable[[], tuple[str, str, str, str]]
) -> None:
    answer = api.post(None, "/sign-in/password", json=CREDENTIALS)

    assert answer.json == {"token": api.token(SAM)}
    assert answer.headers["Cache-Control"] == "no-store"
    assert audited() == ("S001", "session.open", "user:S001", "success")


def test_an_inactive_user_does_not_get_in(
    api: Api, provider: Provider, audited: Callable[[], tuple[str, str, str, str]]
) -> None:
    provider.who = INA

    assert api.post(None, "/sign-in/password", json=CREDENTIALS).status_code == 401
    assert audited() == ("S009", "session.open", "user:S009", "denied")


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"canary"', b"\xff", b'{"email": "canary"}', b'{"email": 1, "password": "canary"}',
    b'{"email": "canary", "password": ["canary"]}', b'{"email": "canary", "password": "canary", "canary": 1}',
    b'{"email": "canary", "password": "\\ud800"}', b"[" * 100_000,
], ids=lambda body: repr(body[:20]))
def test_a_body_that_is_not_understood_is_not_quoted(api: Api, provider: Provider, body: bytes) -> None:
    answer = api.post(None, "/sign-in/password", data=body, content_type="application/json")

    assert answer.status_code == 422


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("content_type", [
    None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
])
def test_a_form_of_a_foreign_page_does_nothing(
    api: Api, provider: Provider, path: str, content_type: str | None
) -> None:
    body = b'{"email": "canary", "password": "canary"}'
    assert api.post(None, path, data=body, content_type=content_type).status_code == 415


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "origin", ["https://elsewhere.example", "http://localhost", "null", "https://localhost.example"]
)
def test_a_script_of_a_foreign_page_does_nothing(api: Api, provider: Provider, path: str, origin: str) -> None:
    assert api.post(None, path, json=CREDENTIALS, headers={"Origin": origin}).status_code == 403


def test_a_visit_to_the_issuer_leaves_a_cookie_that_only_this_host_and_no_script_reads(
    api: Api, provider: Provider
) -> None:
    answer = begun(api)

    assert answer.json == {"location": "https://issuer.example/?https://localhost/static/index.html"}
    [name_and_value, *attributes] = answer.headers["Set-Cookie"].split("; ")
    assert name_and_value == f"{COOKIE}=kept-by-the-browser"
    expires = {one for one in attributes if one.startswith("Expires=")}
    assert set(attributes) - expires == {f"Max-Age={VISIT_SECS}", "Secure", "HttpOnly", "Path=/", "SameSite=Strict"}


def begun(api: Api) -> TestResponse:
    return api.post(None, "/sign-in/begin", json={}, headers={"Origin": "https://localhost"})


def test_who_comes_back_with_it_gets_a_token_and_the_cookie_goes(
    api: Api, provider: Provider, audited: Callable[[], tuple[str, str, str, str]]
) -> None:
    begun(api)
    answer = api.post(
        None, "/sign-in/finish", json={"code": "canary-code", "state": "canary-state"}, base_url="https://localhost"
    )

    assert answer.json == {"token": api.token(SAM)}
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert audited() == ("S001", "session.open", "user:S001", "success")


def test_who_comes_back_without_it_gets_nothing(api: Api, provider: Provider) -> None:
    body = {"code": "canary-code", "state": "canary-state"}

    assert api.post(None, "/sign-in/finish", json=body, base_url="https://elsewhere.example").status_code == 401


def test_a_token_that_was_given_is_worth_as_much_as_any_other(api: Api, provider: Provider) -> None:
    token = api.post(None, "/sign-in/password", json=CREDENTIALS).json["token"]

    assert api.get(None, "/users/me", headers={"Authorization": f"Bearer {token}"}).json["user_id"] == "S001"
