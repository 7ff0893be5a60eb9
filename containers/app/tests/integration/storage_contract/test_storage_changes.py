"""What has come since the last look: every measure once, however old it is."""

from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from my_monit.storage.ports import Place
from tests.integration.storage_contract.lab import LATEST, MINUTE, TIMES, YEAR, Lab, bits


def test_changes_are_what_came_since_the_last_look_however_old_it_is(storage, lab):
    [one, other] = lab.add_series("one", "other")
    lab.store((one, 40 * YEAR, 1.0), (other, 40 * YEAR + 1, 2.0))
    found, place = lab.all_changes([one, other])
    assert sorted(found) == [1.0, 2.0]
    assert lab.all_changes([one, other], place) == ([], place)

    lab.store((one, 40 * YEAR, 3.0), (other, 7, -0.0), (one, LATEST, 4.0))
    Lab(storage).store((Lab(storage).add_series("")[0], 1, 99.0))

    found, place = lab.all_changes([one, other], place)
    assert sorted(map(bits, found)) == sorted(map(bits, [3.0, -0.0, 4.0]))
    assert lab.all_changes([one, other], place) == ([], place)


@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 3), TIMES | st.integers(40 * YEAR, 40 * YEAR + 100 * MINUTE)), min_size=1,
                 max_size=25), max_size=6,
    ),
    limit=st.integers(1, 9), looks=st.sets(st.integers(0, 6)),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changes_hold_every_measure_once_whatever_came_when_and_however_often_one_looks(storage, batches, limit, looks):
    lab = Lab(storage)
    series = lab.add_series("0", "1", "2", "3")
    found, place, number = [], Place(), count()
    for index, batch in enumerate(batches):
        lab.store(*((series[which], time, float(next(number))) for which, time in batch))
        if index in looks:
            values, place = lab.all_changes(series, place, limit=limit)
            found += values
            assert sorted(found) == list(range(sum(map(len, batches[: index + 1]))))
    values, place = lab.all_changes(series, place, limit=limit)

    assert sorted(found + values) == list(range(sum(map(len, batches))))


def test_changes_of_more_runs_than_one_query_takes_are_all_there_once(lab):
    series = lab.add_series("one", "two", "three")
    times = [40 * YEAR + number * MINUTE * (1000 if number % 50 else 1) for number in range(3000)]
    lab.store(*((series[number % 3], time, float(number)) for number, time in enumerate(times)))

    found, _ = lab.all_changes(series, limit=10_000)

    assert sorted(found) == list(range(3000))


def test_changes_of_an_experiment_of_others_are_none(storage, lab):
    [series] = lab.add_series("")
    lab.store((series, 1, 1.0))
    with storage.unit() as unit:
        unit.associations.end(lab.experiment_id, lab.scientist, until=None)

    assert lab.all_changes([series]) == ([], Place())
