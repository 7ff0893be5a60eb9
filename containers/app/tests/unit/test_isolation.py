"""How many messages share a fate."""

import pika
import pytest

from my_monit.messaging.isolation import GIVEN_UP_AFTER, UNKNOWN, company, times_returned
from my_monit.messaging.topology import DELIVERY_LIMIT

FULL = 2000


def returned(headers: dict[str, object] | None, *, redelivered: bool = True) -> int:
    method = pika.spec.Basic.Deliver(redelivered=redelivered)
    return times_returned(method, pika.BasicProperties(headers=headers))


@pytest.mark.parametrize("headers", [None, {}, {"x-delivery-count": 17}, {"x-delivery-count": "x"}])
def test_what_is_delivered_for_the_first_time_never_came_back_whatever_its_headers_say(headers):
    assert returned(headers, redelivered=False) == 0


def test_what_is_delivered_again_came_back_as_often_as_the_broker_says():
    assert [returned({"x-delivery-count": count}) for count in (1, 5, 19)] == [1, 5, 19]


@pytest.mark.parametrize("headers", [None, {"unreadable": b"x"}, {"x-delivery-count": "x"}])
def test_without_a_count_it_is_alone_and_not_given_up(headers):
    assert returned(headers) == UNKNOWN < GIVEN_UP_AFTER
    assert company(UNKNOWN, 20_000) == 1


def test_the_company_of_what_came_back_shrinks_until_it_is_alone_long_before_it_is_given_up():
    assert [company(returns, FULL) for returns in range(5)] == [2000, 250, 31, 3, 1]
    assert company(5, 20_000) == 1
    assert company(10**9, FULL) == 1


def test_it_is_given_up_before_the_broker_would():
    assert 5 < GIVEN_UP_AFTER < DELIVERY_LIMIT - 2
