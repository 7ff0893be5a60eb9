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
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_with_descriptors_nothing_happens() -> None:
    demand_descriptors()


@pytest.mark.usefixtures("none_left")
def test_without_it_ends_the_process() -> None:
    with pytest.raises(ConfigurationError, match="ulimit -n"):
        demand_descriptors()
