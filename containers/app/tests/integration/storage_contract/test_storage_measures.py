"""Measures are stored to the last bit, and read once each and in order, page after page."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from my_monit.errors import StorageRejected
from my_monit.model import Position
from my_monit.storage.ports import NO_MEASURES
from tests.integration.storage_contract.lab import LATEST, MINUTE, TIMES, YEAR, Lab, bits, contents, exactly
from tests.measures import measures_of

VALUES = [
    5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 0.0, -0.0, 0.1 + 0.2,
    float(2**53 + 1), 1 / 3, 9007199254740993.0, 1e22, 1e23, 123456789.12345678, -1.0000000000000002,
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_comes_back_bit_by_bit_p21(lab, value):
    [series] = lab.add_series("")

    lab.store((series, 1, value))

    [measure] = lab.read([series])
    assert bits(measure.value) == bits(value)


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_come_back_bit_by_bit(storage, values):
    lab = Lab(storage)
    [series] = lab.add_series("")

    lab.store(*((series, time, value) for time, value in enumerate(values)))

    assert [bits(one.value) for one in lab.read([series], descending=False)] == list(map(bits, values))


@pytest.mark.parametrize("count", [1, 3, 1001])
def test_the_newest_measure_of_each_series_is_read_however_many_there_are(storage, lab, count):
    series = lab.add_series(*map(str, range(count)))
    lab.store(*((one, time, float(one + time)) for one in series[1:] or series for time in (2, 7, 5)))
    lab.store(*((one, 7, float(one)) for one in series[:2]))

    with storage.unit() as unit:
        columns = unit.measures.latest(lab.experiment_id, series, visible_to=lab.scientist)
        hidden = unit.measures.latest(lab.experiment_id, series, visible_to="S999")

    newest = [(one, 7, float(one) if one in series[:2] else one + 7.0) for one in series]
    assert [tuple(one) for one in measures_of(columns)] == newest
    assert not hidden


#: Four of each power of ten that a double can have, all with as many digits as a double has, and both signs.
MAGNITUDES = [
    sign * digits * 10.0**power
    for power in range(-307, 308) for digits in (1.2345678901234567, 2.4216307835877604, 5.5, 9.87654321098765)
    for sign in (1, -1) if digits * 10.0**power < 1.7e308
]


@pytest.mark.parametrize("nanosecond", [0, 123_456_789])
@pytest.mark.parametrize("sensors", [["a"], ["a", "b"]], ids=["one series", "two series"])
def test_a_value_of_any_magnitude_comes_back_bit_by_bit_whatever_stands_beside_it(lab, sensors, nanosecond):
    [series, *others] = lab.add_series(*sensors)
    measures = [(series, second * 10**9 + nanosecond, value) for second, value in enumerate(MAGNITUDES)]
    lab.store(*measures)

    found = exactly(lab.read([series, *others], descending=False))

    assert found == [(number, time, bits(value)) for number, time, value in measures]


@given(times=st.lists(st.integers(0, LATEST) | st.sampled_from([0, LATEST, 2**31 * 10**9, 10**18]), max_size=100))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_time_comes_back_to_the_nanosecond(storage, times):
    lab = Lab(storage)
    series = lab.add_series("one", "two")
    lab.store(*((series[time % 2], time, 1.5) for time in times))

    columns = lab.columns(series, descending=False)

    assert [one.time for one in measures_of(columns)] == sorted(times)
    assert columns.span == (max(times) - min(times) if times else 0)


def test_a_measure_may_have_equal_numbers_wherever_the_database_tells_them_apart(lab):
    [series] = lab.add_series("")

    lab.store((series, series * 10**9 + 7, 7.0), (series, series * 10**9 + series, float(series)))

    assert sorted(lab.read([series])) == sorted([
        (series, series * 10**9 + 7, 7.0), (series, series * 10**9 + series, float(series))
    ])


@pytest.mark.parametrize("value", [1.5, 0.0, -0.0])
def test_two_equal_measures_are_two(lab, kept, value):
    [series] = lab.add_series("")

    lab.store((series, 1, value), (series, 1, value))
    lab.store((series, 1, value))

    found = lab.walk([series], limit=1)
    assert contents(found) == [(series, 1, bits(value))] * 3
    assert len({one.measure_id for one in kept([series])}) == 3


@pytest.mark.parametrize("sensors", [["a"], ["a", "b"]], ids=["one series", "two series"])
def test_a_selection_takes_in_its_start_and_leaves_out_its_end(lab, sensors):
    series = lab.add_series(*sensors)
    lab.store(*((series[-1], time, 0.5) for time in (0, 1, 2, 3, LATEST)))

    def times(**selection):
        return [one.time for one in lab.read(series, descending=False, **selection)]

    assert times() == [0, 1, 2, 3, LATEST]
    assert times(start=1) == [1, 2, 3, LATEST]
    assert times(end=3) == [0, 1, 2]
    assert times(start=1, end=3) == [1, 2]
    assert times(start=2, end=2) == times(start=3, end=1) == times(start=-9, end=0) == []
    assert times(start=-(2**70), end=2**70) == [0, 1, 2, 3, LATEST]


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_both_orders_are_each_other_reversed(lab, kept, limit):
    series = lab.add_series("b", "a", "c")
    places = [(one, time) for time in (5, 5, 7, 1, 5) for one in series]
    lab.store(*((*place, float(number) if number % 5 else -0.0) for number, place in enumerate(places)))

    ascending = lab.walk(series, limit=limit, descending=False)

    assert exactly(ascending) == exactly(kept(series))
    assert len(ascending) == 15
    assert exactly(lab.walk(series, limit=limit, descending=True)) == exactly(ascending[::-1])


def test_reading_goes_on_from_a_place_where_no_measure_is(lab):
    [one, other] = lab.add_series("one", "other")
    lab.store((one, 10, 1.0), (other, 10, 2.0), (one, 20, 3.0))

    def values(time, series_id, **selection):
        return [each.value for each in lab.read([one, other], after=Position(time, series_id, 0), **selection)]

    assert values(15, one, descending=False) == [3.0]
    assert values(15, other) == [2.0, 1.0]
    assert values(10, other, descending=False) == [2.0, 3.0]
    assert values(10, other) == [1.0]
    assert values(10, one, descending=False, start=11) == [3.0]
    assert values(20, one, end=5) == []


def test_only_the_series_that_are_asked_for_are_read(lab):
    [one, other, empty] = lab.add_series("one", "other", "empty")
    lab.store((one, 1, 1.0), (other, 2, 2.0))

    assert [each.value for each in lab.read([one, empty])] == [1.0]
    assert lab.read([empty]) == lab.read([]) == []


def test_an_empty_page_is_empty(lab):
    series = lab.add_series("one", "other")
    lab.store((series[0], 1, 1.0))

    assert lab.columns(series, start=2) == lab.columns(series[:1], start=2) == NO_MEASURES


def test_a_measure_of_no_series_is_rejected_and_its_neighbours_with_it(lab):
    [series] = lab.add_series("")

    with pytest.raises(StorageRejected):
        lab.store((series, 1, 1.0), (4_294_967_295, 1, 1.0))

    assert lab.read([series]) == []


def test_more_measures_than_one_statement_takes_are_all_there_once(storage, lab, kept):
    [series] = lab.add_series("")
    measures = [(series, time % 7, float(time)) for time in range(10_001)]

    lab.store(*measures)

    found = lab.walk([series], limit=4_000)
    assert sorted(one.value for one in found) == [value for *_, value in measures]
    assert len({one.measure_id for one in kept([series])}) == 10_001
    with storage.unit() as unit:
        [extent] = unit.series.extents(lab.experiment_id, visible_to=lab.scientist)
    assert extent.measures == 10_001


def awkward_times(series_number):
    """Bursts, equal times, gaps of years, and both ends of time; different from series to series."""
    start = 3 * YEAR + series_number % 5
    yield from (0, LATEST) if series_number % 10 == 0 else ()
    yield from [start] * (series_number % 4)
    yield from range(start + MINUTE, start + MINUTE + 6)
    yield from [start + 20 * YEAR + number * MINUTE for number in range(series_number % 3)]
    yield from [start + 40 * YEAR] * 2


@pytest.mark.parametrize("limit", [5, 64, 10_000])
@pytest.mark.parametrize("descending", [True, False])
def test_every_measure_of_fifty_series_comes_once_and_in_order(lab, kept, limit, descending):
    series = lab.add_series(*(f"sensor-{number}" for number in range(50)))
    places = [(one, time) for number, one in enumerate(series) for time in awkward_times(number)]
    measures = [(*place, float(number)) for number, place in enumerate(places)]
    lab.store(*measures)

    found = lab.walk(series, limit=limit, descending=descending)

    assert contents(found) == sorted((number, time, bits(value)) for number, time, value in measures)
    assert exactly(found) == exactly(sorted(kept(series), reverse=descending))


@given(
    measures=st.lists(st.tuples(st.integers(0, 3), TIMES), min_size=1, max_size=40),
    limit=st.integers(1, 9),
    descending=st.booleans(),
    bounds=st.tuples(st.none() | TIMES, st.none() | TIMES),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_measure_of_any_series_and_times_comes_once_and_in_order(
    storage, kept, measures, limit, descending, bounds
):
    lab = Lab(storage)
    series = lab.add_series("0", "1", "2", "3")
    lab.store(*((series[number], time, float(value)) for value, (number, time) in enumerate(measures)))
    start, end = bounds

    found = lab.walk(series, limit=limit, descending=descending, start=start, end=end)

    wanted = [
        (series[number], time, bits(float(value)))
        for value, (number, time) in enumerate(measures)
        if (start is None or time >= start) and (end is None or time < end)
    ]
    assert contents(found) == sorted(wanted)
    in_order = exactly(sorted(kept(series), reverse=descending))
    assert exactly(found) == [one for one in in_order if one in wanted]


@given(
    measures=st.lists(st.tuples(st.integers(0, 3), TIMES, st.sampled_from([1.5, -0.0])), min_size=1, max_size=40),
    limit=st.integers(1, 9), descending=st.booleans(), series_count=st.sampled_from([1, 4]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_follow_each_other_without_a_gap_or_a_repeat(storage, kept, measures, limit, descending, series_count):
    lab = Lab(storage)
    series = lab.add_series("0", "1", "2", "3")[:series_count]
    lab.store(*((series[number % series_count], time, value) for number, time, value in measures))

    found, after = [], None
    while True:
        columns = lab.columns(series, limit=limit, after=after, descending=descending)
        found += measures_of(columns)
        after = columns.last
        if after is None:
            break

    assert exactly(found) == exactly(sorted(kept(series), reverse=descending))


def test_an_experiment_of_others_has_no_measures(storage, lab):
    [series] = lab.add_series("")
    lab.store((series, 1, 1.0))
    with storage.unit() as unit:
        unit.associations.end(lab.experiment_id, lab.scientist, until=None)

    assert lab.columns([series]) == NO_MEASURES
