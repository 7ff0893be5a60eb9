"""What tests/callers.py says, for each identity provider on a real database."""

from collections.abc import Iterator

import pytest

from my_monit.wiring import Container
from tests.callers import CallersContract
from tests.integration.rest_api import Api, vouched_by
from tests.unit.vouching import PROVIDERS, Vouching


@pytest.fixture(name="api", params=PROVIDERS)
def api_of_the_provider(
    request: pytest.FixtureRequest, api: Api, rest_container: Container, vouchings: dict[str, Vouching]
) -> Iterator[Api]:
    with vouched_by(vouchings[request.param], rest_container, api):
        yield api


class TestCallers(CallersContract):
    pass
