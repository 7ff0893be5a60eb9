"""Streams hold a thread as long as their readers like, and leave one for everybody else."""

from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from tests.integration.laboratory import SAM, SUE
from tests.integration.rest_api import Api

#: One less than the process has threads.
MOST = 3


@pytest.fixture(name="slow")
def streams_that_nobody_reads(api: Api, path: str) -> Iterator[list[TestResponse]]:
    ways = ["?format=csv", "?format=ndjson", "/changes?format=csv"]
    answers = [api.get(SAM, path + way, buffered=False) for way in ways]
    yield answers
    for answer in answers:
        answer.close()


def test_as_many_streams_as_leave_a_thread_run_at_a_time(api: Api, path: str, slow: list[TestResponse]) -> None:
    assert [answer.status_code for answer in slow] == [200] * MOST

    for way in ("", "/changes"):
        refused = api.get(SAM, f"{path}{way}?format=ndjson")
        assert refused.status_code == 503 and "exports" in refused.json["detail"]
    assert api.get(SAM, path).status_code == 200


def test_a_stream_makes_room_when_it_has_ended_or_was_given_up(
    api: Api, path: str, slow: list[TestResponse]
) -> None:
    assert slow[0].text.startswith("experiment,")
    for answer in slow[:2]:
        answer.close()

    for _ in range(2):
        with api.get(SAM, f"{path}?format=csv", buffered=False) as answer:
            assert answer.text.startswith("experiment,")


def test_what_never_became_a_stream_takes_no_room(api: Api, path: str) -> None:
    for _ in range(MOST + 1):
        assert api.get(SUE, "/measures/999999?format=csv").status_code == 404
        assert api(SAM, "HEAD", f"{path}?format=csv").status_code == 200

    assert api.get(SAM, f"{path}?format=csv").status_code == 200
