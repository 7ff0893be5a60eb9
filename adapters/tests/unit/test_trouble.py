from mymonit_adapters.trouble import FIRST_RETRY_SECS, LONGEST_RETRY_SECS, Trouble


def test_the_same_trouble_is_told_once_and_its_end_too() -> None:
    told: list[str] = []
    trouble = Trouble(told.append)

    for text in ("refused", "refused", "reset"):
        trouble.tell(text)
    trouble.over()
    trouble.over()

    assert told == ["refused", "reset", "the broker takes messages again"]


def test_delays_grow_to_their_limit_and_begin_anew_when_the_trouble_is_over() -> None:
    trouble = Trouble(lambda _: None)

    delays = [trouble.next_delay_secs() for _ in range(20)]
    trouble.over()

    assert FIRST_RETRY_SECS / 2 <= delays[0] <= FIRST_RETRY_SECS
    assert all(LONGEST_RETRY_SECS / 2 <= delay <= LONGEST_RETRY_SECS for delay in delays[10:])
    assert trouble.next_delay_secs() <= FIRST_RETRY_SECS


def test_many_adapters_do_not_come_back_in_the_same_moment() -> None:
    assert len({Trouble(lambda _: None).next_delay_secs() for _ in range(20)}) > 10
