import pytest
from mymonit_adapters.in_flight import InFlight
from mymonit_adapters.messages import Message
from mymonit_adapters.spool import Spooled


def messages(*names: str) -> list[Spooled]:
    return [Spooled(ord(name), Message(name, "measures.lab", 0, 1, b"{}")) for name in names]


@pytest.fixture
def in_flight() -> InFlight:
    published = InFlight()
    published.add(messages("a", "b"))
    published.add(messages("c", "d"))
    return published


def test_one_confirmation_settles_one_message(in_flight: InFlight) -> None:
    assert in_flight.settle(2, multiple=False) == (messages("b"), [])
    assert in_flight.unsettled() == messages("a", "c", "d")


def test_a_multiple_confirmation_settles_all_up_to_its_tag_that_are_left(in_flight: InFlight) -> None:
    in_flight.settle(2, multiple=False)

    assert in_flight.settle(3, multiple=True) == (messages("a", "c"), [])
    assert len(in_flight) == 1


def test_a_returned_message_is_not_taken_for_confirmed(in_flight: InFlight) -> None:
    in_flight.note_returned("b")

    assert in_flight.settle(1, multiple=False) == (messages("a"), [])
    assert in_flight.settle(3, multiple=True) == (messages("c"), messages("b"))


def test_a_returned_message_can_be_confirmed_when_it_is_published_again(in_flight: InFlight) -> None:
    in_flight.note_returned("a")
    in_flight.settle(1, multiple=False)
    in_flight.add(messages("a"))

    assert in_flight.settle(5, multiple=True) == (messages("b", "c", "d", "a"), [])


def test_it_knows_how_many_bytes_are_on_their_way(in_flight: InFlight) -> None:
    in_flight.settle(3, multiple=True)

    assert in_flight.bytes == len(b"{}")
