import threading
import time
from pathlib import Path

import pytest
from mymonit_adapters.errors import PublishingFailed, SpoolFull
from mymonit_adapters.outbox import Outbox
from mymonit_adapters.spool import Spool, Spooled
from spools import message, open_spool

DEADLINE_SECS = 10
MANY_BYTES = 1 << 20


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    opened = open_spool(tmp_path)
    opened.commit([message(number) for number in range(4)], None)
    return opened


def ids(messages: list[Spooled]) -> list[str]:
    return [each.message.message_id for each in messages]


def never() -> bool:
    return False


def test_messages_are_taken_once_in_the_order_in_which_they_were_kept(spool: Spool) -> None:
    outbox = Outbox(spool)

    assert ids(outbox.take(3, MANY_BYTES)) == ["0", "1", "2"]
    assert ids(outbox.take(3, MANY_BYTES)) == ["3"]
    assert outbox.take(3, MANY_BYTES) == []


def test_what_is_put_back_comes_before_all_others_in_its_order(spool: Spool) -> None:
    outbox = Outbox(spool)

    outbox.put_back(outbox.take(2, MANY_BYTES))

    assert ids(outbox.take(2, MANY_BYTES)) == ["0", "1"]
    assert ids(outbox.take(2, MANY_BYTES)) == ["2", "3"]


def test_what_is_marked_is_not_taken_by_the_next_run(spool: Spool) -> None:
    outbox = Outbox(spool)
    first, *_ = outbox.take(4, MANY_BYTES)

    outbox.confirm([first])
    outbox.mark()

    assert ids(Outbox(spool).take(4, MANY_BYTES)) == ["1", "2", "3"]


def test_a_disk_that_is_full_is_no_reason_to_forget_a_confirmation() -> None:
    class Full:
        full = True
        waiting = 1

        def take(self, after: int, *, most: int, most_bytes: int) -> list[Spooled]:
            return [Spooled(1, message(1))]

        def confirm(self, confirmed: list[Spooled]) -> None:
            if self.full:
                raise SpoolFull("full")
            self.waiting -= len(confirmed)

    store = Full()
    outbox = Outbox(store)
    outbox.confirm(outbox.take(1, MANY_BYTES))

    assert not outbox.mark()
    store.full = False
    assert outbox.mark()
    assert store.waiting == 0


def test_draining_waits_until_everything_is_confirmed(spool: Spool) -> None:
    outbox = Outbox(spool)

    def confirm() -> None:
        outbox.confirm(outbox.take(4, MANY_BYTES))
        outbox.mark()

    confirming = threading.Timer(0.05, confirm)
    confirming.start()
    outbox.drain(timeout_secs=DEADLINE_SECS, given_up=never)

    assert spool.waiting == 0
    confirming.join()


def test_draining_ends_when_time_is_up_or_it_is_given_up(spool: Spool) -> None:
    outbox = Outbox(spool)
    began = time.monotonic()

    outbox.drain(timeout_secs=0.05, given_up=never)
    outbox.drain(timeout_secs=DEADLINE_SECS, given_up=lambda: True)

    assert time.monotonic() - began < DEADLINE_SECS


def test_a_failure_ends_the_draining_and_the_first_reason_stays(spool: Spool) -> None:
    outbox = Outbox(spool)

    outbox.fail(PublishingFailed("the reason"))
    outbox.fail(PublishingFailed("a consequence"))
    outbox.drain(timeout_secs=DEADLINE_SECS, given_up=never)

    assert str(outbox.failure) == "the reason"
