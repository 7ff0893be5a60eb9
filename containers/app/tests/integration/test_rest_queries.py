"""Over REST: the newest of each series, figures by the calendar, and what has come in since the last visit."""

import csv
import io
import json
from statistics import mean, stdev
from typing import Any

import pyarrow
import pyarrow.ipc
import pytest

from my_monit.services import changes, summary
from my_monit.timestamps import LATEST, from_rfc3339
from tests.integration.instruments import Audited, Instruments, scattered
from tests.integration.laboratory import ADA, MORNING, SAM, SECOND, SUE, UMA, Laboratory
from tests.integration.rest_api import Api, next_of, pointers

DAY = 86_400 * SECOND
HOUR = 3600 * SECOND


def at(text: str) -> int:
    return from_rfc3339(text)


def test_the_newest_measure_of_each_series_is_told(api: Api, path: str, instruments: Instruments) -> None:
    instruments.measured([("volt", "a", MORNING, 1.0), ("volt", "a", MORNING + 5, 2.5), ("volt", "b", MORNING, -0.0)])

    found = api.get(SAM, f"{path}/latest").json

    assert [(one["measure_type"], one["sensor"], one["timestamp"], one["value"]) for one in found] == [
        ("hertz", None, "2022-04-06T07:00:02Z", 14.5), ("volt", "a", "2022-04-06T07:00:00.000000005Z", 2.5),
        ("volt", "b", "2022-04-06T07:00:00Z", -0.0),
    ]
    assert [one["value"] for one in api.get(SAM, f"{path}/latest?type=volt&sensor=a").json] == [2.5]
    assert api.get(SAM, f"{path}/latest?sensor=none").json == []


def test_figures_are_told_minute_by_minute(api: Api, path: str, instruments: Instruments) -> None:
    instruments.measured([("volt", "a", MORNING + n * 30 * SECOND, float(n)) for n in range(4)])

    answer = api.get(SAM, f"{path}/summary?every=PT1M&fn=count,min,max,mean,std&type=volt")

    assert answer.json == [
        {
            "experiment": "device-vibrations", "measure_type": "volt", "sensor": "a",
            "start": f"2022-04-06T07:0{n}:00Z", "end": f"2022-04-06T07:0{n + 1}:00Z",
            "count": 2, "min": 2.0 * n, "max": 2 * n + 1, "mean": 2 * n + 0.5, "std": pytest.approx(0.5**0.5),
        }
        for n in range(2)
    ]


def test_figures_of_a_range_are_those_of_its_measures_alone(api: Api, path: str) -> None:
    query = "every=PT1H&fn=count,mean&from=2022-04-06T07:00:01Z&to=2022-04-06T07:00:02Z"

    assert [(row["count"], row["mean"]) for row in api.get(SAM, f"{path}/summary?{query}").json] == [(1, 13.5)]
    assert api.get(SAM, f"{path}/summary?every=PT1H&from=2030-01-01T00:00:00Z").json == []


@pytest.mark.parametrize(("zone", "hours"), [("Europe/Zurich", [24, 23, 24]), ("UTC", [24, 24, 24])])
def test_a_day_has_the_hours_that_it_has_in_the_zone(
    api: Api, path: str, instruments: Instruments, zone: str, hours: list[int]
) -> None:
    first = at("2022-03-26T00:00:00Z") - (HOUR if zone != "UTC" else 0)
    instruments.measured([("volt", "", first + n * HOUR, 1.0) for n in range(sum(hours))])

    rows = api.get(SAM, f"{path}/summary?every=P1D&fn=count&type=volt&tz={zone}").json

    assert [row["count"] for row in rows] == hours
    assert [(at(row["end"]) - at(row["start"])) // HOUR for row in rows] == hours


def test_months_begin_with_their_first_day_in_the_zone(api: Api, path: str, instruments: Instruments) -> None:
    instruments.measured([("volt", "", at("2022-01-01T00:00:00+01:00") + n * DAY, 1.0) for n in range(365)])

    rows = api.get(SAM, f"{path}/summary?every=P1M&fn=count&type=volt&tz=Europe/Zurich").json

    assert [row["count"] for row in rows] == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert rows[6]["start"] == "2022-06-30T22:00:00Z"


def test_figures_as_csv_say_the_same(api: Api, path: str) -> None:
    answer = api.get(SAM, f"{path}/summary?every=P1D&fn=count,std&format=csv")

    assert list(csv.DictReader(io.StringIO(answer.text, newline=""))) == [{
        "experiment": "device-vibrations", "measure_type": "hertz", "sensor": "", "count": "3", "std": "1.0",
        "start": "2022-04-06T00:00:00Z", "end": "2022-04-07T00:00:00Z",
    }]


def test_figures_are_had_as_their_own_content_type_says_and_are_count_and_mean(api: Api, path: str) -> None:
    kind = api.get(SAM, f"{path}/summary?every=P1D", headers={"Accept": "text/csv"}).content_type

    answer = api.get(SAM, f"{path}/summary?every=P1D", headers={"Accept": kind})

    assert answer.content_type == kind == "text/csv; charset=utf-8; header=present"
    assert answer.text.splitlines()[0] == "experiment,measure_type,sensor,start,end,count,mean"


@pytest.mark.parametrize("values", [
    [1e308] * 2, [6e307] * 3, [1.2e308, 1.6e308] * 5, [1e200, -1e200], [1e-200, -1e-200], [1.5e-323] * 3,
    [21.3] * 10_000, [0.1] * 10_000, [1e15 + n * 0.125 for n in range(10_000)],
    [1e12 + n % 10 * 0.1 for n in range(10_000)],
], ids=lambda values: f"{len(values)} from {values[0]} to {values[-1]}")
def test_figures_are_good_to_the_last_digits_however_great_or_alike_values_are(
    api: Api, path: str, instruments: Instruments, values: list[float]
) -> None:
    instruments.measured([("volt", "", MORNING + n, value) for n, value in enumerate(values)])

    [row] = api.get(SAM, f"{path}/summary?every=P10Y&fn=min,max,mean,std&type=volt").json

    assert row["min"] <= row["mean"] <= row["max"]
    assert row["mean"] == pytest.approx(mean(values), rel=1e-15, abs=0)
    assert row["std"] == pytest.approx(stdev(values), rel=1e-12, abs=0)


def test_a_deviation_that_no_double_can_hold_is_null(api: Api, path: str, instruments: Instruments) -> None:
    instruments.measured([("volt", "", MORNING + n, value) for n, value in enumerate([1.7e308, -1.7e308])])

    [row] = api.get(SAM, f"{path}/summary?every=P1D&fn=mean,std&type=volt").json

    assert (row["mean"], row["std"]) == (0.0, None)


@pytest.mark.parametrize("zone", ["UTC", "America/Sao_Paulo", "Asia/Kolkata"])
@pytest.mark.parametrize("every", [
    "P293Y", "P300Y", "P999999Y", "P4000M", "P999999M", "P200000D", "P999999D", "P99999W", "P999999W",
])
def test_a_period_longer_than_all_time_holds_everything(
    api: Api, path: str, instruments: Instruments, every: str, zone: str
) -> None:
    instruments.measured([("hertz", "", LATEST, 1.0)])

    rows = api.get(SAM, f"{path}/summary?every={every}&tz={zone}").json

    assert [(row["count"], row["end"]) for row in rows] == [(4, "2262-04-11T23:47:16.854775808Z")]


@pytest.mark.parametrize("every", ["P10D", "PT999999H"])
def test_periods_reach_from_the_first_time_to_the_last(
    api: Api, path: str, instruments: Instruments, every: str
) -> None:
    instruments.measured([("volt", "", time, 1.0) for time in (0, LATEST)])

    rows = api.get(SAM, f"{path}/summary?every={every}&tz=Asia/Kolkata&type=volt").json

    assert [row["count"] for row in rows] == [1, 1]
    assert (rows[0]["start"], rows[1]["end"]) == ("1970-01-01T00:00:00Z", "2262-04-11T23:47:16.854775808Z")


@pytest.mark.parametrize(("query", "pointer"), [
    ("", "every"), ("every=", "every"), ("every=1m", "every"), ("every=PT0S", "every"), ("every=P1DT1H", "every"),
    ("every=P1D&tz=Mars/Olympus", "tz"), ("every=P1D&tz=../../etc/passwd", "tz"), ("every=P1D&tz=", "tz"),
    ("every=P1D&fn=median", "fn"), ("every=P1D&fn=", "fn"), ("every=P1D&fn=count;DROP", "fn"),
    ("every=P1D&format=arrow", "format"), ("every=P1D&limit=5", "limit"), ("every=P1D&from=x", "from"),
])
def test_a_parameter_of_a_summary_that_breaks_a_rule_is_named(api: Api, path: str, query: str, pointer: str) -> None:
    answer = api.get(SAM, f"{path}/summary?{query}")

    assert answer.status_code == 422
    assert {one.split("/")[0] for one in pointers(answer)} == {pointer}


def test_a_summary_that_would_cost_too_much_is_refused(
    api: Api, path: str, instruments: Instruments, monkeypatch: pytest.MonkeyPatch
) -> None:
    instruments.measured([("hertz", "", MORNING + 10**6 * SECOND, 1.0)])
    rows = api.get(SAM, f"{path}/summary?every=PT1S")
    monkeypatch.setattr(summary, "MAX_MEASURES", 3)
    measures = api.get(SAM, f"{path}/summary?every=P1D")

    assert (rows.status_code, pointers(rows)) == (422, ["every"])
    assert "100000 periods times series, empty ones too" in rows.text
    assert (measures.status_code, pointers(measures)) == (422, ["from"])
    assert api.get(SAM, f"{path}/summary?every=P1D&to=2022-04-07T00:00:00Z").status_code == 200


def test_changes_are_followed_from_visit_to_visit(
    api: Api, path: str, instruments: Instruments, audited: Audited
) -> None:
    first = api.get(SAM, f"{path}/changes")
    assert [one["value"] for one in first.json] == [12.5, 13.5, 14.5]
    assert audited()[1::2] == ("measure.read", "success")
    cursor = next_of(first)
    assert cursor is not None and api.get(SAM, cursor).json == []

    instruments.measured([("volt", "", MORNING + DAY, 2.0), ("hertz", "", MORNING - 1000 * DAY, 1.0)])

    second = api.get(SAM, cursor)
    assert sorted(one["value"] for one in second.json) == [1.0, 2.0]
    assert api.get(SAM, next_of(second) or "").json == []


def test_changes_come_in_pages(api: Api, path: str, instruments: Instruments) -> None:
    instruments.measured(scattered(50))
    following: str | None = f"{path}/changes?limit=7"
    found: list[dict[str, Any]] = []
    while page := api.get(SAM, following or "").json:
        assert len(page) <= 7
        found += page
        following = next_of(api.get(SAM, following or ""))

    assert len(found) == 53
    assert {json.dumps(one) for one in found} == {json.dumps(one) for one in api.get(SAM, path).json}


@pytest.mark.parametrize("form", ["csv", "ndjson", "arrow"])
def test_changes_as_a_stream_are_whole_and_tell_where_the_next_ones_begin(
    api: Api, path: str, instruments: Instruments, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(changes, "STREAM_CHUNK", 5_000)
    instruments.measured(scattered(12_000))

    first = api.get(SAM, f"{path}/changes?format={form}")
    instruments.measured([("volt", "new", MORNING, 1.0)])
    second = api.get(SAM, next_of(first) or "")

    assert (rows_in(first.data, form), rows_in(second.data, form)) == (12_003, 1)


def rows_in(body: bytes, form: str) -> int:
    if form == "arrow":
        return int(pyarrow.ipc.open_stream(body).read_all().num_rows)
    return body.count(b"\n") - (form == "csv")


@pytest.mark.parametrize("query", ["format=csv&limit=5", "limit=0", "limit=10001", "cursor=x", "from=2022-01-01T00:00:00Z"])
def test_a_parameter_of_changes_that_breaks_a_rule_is_named(api: Api, path: str, query: str) -> None:
    answer = api.get(SAM, f"{path}/changes?{query}")

    assert (answer.status_code, len(pointers(answer))) == (422, 1)
    assert pointers(answer)[0] in query


@pytest.mark.parametrize("what", ["", "/latest", "/summary?every=P1D", "/changes", "?format=csv", "/changes?format=arrow"])
def test_only_the_scientists_of_an_experiment_learn_anything_a9(api: Api, path: str, what: str, laboratory: Laboratory) -> None:
    assert api.get(SAM, path + what).status_code == 200
    assert [api.get(who, path + what).status_code for who in (SUE, ADA, UMA, None)] == [404, 403, 403, 401]
    absent = api.get(SUE, f"/measures/{2**31}{what}")
    forbidden = api.get(SUE, path + what)
    of_body = [{name: value for name, value in answer.json.items() if name not in ("instance", "trace_id")}
               for answer in (absent, forbidden)]
    assert absent.status_code == 404 and of_body[0] == of_body[1]
    headers = [{name for name, _ in answer.headers} for answer in (absent, forbidden)]
    assert headers[0] == headers[1]


@pytest.mark.parametrize("number", ["1abc", "1.0", "01", "+1", "-1", "device-vibrations", "%31a", "1%00", "0", "99999999999"])
@pytest.mark.parametrize("what", ["", "/latest", "/summary?every=P1D", "/changes"])
def test_an_experiment_is_named_by_its_number_in_the_one_way_that_there_is_a9(api: Api, number: str, what: str) -> None:
    assert api.get(SAM, f"/measures/{number}{what}").status_code == 404


INJECTED = ["' OR '1'='1", "1; DROP TABLE MEASURES", "\" OR 1=1 --", "%' --", "\\", "\x00", "1 UNION SELECT 1", "sleep(5)"]


@pytest.mark.parametrize("name", ["type", "sensor", "from", "to", "order", "limit", "cursor", "format", "every", "fn", "tz"])
@pytest.mark.parametrize("text", INJECTED)
def test_no_parameter_reaches_the_sql_a11(api: Api, path: str, name: str, text: str, laboratory: Laboratory) -> None:
    what = "/summary" if name in ("every", "fn", "tz") else ""
    query = {"every": "P1D", name: text} if what else {name: text}

    answer = api(SAM, "GET", path + what, query_string=query)

    if name in ("type", "sensor"):
        assert (answer.status_code, answer.json) == (200, [])
    else:
        assert answer.status_code == 422
    assert len(api.get(SAM, path).json) == 3
