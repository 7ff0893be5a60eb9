import gc
from collections.abc import Iterator

import pytest

from my_monit.messaging.garbage import LOOK_AFTER_OBJECTS, look_less_often


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


class Link:
    other: "Link"


def test_cyclic_garbage_is_looked_for_less_often_but_still_found():
    look_less_often()
    gc.collect()
    before = gc.get_stats()[0]
    links = [Link() for _ in range(3 * LOOK_AFTER_OBJECTS)]
    for link in links:
        link.other = link
    del links, link
    more = [[] for _ in range(LOOK_AFTER_OBJECTS)]
    after = gc.get_stats()[0]
    assert 1 <= after["collections"] - before["collections"] <= 10
    assert sum(stage["collected"] for stage in gc.get_stats()) > 0 and more
