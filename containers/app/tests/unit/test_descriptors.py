"""A process that has no file descriptors left is told so."""

import os
import resource
from collections.abc import Iterator

import pytest

from my_monit.errors import ConfigurationError
from my_monit.messaging.descriptors import demand_descriptors


@pytest.fixture(name="none_left")
def process_without_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_descriptor(), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def next_descriptor() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


def test_with_descriptors_nothing_happens() -> None:
    before = next_descriptor()

    demand_descriptors()

    assert next_descriptor() == before


@pytest.mark.usefixtures("none_left")
def test_without_it_ends_the_process() -> None:
    with pytest.raises(ConfigurationError, match="ulimit -n"):
        demand_descriptors()
