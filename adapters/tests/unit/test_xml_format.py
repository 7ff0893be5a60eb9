import tracemalloc

import pytest
from mymonit_adapters.configuration import parse_configuration
from mymonit_adapters.model import Chunk, Entry

CONFIGURATION = """
name = "it"
experiment = "lab"
format = "xml"
time = "arrival"
[xml]
record = "reading"
[[measures]]
field = "@v"
measure = "hertz"
sensor = { field = "../@id" }
"""
BOMB = '<!DOCTYPE log [<!ENTITY a "1"><!ENTITY b "&a;&a;">]>'
OUTSIDE = '<!DOCTYPE log [<!ENTITY a SYSTEM "file:///etc/hostname">]>'


def read(*texts: str) -> list[Entry]:
    return list(parse_configuration(CONFIGURATION).entries([Chunk(text.encode(), 1) for text in texts]))


def sent(entries: list[Entry]) -> list[tuple[str | None, float]]:
    return [(reading.series.sensor, reading.value) for entry in entries for reading in entry.readings]


def reasons(entries: list[Entry]) -> list[str]:
    return [reject.reason for entry in entries for reject in entry.rejects]


def test_a_fault_costs_its_record_and_no_sensor_is_taken_for_another() -> None:
    entries = read(
        '<log><zone id="a"><reading v="1"/><reading v="2"><x></reading><reading v="3"/>',
        '<reading v="4"></zone><zone id="b"><reading v="5"/></zone><zone id="c"><reading v="6"/></zone></log>',
    )

    assert sent(entries) == [("a", 1.0), ("a", 3.0), ("c", 6.0)]
    assert reasons(entries) == ["mismatched tag", "mismatched tag", "there is no sensor"]


@pytest.mark.parametrize("prolog", [BOMB, OUTSIDE])
def test_entities_are_refused_and_never_read(prolog: str) -> None:
    entries = read(f'{prolog}<log id="a"><reading v="&a;"/></log>')

    assert sent(entries) == []
    assert reasons(entries)[0] == "defines entities, or refers to another file"


def test_an_entity_that_nobody_has_defined_costs_its_record() -> None:
    entries = read('<!DOCTYPE log SYSTEM "x.dtd"><log id="a"><reading v="1">&x;</reading><reading v="2"/></log>')

    assert sent(entries)[-1] == ("a", 2.0)


def test_documents_may_follow_one_another() -> None:
    document = '<?xml version="1.0"?>\n<log id="a"><reading v="1"/></log>\n'

    entries = read(document * 3)

    assert sent(entries) == [("a", 1.0)] * 3
    assert reasons(entries) == []


def test_a_document_that_is_cut_off_loses_only_what_is_cut() -> None:
    entries = read('<log id="a"><reading v="1"/><reading v="2"')

    assert sent(entries) == [("a", 1.0)]
    assert len(reasons(entries)) == 1


def test_a_long_document_fills_no_memory() -> None:
    def chunks():
        yield Chunk(b'<log id="a">', 1)
        for _ in range(50):
            yield Chunk(b'<reading v="1"><!-- %s --></reading>\n' % (b"x" * 1_000) * 100, 1)

    tracemalloc.start()
    count = sum(len(entry.readings) for entry in parse_configuration(CONFIGURATION).entries(chunks()))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 5_000
    assert peak_bytes < 2_000_000
