"""How deliveries are put together into batches."""

import pika

from my_monit.messaging import buffer
from my_monit.messaging.buffer import DeliveryBuffer
from my_monit.messaging.processor import Delivery


def delivery(tag: int, body: bytes = b"{}") -> Delivery:
    return Delivery(pika.spec.Basic.Deliver(delivery_tag=tag), pika.BasicProperties(), body, False)


def filled(*deliveries: Delivery, batch: int = 100) -> DeliveryBuffer:
    made = DeliveryBuffer(batch=batch, batch_secs=0.01)
    for one in deliveries:
        made.put(one)
    made.end()
    return made


def tags(batch: list[Delivery]) -> list[int]:
    return [one.method.delivery_tag for one in batch]


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
