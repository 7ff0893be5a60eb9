import pytest
from mymonit_adapters.configuration import parse_configuration
from mymonit_adapters.model import Chunk, Entry

CONFIGURATION = """
name = "it"
experiment = "lab"
format = "json"
time = "arrival"
[json]
records = "{records}"
[[measures]]
field = "v"
measure = "hertz"
missing = ["null"]
"""


def read(text: str, records: str = ".") -> list[Entry]:
    instrument = parse_configuration(CONFIGURATION.format(records=records))
    return list(instrument.entries([Chunk(text.encode(), 1)]))


def values(entries: list[Entry]) -> list[float]:
    return [reading.value for entry in entries for reading in entry.readings]


@pytest.mark.parametrize(
    "text", ['{"v":1}\n{"v":2}\n', '{"v":1}{"v":2}', '[{"v":1},{"v":2}]', '[{"v":1}]\n[{"v":2}]', '\ufeff[\n{"v":"1"},\n{"v":2}]']
)
def test_records_stand_in_documents_lists_or_lines(text: str) -> None:
    assert values(read(text)) == [1.0, 2.0]


def test_a_list_within_documents_is_found_by_its_path() -> None:
    document = '{"a": [{"v": 9}], "d": [0, {"r": [{"v": 1}, {"v": 2}], "x": {"r": []}}]}'

    assert values(read(document * 2, "d[1].r")) == [1.0, 2.0, 1.0, 2.0]
    assert [reject.reason for entry in read('{"d": []}', "d[1].r") for reject in entry.rejects] == ["there is no d[1].r"]


@pytest.mark.parametrize("broken", ['{"v": 1.2.3}', '{"v": 1', '{"v": "1}', '{"v" 1}', "garbage", '{"v": {"v": 1}}', '{"v":1,"v":2}'])
def test_a_broken_line_is_rejected_alone(broken: str) -> None:
    entries = read(f'{{"v":1}}\n{broken}\n{{"v":2}}\n{{"v":3}}\n')

    assert values(entries) == [1.0, 2.0, 3.0]
    assert [reject.number for entry in entries for reject in entry.rejects] == [2]


@pytest.mark.parametrize("broken", ['{"v": 1.2.3}', '{"v": 1', '{"v": "1}'])
def test_a_broken_element_of_a_list_with_one_a_line_is_rejected_alone(broken: str) -> None:
    entries = read(f'{{"d": [\n  {{"v":1}},\n  {broken},\n  {{"v":2}},\n  {{"v":3}}\n]}}\n', "d")

    assert values(entries) == [1.0, 2.0, 3.0]
    assert sum(len(entry.rejects) for entry in entries) == 1


def test_numbers_are_the_nearest_doubles_and_null_may_be_missing() -> None:
    entries = read('[{"v":0.1},{"v":9007199254740993},{"v":null},{"v":NaN},{"v":true}]')

    assert values(entries) == [0.1, 9007199254740992.0]
    assert [entry.missing for entry in entries] == [0, 0, 1, 0, 0]
    assert [reject.reason for entry in entries for reject in entry.rejects] == ["not a number: 'NaN'", "not a number: 'true'"]


def test_a_hundred_thousand_brackets_are_one_reject() -> None:
    entries = read("[" + "[" * 100_000 + '\n{"v":1}\n')

    assert any(entry.rejects for entry in entries)
