import csv
import io
import json
import struct
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any
from urllib.parse import quote

import pyarrow
import pyarrow.ipc
import pytest
from werkzeug.test import TestResponse

from my_monit.errors import NotFound
from my_monit.model import Quarantined, Reason
from my_monit.services import export
from my_monit.storage.storage import Storage
from my_monit.timestamps import LATEST, from_rfc3339, to_rfc3339
from tests.integration.instruments import Audited, Instruments, Told, scattered
from tests.integration.laboratory import ADA, MORNING, SAM, SECOND, SUE, Laboratory
from tests.integration.rest_api import Api, next_of, pointers

#: Doubles that careless ways change.
DOUBLES = (
    0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 2.0**53 + 2,
    9007199254740993.0, 0.1 + 0.2, 1 / 3, 123456789.12345679, -1e-7, 1e21, 1e22, 100.0,
)


#: Formats.
FORMS = ("json", "csv", "ndjson", "arrow")


def told(rows: Iterable[dict[str, Any]]) -> list[Told]:
    """What an answer says, from JSON objects or CSV records."""
    return [
        (row["measure_type"], row["sensor"] or "", from_rfc3339(row["timestamp"]), float(row["value"])) for row in rows
    ]


def records(text: str) -> Iterator[dict[str, str]]:
    assert text.endswith("\r\n")
    return csv.DictReader(io.StringIO(text, newline=""), strict=True)


def rows_of(answer: TestResponse, form: str) -> list[dict[str, Any]]:
    """What an answer says, whatever its format."""
    if form == "csv":
        return list(records(answer.text))
    if form == "arrow":
        return arrow_rows(answer.data)
    return answer.json if form == "json" else [json.loads(line) for line in answer.text.splitlines()]


def arrow_rows(stream: bytes) -> list[dict[str, Any]]:
    table = pyarrow.ipc.open_stream(stream).read_all()
    assert table.schema.names == ["experiment", "measure_type", "sensor", "timestamp", "value"]
    nanoseconds = table["timestamp"].cast("int64")
    rows = table.drop_columns("timestamp").append_column("timestamp", nanoseconds).to_pylist()
    return [{**row, "timestamp": to_rfc3339(row["timestamp"])} for row in rows]


def bits(value: float) -> bytes:
    return struct.pack(">d", value)


def test_a_scientist_reads_the_measures_newest_first(
    api: Api, path: str, laboratory: Laboratory, audited: Audited
) -> None:
    answer = api.get(SAM, path)

    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.json == [
        {
            "experiment": "device-vibrations", "measure_type": "hertz", "sensor": None,
            "timestamp": f"2022-04-06T07:00:0{number}Z", "value": 12.5 + number,
        }
        for number in (2, 1, 0)
    ]
    assert [list(measure) for measure in json.loads(answer.text)][0] == [
        "experiment", "measure_type", "sensor", "timestamp", "value"
    ]
    assert answer.headers["Cache-Control"] == "no-store"
    assert audited() == ("S001", "measure.read", f"experiment:{laboratory.vibrations.experiment_id}", "success")


@pytest.mark.parametrize("how", ["?format=csv", "Accept"])
def test_csv_says_the_same_as_json(api: Api, path: str, instruments: Instruments, how: str, audited: Audited) -> None:
    instruments.measured(scattered(50))
    headers = {"Accept": "text/csv"} if how == "Accept" else {}

    answer = api.get(SAM, path + how if how != "Accept" else path, headers=headers)

    assert answer.status_code == 200
    assert answer.content_type == "text/csv; charset=utf-8; header=present"
    assert audited()[1::2] == ("measure.read", "success")
    assert answer.text.splitlines()[0] == "experiment,measure_type,sensor,timestamp,value"
    of_json = api.get(SAM, path).json
    assert len(of_json) == 53
    assert [
        {**row, "sensor": row["sensor"] or None, "value": float(row["value"])} for row in records(answer.text)
    ] == of_json


def test_an_experiment_without_measures_is_empty(api: Api, laboratory: Laboratory) -> None:
    path = f"/measures/{laboratory.black_holes.experiment_id}"

    assert api.get(SUE, path).json == []
    assert api.get(SUE, f"{path}?format=csv").text == "experiment,measure_type,sensor,timestamp,value\r\n"


@pytest.mark.parametrize("form", FORMS)
def test_values_are_told_bit_by_bit(api: Api, path: str, instruments: Instruments, form: str) -> None:
    instruments.measured(("volt", "", MORNING + number, value) for number, value in enumerate(DOUBLES))

    answer = api.get(SAM, f"{path}?type=volt&order=asc&format={form}")

    rows = rows_of(answer, form)
    assert [bits(float(row["value"])) for row in rows] == [bits(value) for value in DOUBLES]


@pytest.mark.parametrize("form", FORMS)
def test_times_are_told_to_the_nanosecond_with_the_digits_they_need(
    api: Api, path: str, instruments: Instruments, form: str
) -> None:
    times = {
        0: "1970-01-01T00:00:00Z", 1: "1970-01-01T00:00:00.000000001Z", 1_500_000_000: "1970-01-01T00:00:01.5Z",
        MORNING + 123_456_789: "2022-04-06T07:00:00.123456789Z", LATEST: "2262-04-11T23:47:16.854775807Z",
    }
    instruments.measured(("volt", "", time, 1.0) for time in times)

    answer = api.get(SAM, f"{path}?type=volt&order=asc&format={form}")

    rows = rows_of(answer, form)
    assert [row["timestamp"] for row in rows] == list(times.values())


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 7, 60, 61])
def test_pages_of_measures_have_no_gaps_and_no_repeats(
    api: Api, path: str, instruments: Instruments, order: str, limit: int
) -> None:
    measures = scattered(60)
    instruments.measured(measures)

    pages = api.pages(SAM, f"{path}?limit={limit}&order={order}&type=hertz&type=volt&from=2022-04-06T07%3A00%3A00Z")

    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    found = told(chain.from_iterable(pages))
    stored = [*measures, *(("hertz", "", MORNING + number * SECOND, 12.5 + number) for number in range(3))]
    assert sorted(found) == sorted(stored)
    assert [measure[2] for measure in found] == sorted((measure[2] for measure in stored), reverse=order == "desc")


def test_a_page_of_csv_goes_on_where_a_page_of_json_ended(api: Api, path: str) -> None:
    first = api.get(SAM, f"{path}?limit=1")

    rest = api.get(SAM, next_of(first).replace("limit=1", "format=csv"))

    assert [row["value"] for row in records(rest.text)] == ["13.5", "12.5"]


def test_measures_that_arrive_between_two_pages_move_nothing(api: Api, path: str, instruments: Instruments) -> None:
    first = api.get(SAM, f"{path}?limit=2")
    instruments.measured([("hertz", "", MORNING + 10 * SECOND, 1.0), ("volt", "x", MORNING + 2 * SECOND, 2.0)])

    assert [measure["value"] for measure in api.get(SAM, next_of(first)).json] == [12.5]


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("from=2022-04-06T07:00:01Z", [14.5, 13.5]),
        ("to=2022-04-06T07:00:01Z", [12.5]),
        ("from=2022-04-06T07:00:01Z&to=2022-04-06T07:00:02Z", [13.5]),
        ("from=2022-04-06T07:00:00.000000001Z&to=2022-04-06T07:00:02.000000001Z", [14.5, 13.5]),
        ("from=2022-04-06T09:00:01%2B02:00", [14.5, 13.5]),
        ("from=2022-04-06T07:00:02Z&to=2022-04-06T07:00:01Z", []),
        ("from=2022-04-06T07:00:01Z&to=2022-04-06T07:00:01Z", []),
        ("from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59.999999999Z", [14.5, 13.5, 12.5]),
        ("from=9999-12-31T23:59:59Z", []),
        ("to=0001-01-01T00:00:00Z", []),
        ("order=asc", [12.5, 13.5, 14.5]),
        ("order=asc&limit=2", [12.5, 13.5]),
        ("type=hertz", [14.5, 13.5, 12.5]),
        ("type=Hertz", []),
        ("type=hertz%20", []),
        ("type=volt&type=hertz", [14.5, 13.5, 12.5]),
        ("sensor=", [14.5, 13.5, 12.5]),
        ("sensor=left", []),
        ("type=' OR 1=1 --", []),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_a_query_chooses_measures(api: Api, path: str, query: str, values: list[float], form: str) -> None:
    answer = api.get(SAM, f"{path}?{query}&format={form}")

    rows = rows_of(answer, form)
    assert [float(row["value"]) for row in rows] == values


def test_sensors_are_told_apart_byte_for_byte(api: Api, path: str, instruments: Instruments) -> None:
    sensors = ["left", "Left", "left ", "lèft", "1", "01"]
    instruments.measured(("volt", sensor, MORNING, float(number)) for number, sensor in enumerate(sensors))

    for number, sensor in enumerate(sensors):
        answer = api.get(SAM, f"{path}?sensor={quote(sensor)}")
        assert [(measure["sensor"], measure["value"]) for measure in answer.json] == [(sensor, float(number))]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        *[(f"from={value}", "from") for value in ("", "2022", "2022-04-06T07:00:00", "1649228400", "x", "%00", "%FF")],
        *[(f"to={value}", "to") for value in ("2022-04-06", "2022-04-06T07:00:60Z", "2022-02-30T00:00:00Z")],
        *[(f"limit={value}", "limit") for value in ("", "0", "-1", "1.0", "1e3", "x", "10001", "1_0", "%2B5")],
        *[(f"limit={value}", "limit") for value in ("9" * 30, "9" * 5000, "%D9%A5", "0x10", "%205", "True")],
        *[(f"order={value}", "order") for value in ("", "ASC", "up")],
        *[(f"format={value}", "format") for value in ("", "xml", "CSV")],
        ("offset=5", "offset"),
        ("limit=5&Limit=5", "Limit"),
    ],
)
def test_a_parameter_that_breaks_a_rule_is_named(api: Api, path: str, query: str, pointer: str) -> None:
    answer = api.get(SAM, f"{path}?{query}")

    assert (answer.status_code, pointers(answer)) == (422, [pointer])


def test_a_stream_has_no_limit_but_the_one_that_is_given(
    api: Api, path: str, instruments: Instruments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "STREAM_CHUNK", 10_000)
    measures = scattered(25_000)
    instruments.measured(measures)

    answer = api.get(SAM, f"{path}?format=csv")
    limited = api.get(SAM, f"{path}?format=csv&limit=20001&order=asc")

    assert len(list(records(answer.text))) == 25_003
    extra = [("hertz", "", MORNING + number * SECOND, 12.5 + number) for number in range(3)]
    assert sorted(told(records(answer.text))) == sorted([*measures, *extra])
    assert [row[2] for row in told(records(limited.text))] == sorted(row[2] for row in [*measures, *extra])[:20_001]


@pytest.mark.parametrize("form", ["csv", "ndjson", "arrow"])
def test_a_stream_breaks_off_when_the_association_ends(
    api: Api, path: str, instruments: Instruments, laboratory: Laboratory, form: str
) -> None:
    instruments.measured(scattered(25_000))
    with api.get(SAM, f"{path}?format={form}", buffered=False) as answer:
        lines = answer.iter_encoded()
        assert next(lines)

        api(ADA, "DELETE", f"/scientists-experiments/{laboratory.vibrations.experiment_id}/S001")

        with pytest.raises(NotFound):
            list(lines)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "application/json"), ("application/*", "application/json"), ("text/*", "text/csv"),
        ("text/html;q=0.9, text/csv;q=0.1", "text/csv"), ("application/json;q=0.5, text/csv", "text/csv"),
        ("text/csv; charset=utf-8; header=present", "text/csv"), ("text/csv;charset=utf-8", "text/csv"),
        ("Text/CSV;header=absent", "text/csv"), ("application/json;charset=utf-8", "application/json"),
        ("application/json;charset=utf-8;q=0.5, text/csv;header=\"present\";q=0.6", "text/csv"),
        ("application/json;charset=utf-8;q=0, */*;q=0.1", "text/csv"), ("text/csv;q=0, */*", "application/json"),
    ],
)
def test_the_client_says_which_form_it_wants(api: Api, path: str, accept: str, content_type: str) -> None:
    assert api.get(SAM, path, headers={"Accept": accept}).mimetype == content_type


@pytest.mark.parametrize("accept", [
    "text/html", "application/xml", "application/json;q=0", "text/csv;q=0", "text/csv;charset=utf-8;q=0",
    "text/html;charset=utf-8", "text/*;q=0",
])
def test_a_form_that_there_is_not_is_refused(api: Api, path: str, accept: str) -> None:
    assert api.get(SAM, path, headers={"Accept": accept}).status_code == 406


def test_series_tell_what_there_is_and_what_could_not_be_stored(
    api: Api, laboratory: Laboratory, instruments: Instruments, storage: Storage, audited: Audited
) -> None:
    number = laboratory.vibrations.experiment_id
    instruments.measured([("degree Celsius", "box", MORNING + 5, 20.25), ("degree Celsius", "box", MORNING, 20.0)])
    api.put(ADA, f"/experiments/{number}", json={"name": "tremors"})
    with storage.unit() as unit:
        unit.quarantine.add([
            Quarantined(reason, b"adapter", "measures", None, None, name, "{}", b"x")
            for reason, name in (
                (Reason.BAD_JSON, "tremors"), (Reason.BAD_JSON, "device-vibrations"), (Reason.DUP_KEY, "tremors"),
                (Reason.BAD_JSON, "black-holes"), (Reason.BAD_JSON, None),
            )
        ])

    assert api.get(SAM, f"/series/{number}").json == {
        "series": [
            {
                "measure_type": "hertz", "symbol": "Hz", "sensor": None, "count": 3,
                "first": "2022-04-06T07:00:00Z", "last": "2022-04-06T07:00:02Z",
            },
            {
                "measure_type": "degree Celsius", "symbol": "°C", "sensor": "box", "count": 2,
                "first": "2022-04-06T07:00:00Z", "last": "2022-04-06T07:00:00.000000005Z",
            },
        ],
        "quarantined": {"bad_json": 2, "dup_key": 1},
    }
    assert audited() == ("S001", "series.read", f"experiment:{number}", "success")


def test_a_series_that_nothing_was_measured_in_is_empty(api: Api, laboratory: Laboratory, storage: Storage) -> None:
    number = laboratory.black_holes.experiment_id
    assert api.get(SUE, f"/series/{number}").json == {"series": [], "quarantined": {}}
    with storage.unit() as unit:
        unit.series.find_or_add(number, 1, "")

    (series,) = api.get(SUE, f"/series/{number}").json["series"]
    assert (series["first"], series["last"], series["count"]) == (None, None, 0)
