"""How measures become lines of text: exactly, and with no digit too many."""

import csv
import io
import json
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import pyarrow.ipc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from my_monit.model import Experiment, Series
from my_monit.rest import lines
from my_monit.rest.formats import STREAMS, streamed, to_json
from my_monit.services.export import Piece
from my_monit.storage.memory_measures import columns_of
from my_monit.storage.memory_tables import Measure
from my_monit.timestamps import LATEST, to_rfc3339

LAB = Experiment(1, 'a "lab", °C')
LEFT, RIGHT = Series(1, "hertz", "Hz", "left"), Series(2, "kelvin", "K", "")

doubles = st.floats(allow_nan=False, allow_infinity=False)
times = st.integers(0, LATEST) | st.sampled_from([0, LATEST, 2**31 * 10**9, 10**18])
measures = st.lists(st.builds(Measure, st.sampled_from([1, 2]), times, st.just(0), doubles), max_size=50)


def piece(*found: Measure, series: tuple[Series, ...] = (LEFT, RIGHT)) -> Piece:
    return Piece(LAB, {one.series_id: one for one in series}, columns_of(found))


def written(found: Piece) -> list[str]:
    form = lines.Lines(lambda _, series: b"%d|" % series.series_id, b"|", b"\n")
    return b"".join(form.write(found)).decode().splitlines()


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


@given(measures)
def test_a_line_holds_its_series_its_time_to_the_nanosecond_and_its_value_to_the_bit(found: list[Measure]) -> None:
    read = [line.split("|") for line in written(piece(*found))]

    assert [(series, time, bits(float(value))) for series, time, value in read] == [
        (str(one.series_id), to_rfc3339(one.time), bits(one.value)) for one in found
    ]


#: The ends of what a double holds, and two of each power of ten.
VALUES = [
    0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1 + 0.2, float(2**53 + 1), 1e22,
    1e23,
    *(digits * 10.0**power for power in range(-307, 308) for digits in (1.2345678901234567, -5.5)),
]


def test_a_value_has_no_digit_that_it_does_not_need() -> None:
    texts = [line.rpartition("|")[2] for line in written(piece(*(Measure(1, 0, 0, value) for value in VALUES)))]

    assert [bits(float(text)) for text in texts] == list(map(bits, VALUES))
    assert [Decimal(text) for text in texts] == [Decimal(repr(value)) for value in VALUES]


@given(st.lists(st.builds(Measure, st.just(1), times, st.just(0), doubles), max_size=20))
def test_what_is_of_one_series_is_written_as_it_is_among_others(found: list[Measure]) -> None:
    assert written(piece(*found, series=(LEFT,))) == written(piece(*found))


@pytest.mark.parametrize("lines_at_once", [1, 2, 3])
def test_pieces_follow_each_other_as_if_they_were_one(monkeypatch: pytest.MonkeyPatch, lines_at_once: int) -> None:
    monkeypatch.setattr(lines, "LINES_AT_ONCE", lines_at_once)
    found = [Measure(1, 1, 0, 1.5), Measure(2, 1, 0, -0.0), Measure(1, 10**9, 0, 2.0)]
    for form in (STREAMS["csv"](), STREAMS["ndjson"]()):
        whole = b"".join(form.encode([piece(*found)]))
        parts = list(form.encode([piece(found[0]), piece(), piece(*found[1:])]))

        assert b"".join(parts) == whole
        assert whole.count(b"\n") == len(found) + whole.startswith(b"experiment,")
        assert all(parts)
    assert to_json([piece(found[0]), piece(), piece(*found[1:])]) == to_json([piece(*found)])


@pytest.mark.parametrize("form", STREAMS)
def test_a_series_that_comes_between_two_pieces_has_its_own_name(form: str) -> None:
    body = b"".join(STREAMS[form]().encode([
        piece(Measure(1, 0, 0, 1.0), series=(LEFT,)), piece(Measure(2, 0, 0, 2.0), series=(LEFT, RIGHT)),
    ]))

    assert [(row["experiment"], row["measure_type"], row["sensor"], float(row["value"])) for row in rows(body, form)] == [
        (LAB.name, "hertz", "left", 1.0), (LAB.name, "kelvin", None, 2.0),
    ]


def rows(body: bytes, form: str) -> list[dict[str, Any]]:
    if form == "arrow":
        return pyarrow.ipc.open_stream(body).read_all().to_pylist()
    if form == "ndjson":
        return [json.loads(line) for line in body.splitlines()]
    return [{**row, "sensor": row["sensor"] or None} for row in csv.DictReader(io.StringIO(body.decode(), newline=""))]


@pytest.mark.parametrize("form", STREAMS)
def test_whoever_closes_an_answer_closes_what_is_read_for_it(form: str) -> None:
    open_ones = [form]

    def endless() -> Iterator[Piece]:
        with ExitStack() as stack:
            stack.callback(open_ones.clear)
            while True:
                yield piece(Measure(1, 0, 0, 1.0))

    answer = streamed(STREAMS[form](), endless(), "measures")
    parts = answer.iter_encoded()
    assert next(parts) and next(parts) and open_ones

    answer.close()

    assert not open_ones


@given(measures, st.integers(1, 9))
def test_json_is_an_array_of_objects_however_many_there_are(found: list[Measure], lines_at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "LINES_AT_ONCE", lines_at_once)
        body = to_json([piece(*found)])

    assert json.loads(body) == [
        {
            "experiment": LAB.name, "measure_type": "hertz" if one.series_id == 1 else "kelvin",
            "sensor": "left" if one.series_id == 1 else None, "timestamp": to_rfc3339(one.time), "value": one.value,
        }
        for one in found
    ]
