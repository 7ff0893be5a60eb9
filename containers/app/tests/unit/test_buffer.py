"""How deliveries are put together into batches."""

import pika

from my_monit.messaging import buffer
from my_monit.messaging.buffer import DeliveryBuffer
from my_monit.messaging.processor import Delivery


def delivery(tag: int, body: bytes = b"{}", *, returns: int = 0) -> Delivery:
    return Delivery(tag, "measures", pika.BasicProperties(), body, returns)


def filled(*deliveries: Delivery, batch: int = 100) -> DeliveryBuffer:
    made = DeliveryBuffer(batch=batch, batch_secs=0.01)
    made.put(deliveries)
    made.end()
    return made


def tags(batch: list[Delivery]) -> list[int]:
    return [one.tag for one in batch]


def test_a_batch_takes_what_is_there_in_order_up_to_its_size():
    deliveries = filled(*(delivery(tag) for tag in range(1, 6)), batch=3)

    assert [tags(deliveries.next_batch()) for _ in range(3)] == [[1, 2, 3], [4, 5], []]


def test_a_batch_of_arrays_ends_before_its_transaction_grows_without_bound(monkeypatch):
    monkeypatch.setattr(buffer, "FULL_COMMAS", 10)
    deliveries = filled(delivery(1, b"," * 6), delivery(2, b"," * 6), delivery(3, b"," * 60), delivery(4))

    assert [tags(deliveries.next_batch()) for _ in range(3)] == [[1, 2], [3], [4]]


def test_what_is_abandoned_is_not_taken():
    deliveries = filled(delivery(1))

    deliveries.abandon()

    assert deliveries.next_batch() == []


def test_the_buffer_is_full_while_too_many_bytes_wait(monkeypatch):
    monkeypatch.setattr(buffer, "FULL_BYTES", 5)
    deliveries = filled(delivery(1, b"123"), delivery(2, b"456"))
    assert deliveries.full

    deliveries.done(deliveries.next_batch())

    assert not deliveries.full


def test_a_message_that_came_back_goes_with_few_and_one_that_came_back_often_goes_alone():
    deliveries = filled(
        delivery(1), delivery(2), delivery(3, returns=4), delivery(4), delivery(5, returns=1), *map(delivery, range(6, 30)),
    )

    taken = [tags(deliveries.next_batch()) for _ in range(4)]

    assert taken == [[1, 2], [3], [*range(4, 16)], [*range(16, 30)]]


def test_nobody_waits_for_more_than_may_be_under_way():
    deliveries = DeliveryBuffer(batch=100, batch_secs=60)
    deliveries.most = 2
    deliveries.put([delivery(1), delivery(2)])

    assert tags(deliveries.next_batch()) == [1, 2]
