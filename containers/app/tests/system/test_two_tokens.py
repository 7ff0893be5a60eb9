"""A1 of the list of faults, as no library would send it: nginx and gunicorn need not agree which header counts."""

from collections.abc import Iterator
from http.client import HTTPResponse, HTTPSConnection

import pytest

from .conftest import token
from .wire import address, trusting


@pytest.fixture(name="edge")
def connection_to_the_edge() -> Iterator[HTTPSConnection]:
    edge = HTTPSConnection(*address(), timeout=10, context=trusting())
    yield edge
    edge.close()


def shown(edge: HTTPSConnection, *authorizations: str) -> HTTPResponse:
    edge.putrequest("GET", "/users/me")
    for one in authorizations:
        edge.putheader("Authorization", one.format(good=token("S001")))
    edge.endheaders()
    return edge.getresponse()


@pytest.mark.parametrize("two", [
    ("Bearer {good}", "Bearer {good}"), ("Bearer {good}", "Bearer a.b.c"), ("Bearer a.b.c", "Bearer {good}"),
    ("Bearer {good}", "Basic QTAwMTpwYXNz"), ("Basic QTAwMTpwYXNz", "Bearer {good}"), ("Bearer {good}", ""),
    ("", "Bearer {good}"),
], ids=str)
def test_of_two_authorizations_none_counts_a1(edge: HTTPSConnection, two: tuple[str, str]) -> None:
    answer = shown(edge, *two)

    assert answer.status in (400, 401)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_one_counts(edge: HTTPSConnection) -> None:
    assert shown(edge, "Bearer {good}").status == 200
