"""The REST API over Flask's test client; each answer is held against what all of them promise."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from dependency_injector import providers
from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from my_monit.identity.local import LocalIdentity
from my_monit.model import User
from my_monit.wiring import Container
from tests.integration.laboratory import CANARY
from tests.unit.vouching import Vouching


class Api:
    def __init__(self, app: Flask, vouch: Callable[[str], str]) -> None:
        """`vouch` gives a token for a username."""
        self._client = app.test_client()
        self.vouch = vouch
        self._tokens: dict[str, str] = {}

    def token(self, who: User) -> str:
        if who.username not in self._tokens:
            self._tokens[who.username] = self.vouch(who.username)
        return self._tokens[who.username]

    @property
    def secrets(self) -> list[str]:
        return list(self._tokens.values())

    def __call__(self, who: User | None, method: str, path: str, **options: Any) -> TestResponse:
        headers = Headers(options.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.token(who)}"
        answer = self._client.open(path, method=method, headers=headers, **options)
        if answer.status_code >= 400:
            _is_a_problem(answer, head=method == "HEAD")
        return answer

    def get(self, who: User | None, path: str, **options: Any) -> TestResponse:
        return self(who, "GET", path, **options)

    def post(self, who: User | None, path: str, **options: Any) -> TestResponse:
        return self(who, "POST", path, **options)

    def put(self, who: User | None, path: str, **options: Any) -> TestResponse:
        return self(who, "PUT", path, **options)

    def pages(self, who: User, path: str) -> list[list[Any]]:
        """The bodies of a list's pages, as its Link headers lead from one to the next."""
        pages = []
        following: str | None = path
        while following:
            answer = self.get(who, following)
            assert answer.status_code == 200, answer.text
            pages.append(answer.json)
            following = next_of(answer)
        return pages


def minted_by(identity: LocalIdentity) -> Callable[[str], str]:
    return lambda username: identity.mint(username, lifetime=timedelta(hours=1))


@contextmanager
def vouched_by(vouching: Vouching, container: Container, api: Api) -> Iterator[None]:
    """Everybody who calls shows tokens of this identity provider, and no other's is good."""
    with container.identity.override(providers.Object(vouching.identity)), container.erasure_service.reset():
        api.vouch = vouching.token
        yield


def next_of(answer: TestResponse) -> str | None:
    link = answer.headers.get("Link")
    if link is None:
        return None
    path, relation = link.split("; ")
    assert relation == 'rel="next"' and path.startswith("</") and path.endswith(">")
    return path[1:-1]


def pointers(answer: TestResponse) -> list[str]:
    """Which parts of the request the problem names."""
    return [error["pointer"] for error in answer.json["errors"]]


def _is_a_problem(answer: TestResponse, *, head: bool) -> None:
    assert answer.status_code != 500, answer.text
    assert answer.content_type == "application/problem+json"
    assert (answer.status_code == 401) == ("WWW-Authenticate" in answer.headers)
    assert (answer.status_code == 503) == ("Retry-After" in answer.headers)
    if head:
        return
    body = answer.json
    assert {"type", "title", "status", "detail", "instance", "trace_id"} <= body.keys()
    assert body["status"] == answer.status_code
    assert len(body["trace_id"]) == 32
    assert CANARY not in answer.text.lower()
    assert not {"Traceback", "Exception", "mysql"} & set(answer.text.split())
