import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Barrier, Thread

import pytest

from my_monit.logs.facets import MASK, do_not_log, is_logging
from my_monit.model import Role, User

PERSONAL = ("Ada Lovelace", "ada-uid", "ada@example.org")
WAIT_SECS = 30


def ada(email: str = "ada@example.org") -> User:
    return User("S001", name="Ada Lovelace", username="ada-uid", email=email, role=Role.SCIENTIST)


def personal(user: User) -> tuple[str, str, str]:
    return user.name, user.username, user.email


class Badge:
    @do_not_log
    def holder(self) -> str:
        return "Ada Lovelace"


read_while_logging = is_logging(personal)


def test_a_personal_value_is_itself_in_business_and_masked_while_logging() -> None:
    assert personal(ada()) == PERSONAL
    assert read_while_logging(ada()) == (MASK, MASK, MASK)
    assert personal(ada()) == PERSONAL


def test_a_method_without_arguments_can_be_masked_too() -> None:
    assert Badge().holder() == "Ada Lovelace"
    assert is_logging(Badge.holder)(Badge()) == MASK


def test_a_logging_function_keeps_its_name_arguments_and_return_value() -> None:
    @is_logging
    def describe(user: User, *, times: int) -> list[str]:
        return [user.email] * times

    assert describe(ada(), times=2) == [MASK, MASK]
    assert describe.__name__ == "describe"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_the_business_facet_is_back_whatever_was_raised_while_logging(error: type[BaseException]) -> None:
    @is_logging
    def fail() -> None:
        raise error

    with pytest.raises(error):
        fail()

    assert personal(ada()) == PERSONAL


def test_the_end_of_an_inner_log_call_does_not_unmask_the_outer_one() -> None:
    @is_logging
    def outer() -> tuple[str, str]:
        return read_while_logging(ada())[2], ada().email

    assert outer() == (MASK, MASK)


def test_an_inner_log_call_that_fails_does_not_unmask_the_outer_one() -> None:
    @is_logging
    def inner() -> None:
        raise ValueError

    @is_logging
    def outer() -> str:
        with pytest.raises(ValueError):
            inner()
        return ada().email

    assert outer() == MASK


def in_a_thread(read: Callable[[], str]) -> str:
    seen: list[str] = []
    thread = Thread(target=lambda: seen.append(read()))
    thread.start()
    thread.join(WAIT_SECS)
    return seen[0]


def in_an_executor(read: Callable[[], str]) -> str:
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(read).result(WAIT_SECS)


@pytest.mark.parametrize("elsewhere", [in_a_thread, in_an_executor])
def test_work_handed_to_a_thread_while_logging_is_business(elsewhere: Callable[[Callable[[], str]], str]) -> None:
    @is_logging
    def start() -> str:
        return elsewhere(lambda: ada().email)

    assert start() == "ada@example.org"


def test_a_copied_context_carries_the_logging_facet_into_a_thread() -> None:
    @is_logging
    def start() -> str:
        context = copy_context()
        return in_an_executor(lambda: context.run(lambda: ada().email))

    assert start() == MASK


def test_a_logging_coroutine_masks_across_its_awaits_and_keeps_its_return_value() -> None:
    @is_logging
    async def describe() -> tuple[str, str, str]:
        before = ada().email
        await asyncio.sleep(0)
        return before, ada().email, await asyncio.to_thread(lambda: ada().email)

    async def main() -> tuple[tuple[str, str, str], str]:
        return await describe(), ada().email

    assert asyncio.run(main()) == ((MASK, MASK, MASK), "ada@example.org")


def test_a_task_that_logs_does_not_mask_what_another_task_reads_meanwhile() -> None:
    async def main() -> tuple[str, str]:
        is_reading, has_read = asyncio.Event(), asyncio.Event()

        @is_logging
        async def log() -> str:
            is_reading.set()
            await has_read.wait()
            return ada().email

        async def work() -> str:
            await is_reading.wait()
            email = ada().email
            has_read.set()
            return email

        logged, worked = await asyncio.wait_for(asyncio.gather(log(), work()), WAIT_SECS)
        return logged, worked

    assert asyncio.run(main()) == (MASK, "ada@example.org")


def test_a_cancelled_log_call_leaves_the_business_facet_behind() -> None:
    async def main() -> str:
        @is_logging
        async def hang() -> None:
            await asyncio.Event().wait()

        try:
            await asyncio.wait_for(hang(), 0.01)
        except TimeoutError:
            return ada().email
        return "not cancelled"

    assert asyncio.run(main()) == "ada@example.org"


def test_fifty_threads_that_log_and_work_neither_leak_nor_mask() -> None:
    # Given fifty threads that start together
    threads, rounds = 50, 1000
    wrong: list[object] = []
    together = Barrier(threads)

    def work() -> None:
        user = ada()
        together.wait(WAIT_SECS)
        for _ in range(rounds):
            if read_while_logging(user) != (MASK, MASK, MASK):
                wrong.append("leak")
            if personal(user) != PERSONAL:
                wrong.append("mask")

    # When all of them log and work
    running = [Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(WAIT_SECS)

    # Then none saw the other's facet
    assert not wrong
    assert not any(thread.is_alive() for thread in running)


def test_two_users_compare_while_logging_as_they_do_in_business() -> None:
    def comparisons() -> tuple[bool, bool, bool]:
        return ada() == ada(), ada() == ada(email="other@example.org"), len({ada(), ada()}) == 1

    assert comparisons() == is_logging(comparisons)() == (True, False, True)


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{0!r}".format, "%s".__mod__, lambda user: f"{user}", ascii])
def test_no_way_of_showing_a_user_shows_personal_values_even_in_business(show: Callable[[User], str]) -> None:
    shown = show(ada())

    assert "S001" in shown
    assert not any(value in shown for value in PERSONAL)


def test_the_attributes_of_a_user_cannot_be_listed() -> None:
    with pytest.raises(TypeError):
        vars(ada())


def test_a_generator_is_refused_since_its_body_would_run_unmasked() -> None:
    def lines() -> Iterator[str]:
        yield ada().email

    async def lines_later() -> AsyncIterator[str]:
        yield ada().email

    for generator in (lines, lines_later):
        with pytest.raises(TypeError, match="generator"):
            is_logging(generator)
