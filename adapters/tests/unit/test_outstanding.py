import threading
import time

import pytest
from mymonit_adapters.errors import PublishingFailed, PublishingStopped
from mymonit_adapters.messages import Message
from mymonit_adapters.outstanding import Outstanding

DEADLINE_SECS = 10


def message(number: int) -> Message:
    return Message(str(number), "measures.lab", 0, b"{}")


def numbers(messages: list[Message]) -> list[str]:
    return [each.message_id for each in messages]


def never() -> bool:
    return False


class Putting(threading.Thread):
    """Puts messages until something stops it."""

    def __init__(self, outstanding: Outstanding, count: int) -> None:
        super().__init__(daemon=True)
        self.outstanding, self.count = outstanding, count
        self.done = 0
        self.stopped_by: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            for number in range(self.count):
                self.outstanding.put(message(number))
                self.done += 1
        except (PublishingFailed, PublishingStopped) as error:
            self.stopped_by = error

    def reaches(self, count: int) -> bool:
        deadline = time.monotonic() + DEADLINE_SECS
        while self.done < count and time.monotonic() < deadline:
            self.join(0.01)
        return self.done >= count

    def ended(self) -> bool:
        self.join(DEADLINE_SECS)
        return not self.is_alive()


def test_messages_are_taken_in_the_order_in_which_they_were_put() -> None:
    outstanding = Outstanding()
    for number in range(3):
        outstanding.put(message(number))

    assert numbers(outstanding.take(2)) == ["0", "1"]
    assert numbers(outstanding.take(2)) == ["2"]
    assert outstanding.take(2) == []


def test_only_the_first_that_waits_asks_for_attention() -> None:
    outstanding = Outstanding()

    assert outstanding.put(message(0))
    assert not outstanding.put(message(1))
    outstanding.take(2)
    assert outstanding.put(message(2))


def test_what_is_put_back_comes_before_all_others_in_its_order() -> None:
    outstanding = Outstanding()
    for number in range(4):
        outstanding.put(message(number))

    outstanding.put_back(outstanding.take(2))

    assert numbers(outstanding.take(4)) == ["0", "1", "2", "3"]


def test_putting_waits_while_too_many_are_outstanding_and_goes_on_after_half_are_confirmed() -> None:
    outstanding = Outstanding(limit=10)
    putting = Putting(outstanding, 15)
    assert putting.reaches(10)
    outstanding.take(10)

    outstanding.confirm(4)
    putting.join(0.1)
    assert putting.done == 10

    outstanding.confirm(1)
    assert putting.reaches(15)


def test_draining_waits_until_everything_is_confirmed() -> None:
    outstanding = Outstanding()
    outstanding.put(message(0))
    confirming = threading.Timer(0.05, outstanding.confirm, [1])
    confirming.start()

    outstanding.drain(timeout_secs=DEADLINE_SECS, given_up=never)

    assert outstanding.confirmed == 1
    confirming.join()


def test_draining_ends_when_time_is_up_or_it_is_given_up() -> None:
    outstanding = Outstanding()
    outstanding.put(message(0))
    began = time.monotonic()

    outstanding.drain(timeout_secs=0.05, given_up=never)
    outstanding.drain(timeout_secs=DEADLINE_SECS, given_up=lambda: True)

    assert time.monotonic() - began < DEADLINE_SECS
    assert outstanding.confirmed == 0


def test_nothing_is_accepted_once_draining_has_begun_and_who_waits_is_released() -> None:
    outstanding = Outstanding(limit=2)
    putting = Putting(outstanding, 3)
    assert putting.reaches(2)

    outstanding.drain(timeout_secs=0, given_up=never)

    assert putting.ended()
    assert isinstance(putting.stopped_by, PublishingStopped)


def test_a_failure_releases_everyone_and_the_first_reason_stays() -> None:
    outstanding = Outstanding(limit=2)
    putting = Putting(outstanding, 3)
    assert putting.reaches(2)

    outstanding.fail(PublishingFailed("the reason"))
    outstanding.fail(PublishingFailed("a consequence"))
    outstanding.drain(timeout_secs=DEADLINE_SECS, given_up=never)

    assert putting.ended()
    assert str(putting.stopped_by) == "the reason"
    with pytest.raises(PublishingFailed, match="the reason"):
        outstanding.put(message(9))
