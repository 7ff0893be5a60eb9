"""The quarantine keeps every byte, is searched, counted and emptied."""

from datetime import UTC, datetime, timedelta

import pytest

from my_monit.errors import NotFound
from my_monit.model import PublisherUsage, QuarantineSelection, Reason
from tests.integration.storage_contract.records import SKEW, add_experiments, quarantine, quarantined

BODIES = {
    "empty": b"", "NUL": b"\0a\0", "all bytes": bytes(range(256)), "invalid UTF-8": b"\xff\xfe\xc3(\xed\xa0\x80",
    "quotes": b"'\"\\\\';--%s%(x)s{0}\n\r\x1a\x1b[31m", "5 MiB": bytes(range(256)) * 20 * 1024,
    "5 MiB of quotes": b"'\\\0\n" * (5 * 2**18),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_the_quarantine_keeps_a_body_byte_by_byte(storage, body):
    [number] = quarantine(storage, quarantined(body=body))

    with storage.unit() as unit:
        record, item = unit.quarantine.get(number)

    assert item.body == body, "not shown: it may be long" if len(body) > 300 else body
    assert record.size == len(body)


@pytest.mark.parametrize("item", [
    quarantined(message_id=None, element=None, experiment=None),
    quarantined(message_id=b"", publisher=b"", routing_key=""),
    quarantined(message_id=b"\xff\0'%s", publisher="é".encode() + b"\xff\0 ", element=9999, experiment="lab"),
    quarantined(routing_key=b"measures.\xff\xc3\0".decode(errors="surrogateescape")),
    quarantined(reason=Reason.ID_CONFLICT, headers='{"é": "😀 \\u0000 %s"}', routing_key="é %s '😀", element=0),
])
def test_the_quarantine_keeps_everything_that_is_known_of_a_message(storage, item):
    [number] = quarantine(storage, item)

    with storage.unit() as unit:
        record, found = unit.quarantine.get(number)
        assert unit.quarantine.page(after=number - 1, limit=1) == [record]

    assert found == item
    assert (record.quarantine_id, record.reason, record.experiment) == (number, item.reason, item.experiment)
    assert record.publisher == item.publisher.decode(errors="replace")
    assert abs(record.received - datetime.now(UTC)) < SKEW


def test_items_larger_than_one_statement_should_be_are_all_kept_in_order(storage):
    bodies = [bytes([number]) * size for number, size in enumerate([5_000_000, 5_000_000, 3, 0])]

    numbers = quarantine(storage, *(quarantined(body=body) for body in bodies))

    with storage.unit() as unit:
        assert [unit.quarantine.get(number)[1].body == body for number, body in zip(numbers, bodies, strict=True)] == (
            [True] * 4
        )


def test_the_quarantine_is_read_by_id_page_by_page_and_by_reason(storage):
    reasons = [Reason.BAD_JSON, Reason.FORBIDDEN, Reason.BAD_JSON, Reason.DUP_KEY, Reason.BAD_JSON]
    numbers = quarantine(storage, *(quarantined(reason=reason) for reason in reasons))

    def page(after, **options):
        with storage.unit() as unit:
            return [one.quarantine_id for one in unit.quarantine.page(after=after, **options)]

    assert page(0, limit=2) == numbers[:2]
    assert page(numbers[1], limit=100) == numbers[2:]
    rubbish = QuarantineSelection(reason=Reason.BAD_JSON)
    assert page(0, limit=100, selection=rubbish) == [numbers[0], numbers[2], numbers[4]]
    assert page(numbers[0], limit=1, selection=rubbish) == [numbers[2]]
    deep = QuarantineSelection(reason=Reason.TOO_DEEP)
    assert page(0, limit=100, selection=deep) == page(numbers[-1], limit=100) == []


def test_the_quarantine_is_searched_by_publisher_experiment_and_time_of_receipt(storage):
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    [first] = quarantine(storage, quarantined(publisher=b"A\xff"))
    [second] = quarantine(storage, quarantined(experiment="lab"))
    with storage.unit() as unit:
        unit.quarantine.add([quarantined()], received=noon)

    def found(**criteria):
        with storage.unit() as unit:
            page = unit.quarantine.page(after=first - 1, limit=9, selection=QuarantineSelection(**criteria))
        return [one.quarantine_id for one in page]

    third = second + 1
    assert found() == [first, second, third]
    assert found(publisher=b"A\xff") == [first]
    assert found(publisher=b"a\xff") == found(publisher=b"A\xff ") == []
    assert found(experiment="lab") == [second]
    assert found(experiment="LAB") == found(experiment="lab ") == found(experiment=" lab") == []
    assert found(start=noon, end=noon + timedelta(microseconds=1)) == [third]
    assert found(end=noon) == []
    assert found(start=noon + timedelta(microseconds=1)) == [first, second]
    assert found(publisher=b"publisher", experiment="lab", reason=Reason.BAD_JSON, start=noon) == [second]


def test_the_summary_counts_by_reason_and_publisher(storage):
    noon = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
    later = noon + timedelta(hours=1)
    with storage.unit() as unit:
        unit.quarantine.add([quarantined(), quarantined(publisher=b"other")], received=noon)
        unit.quarantine.add([quarantined(body=b""), quarantined(reason=Reason.FORBIDDEN)], received=later)

        assert unit.quarantine.summary() == [
            (Reason.BAD_JSON, "other", 1, 4, noon, noon),
            (Reason.BAD_JSON, "publisher", 2, 4, noon, later),
            (Reason.FORBIDDEN, "publisher", 1, 4, later, later),
        ]
        assert unit.quarantine.summary(QuarantineSelection(publisher=b"other", reason=Reason.BAD_JSON)) == [
            (Reason.BAD_JSON, "other", 1, 4, noon, noon)
        ]
        assert unit.quarantine.summary(QuarantineSelection(experiment="nothing")) == []


def test_an_item_is_locked_given_another_reason_and_removed(storage):
    numbers = quarantine(storage, *(quarantined(body=body) for body in (b"1", b"2", b"3")))
    with storage.unit() as unit:
        locked = unit.quarantine.lock([numbers[2], numbers[0], numbers[2] + 1])
        assert [one.quarantine_id for one in locked] == [numbers[0], numbers[2]]
        assert locked[0] == unit.quarantine.get(numbers[0])[0]
        unit.quarantine.change_reason(numbers[0], Reason.UNKNOWN_EXPERIMENT)
        unit.quarantine.remove([numbers[2]])

    with storage.unit() as unit:
        assert unit.quarantine.get(numbers[2]) is None
        assert unit.quarantine.lock(numbers[2:]) == unit.quarantine.lock([]) == []
        unit.quarantine.remove([])
        record, item = unit.quarantine.get(numbers[0])
    assert (record.reason, item) == (Reason.UNKNOWN_EXPERIMENT, quarantined(body=b"1", reason=record.reason))


def test_a_number_of_the_quarantine_is_not_given_again(storage):
    [first] = quarantine(storage, quarantined())
    with storage.unit() as unit:
        unit.quarantine.remove([first])
    [second] = quarantine(storage, quarantined())

    assert second > first


def test_what_each_publisher_takes_of_the_quarantine_is_exact_whatever_comes_and_goes(storage):
    def usage():
        with storage.unit() as unit:
            return unit.quarantine.usage()

    assert usage() == []
    numbers = quarantine(
        storage, quarantined(publisher=b"B\xff", headers='"é"', body=b"12345"), quarantined(body=b"", headers=""),
        quarantined(body=b"\0", headers=""), quarantined(body=b"123", headers="{}"),
    )
    assert usage() == [PublisherUsage(b"B\xff", 1, 9), PublisherUsage(b"publisher", 3, 6)]

    with storage.unit() as unit:
        unit.quarantine.remove([numbers[0], numbers[3]])
    assert usage() == [PublisherUsage(b"publisher", 2, 1)]

    with pytest.raises(NotFound), storage.unit() as unit:
        unit.quarantine.add([quarantined()])
        unit.quarantine.remove(numbers[1:2])
        raise NotFound("undone")
    assert usage() == [PublisherUsage(b"publisher", 2, 1)]


def test_what_is_not_in_the_quarantine_is_none(storage):
    with storage.unit() as unit:
        assert unit.quarantine.get(2**63 - 1) is None


def test_texts_of_an_experiment_are_found_as_they_are(storage):
    names = ["\N{MICRO SIGN}-lab", "\N{GREEK SMALL LETTER MU}-lab", "a'b", "a\\b", "a\0b", "%", ""]
    numbers = quarantine(storage, *(quarantined(experiment=name) for name in names))

    with storage.unit() as unit:
        for number, name in zip(numbers, names, strict=True):
            selection = QuarantineSelection(experiment=name)
            page = unit.quarantine.page(after=numbers[0] - 1, limit=9, selection=selection)
            assert [one.quarantine_id for one in page] == [number], name


def test_items_count_for_the_experiment_that_they_name_by_any_of_its_names(storage):
    [one, other] = add_experiments(storage, "former", "other")
    with storage.unit() as unit:
        unit.experiments.rename(one.experiment_id, "present")
    named = [
        ("former", Reason.WRONG_UNIT), ("present", Reason.BAD_TIMESTAMP), ("present", Reason.WRONG_UNIT),
        ("other", Reason.WRONG_UNIT), ("Present", Reason.WRONG_UNIT), ("unknown", Reason.UNKNOWN_EXPERIMENT),
        (None, Reason.BAD_JSON), ("present ", Reason.UNKNOWN_EXPERIMENT), ("other\N{NO-BREAK SPACE}", Reason.WRONG_UNIT),
    ]
    quarantine(storage, *(quarantined(experiment=name, reason=reason) for name, reason in named))

    with storage.unit() as unit:
        assert list(unit.quarantine.counts(one.experiment_id).items()) == [("bad_timestamp", 1), ("wrong_unit", 2)]
        assert unit.quarantine.counts(other.experiment_id) == {"wrong_unit": 1}
        assert unit.quarantine.counts(4_294_967_295) == {}
