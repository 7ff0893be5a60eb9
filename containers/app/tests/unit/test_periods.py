from itertools import islice
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from my_monit.periods import BadPeriod, Period, parse_period, stretches
from my_monit.timestamps import LATEST, from_rfc3339, to_rfc3339

ZURICH = ZoneInfo("Europe/Zurich")
SECOND = 10**9
DAY = 86_400 * SECOND

ZONES = st.sampled_from(
    ["UTC", "Europe/Zurich", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
).map(ZoneInfo)
PERIODS = st.sampled_from([
    "PT1S", "PT7M", "PT1H", "PT999999H", "P1D", "P3D", "P1W", "P2W", "P999999W", "P1M", "P3M", "P4000M", "P1Y", "P999999Y",
]).map(parse_period)


@pytest.mark.parametrize(("text", "period"), [
    ("PT90S", Period(nanoseconds=90 * SECOND)), ("PT1M", Period(nanoseconds=60 * SECOND)), ("P1M", Period(months=1)),
    ("PT2H", Period(nanoseconds=7200 * SECOND)), ("P10D", Period(days=10)), ("P2W", Period(days=14)),
    ("P1Y", Period(months=12)),
])
def test_a_period_is_read(text, period):
    assert parse_period(text) == period


@pytest.mark.parametrize("text", ["", "P", "PT", "1D", "P0D", "P-1D", "P1.5D", "P1DT1H", "PT1D", "P1H", "p1d", "P1000000D"])
def test_what_is_no_period_is_refused(text):
    with pytest.raises(BadPeriod):
        parse_period(text)


@pytest.mark.parametrize(("text", "start", "begins"), [
    ("PT15M", "2022-04-06T07:14:59Z", ["2022-04-06T07:00:00Z", "2022-04-06T07:15:00Z"]),
    ("P1D", "2022-03-27T12:00:00Z", ["2022-03-26T23:00:00Z", "2022-03-27T22:00:00Z", "2022-03-28T22:00:00Z"]),
    ("P1W", "2022-04-06T07:00:00Z", ["2022-04-03T22:00:00Z", "2022-04-10T22:00:00Z"]),
    ("P1M", "2022-10-31T22:59:59Z", ["2022-09-30T22:00:00Z", "2022-10-31T23:00:00Z", "2022-11-30T23:00:00Z"]),
    ("P3M", "2022-05-05T00:00:00Z", ["2022-03-31T22:00:00Z", "2022-06-30T22:00:00Z"]),
    ("P1Y", "2022-12-31T23:00:00Z", ["2022-12-31T23:00:00Z", "2023-12-31T23:00:00Z"]),
])
def test_periods_begin_where_the_calendar_of_the_zone_says(text, start, begins):
    edges = parse_period(text).edges(from_rfc3339(start), ZURICH)

    assert [to_rfc3339(edge) for edge in islice(edges, len(begins))] == begins


@given(period=PERIODS, zone=ZONES, start=st.integers(0, LATEST), length=st.integers(1, 3000 * DAY))
def test_stretches_cover_a_range_without_a_gap(period, zone, start, length):
    length = min(length, LATEST + 1 - start)
    found = stretches(period, start, start + length, zone, limit=4000)

    if found is None:
        return
    assert found[0].start >= 0 and found[-1].end <= LATEST + 1
    assert found[0].start <= start < found[0].start + found[0].width
    assert found[-1].end - found[-1].width < start + length <= found[-1].end
    assert all(one.end == other.start and one.width != other.width for one, other in zip(found, found[1:]))
    if period.days or period.months:
        begins = [one.start + n * one.width for one in found for n in range(one.periods)]
        local = [datetime.fromtimestamp(begin // SECOND, UTC).astimezone(zone) for begin in begins]
        assert len({moment.date() for moment in local}) == len(local)


def test_more_periods_than_one_may_ask_for_are_not_made():
    assert stretches(parse_period("PT1S"), 0, LATEST, ZoneInfo("UTC"), limit=1000) is None
    assert stretches(parse_period("P1Y"), 0, LATEST, ZURICH, limit=1000) is not None
