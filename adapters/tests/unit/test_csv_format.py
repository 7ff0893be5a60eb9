import pytest
from mymonit_adapters.configuration import parse_configuration
from mymonit_adapters.formats.csv import MAX_QUOTED_LINES
from mymonit_adapters.model import Chunk, Entry

CONFIGURATION = """
name = "it"
experiment = "lab"
format = "csv"
time = "arrival"
[csv]
{options}
[[measures]]
field = {field}
measure = "hertz"
"""


def read(text: str | bytes, *, field: str = '"v"', options: str = "") -> list[Entry]:
    instrument = parse_configuration(CONFIGURATION.format(options=options, field=field))
    return list(instrument.entries([Chunk(text if isinstance(text, bytes) else text.encode(), 1)]))


def values(entries: list[Entry]) -> list[float]:
    return [reading.value for entry in entries for reading in entry.readings]


def rejected(entries: list[Entry]) -> list[tuple[int, str, bytes]]:
    return [(reject.number, reject.reason, reject.raw) for entry in entries for reject in entry.rejects]


def test_quotes_hold_delimiters_line_ends_and_quotes() -> None:
    entries = read('n,v\n"a,""b""\r\nc",1\n"d","2"\n')

    assert values(entries) == [1.0, 2.0]
    assert [(entry.number, entry.end) for entry in entries] == [(2, 19), (4, 27)]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("1", "1 columns instead of 2"),
        ("1,2,3", "3 columns instead of 2"),
        ("a,x", "not a number: 'x'"),
        ("a,", "not a number: ''"),
        ('"a,3', "a quote begins here and does not end"),
        ('a"b,3', "a quote within a column"),
        ('"a"b,3', "a quote within a column"),
    ],
)
def test_a_broken_row_is_rejected_alone(broken: str, reason: str) -> None:
    entries = read(f"n,v\na,1\n{broken}\na,2\n" + "a,3\n" * 2 * MAX_QUOTED_LINES)

    assert rejected(entries) == [(3, reason, broken.encode())]
    assert values(entries) == [1.0, 2.0] + [3.0] * 2 * MAX_QUOTED_LINES


def test_two_rows_whose_quotes_do_not_end_are_two_rejects() -> None:
    entries = read('n,v\n"a,1\na,2\n"a,3\na,4\n')

    assert [number for number, _, _ in rejected(entries)] == [2, 4]
    assert values(entries) == [2.0, 4.0]


def test_a_quote_that_does_not_end_at_the_end_of_the_file_is_one_reject() -> None:
    assert rejected(read('n,v\na,1\n"a,2')) == [(3, "a quote begins here and does not end", b'"a,2')]


def test_bytes_of_another_encoding_are_rejected_and_the_right_one_reads_them() -> None:
    text = "n,v\n°,1\n".encode("latin-1")

    assert rejected(read(text)) == [(2, "not in utf-8", b"\xb0,1")]
    assert values(read(text, options='encoding = "latin-1"')) == [1.0]


def test_a_mark_comments_lines_to_skip_and_a_repeated_header_are_no_rows() -> None:
    text = "\ufeffLogger 3\n# hello\nn,v\n\na,1\nn,v\na,2\n"

    assert values(read(text, options='comment = "#"\nskip_lines = 1')) == [1.0, 2.0]


def test_without_a_header_columns_have_numbers() -> None:
    entries = read("a,1\na,2,3\n", field="2", options="header = false\ncolumns = 2")

    assert values(entries) == [1.0]
    assert rejected(entries) == [(2, "3 columns instead of 2", b"a,2,3")]


def test_a_column_that_is_not_there_is_told_with_those_that_are() -> None:
    entries = read("n,w\na,1\n")

    assert [reason for _, reason, _ in rejected(entries)] == [
        "there is no column 'v'; the header has 'n', 'w'",
        "there is no 'v'",
    ]


def test_a_name_that_two_columns_have_is_refused() -> None:
    assert "there are 2 columns 'v': say which by its number" in rejected(read("v,v\n1,2\n"))[0][1]
