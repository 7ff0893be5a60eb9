"""How measures are read: by the scientists of their experiment, in pages and in streams, and by nobody else."""

from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from my_monit.errors import NotFound, StorageUnavailable
from my_monit.model import Quarantined, Reason, Selection
from my_monit.services import export
from my_monit.storage.memory import MemoryStorage
from my_monit.storage.ports import NO_MEASURES
from tests.measures import NewMeasure, by_origin, measures_of
from tests.unit.by_hand import ADA, SAM, SUE, Services, actor

#: Measures per query of a stream, here.
CHUNK = 4


class FailsLater(MemoryStorage):
    """Answers so many transactions, then no more."""

    left = 1_000_000

    @contextmanager
    def unit(self):
        self.left -= 1
        if self.left < 0:
            raise StorageUnavailable("away")
        with super().unit() as unit:
            yield unit


@pytest.fixture
def storage():
    return FailsLater()


@pytest.fixture
def measures(services, monkeypatch):
    """Experiment 1 of SAM: hertz of two sensors and kelvin, ten times each. Experiment 2 of SUE: one measure."""
    monkeypatch.setattr(export, "STREAM_CHUNK", CHUNK)
    monkeypatch.setattr(export, "FIRST_CHUNK", CHUNK)
    services.add_users(ADA, SAM, SUE)
    with services.storage.unit() as unit:
        for name, user in (("one", SAM), ("two", SUE)):
            unit.associations.add(unit.experiments.add(name).experiment_id, user.user_id, until=None)
        series = [unit.series.find_or_add(1, 1, "left"), unit.series.find_or_add(1, 1, "right")]
        series += [unit.series.find_or_add(1, 27, ""), unit.series.find_or_add(2, 1, "")]
        unit.measures.add(by_origin([NewMeasure(series[number % 3], number // 3, float(number), 1) for number in range(30)]))
        unit.measures.add(by_origin([NewMeasure(series[3], 1, -1.0, 1)]))
    return services.measures


def read(measures, selection=Selection(), *, who=SAM, experiment_id=1, after=None, limit=1000):
    return measures.page(actor(who), experiment_id, selection, after=after, limit=limit)


def values(*pieces):
    return [value for piece in pieces for value in piece.columns.values]


def stream(measures, *, limit=None, after=None, **selection):
    return measures.stream(actor(SAM), 1, Selection(**selection), after=after, limit=limit)


def test_a_page_holds_the_newest_measures_and_the_names_of_what_they_are_of(measures):
    page = read(measures, limit=3)

    assert [(*page.series[series_id][1:], time, value) for series_id, time, value in measures_of(page.columns)] == [
        ("kelvin", "K", "", 9, 29.0), ("hertz", "Hz", "right", 9, 28.0), ("hertz", "Hz", "left", 9, 27.0),
    ]
    assert page.experiment.name == "one"


def test_a_page_begins_where_the_page_before_ended_and_the_last_one_says_so(measures):
    first = read(measures, limit=3)

    second = read(measures, after=first.columns.last, limit=27)

    assert values(second) == [float(number) for number in range(26, -1, -1)]
    assert second.columns.last is None


@pytest.mark.parametrize(("selection", "wanted"), [
    (Selection(descending=False), [0, 1, 2]),
    (Selection(measure_types=("kelvin",)), [29, 26, 23]),
    (Selection(measure_types=("hertz",)), [28, 27, 25]),
    (Selection(measure_types=("hertz", "kelvin")), [29, 28, 27]),
    (Selection(sensors=("left",)), [27, 24, 21]),
    (Selection(sensors=("",)), [29, 26, 23]),
    (Selection(measure_types=("kelvin",), sensors=("left",)), []),
    (Selection(measure_types=("HERTZ",)), []),
    (Selection(sensors=("Left",)), []),
    (Selection(start=1, end=2), [5, 4, 3]),
    (Selection(start=20), []),
])
def test_a_selection_chooses_by_type_sensor_and_time(measures, selection, wanted):
    assert values(read(measures, selection, limit=3)) == wanted


@pytest.mark.parametrize("experiment_id", [2, 404])
def test_who_is_not_associated_learns_nothing(services, measures, experiment_id):
    reads = (
        lambda: read(measures, experiment_id=experiment_id),
        lambda: measures.stream(actor(SAM), experiment_id, Selection(), after=None, limit=None),
        lambda: measures.series(actor(SAM), experiment_id),
    )
    for each in reads:
        with pytest.raises(NotFound, match="^there is no such experiment$"):
            each()

    subject = f"experiment:{experiment_id}"
    assert [row[:4] for row in services.audited()] == [
        ("S001", "measure.read", subject, "not_found"), ("S001", "measure.read", subject, "not_found"),
        ("S001", "series.read", subject, "not_found"),
    ]


@pytest.mark.parametrize("limit", [None, 1, 3, 4, 5, 8, 29, 30, 31, 1000])
@pytest.mark.parametrize("descending", [True, False])
def test_a_stream_holds_every_measure_once_and_in_order_up_to_its_limit(measures, limit, descending):
    chunks = list(stream(measures, limit=limit, descending=descending))

    found = values(*chunks)
    wanted = sorted(map(float, range(30)), reverse=descending)
    assert found == wanted[:limit]
    assert all(len(chunk.columns) <= export.LEEWAY * CHUNK for chunk in chunks)


def test_a_stream_is_audited_once_before_its_first_measure(services, measures):
    chunks = stream(measures)
    assert [row[:4] for row in services.audited()] == [("S001", "measure.read", "experiment:1", "success")]

    list(chunks)

    assert len(services.audited()) == 1


def test_a_stream_of_nothing_is_one_empty_chunk(measures):
    [chunk] = stream(measures, start=1000)

    assert chunk.columns == NO_MEASURES


def test_a_stream_begins_behind_a_place(measures):
    chunks = stream(measures, after=read(measures, limit=25).columns.last)

    assert values(*chunks) == [4.0, 3.0, 2.0, 1.0, 0.0]


@given(
    times=st.lists(st.sampled_from([0, 1, 2, 10, 11, 10**6, 10**12, 2**63 - 1]) | st.integers(0, 2**63 - 1), max_size=60),
    descending=st.booleans(), limit=st.none() | st.integers(1, 60), first=st.integers(1, 9),
)
@settings(max_examples=200, deadline=None)
def test_a_stream_is_whole_whatever_the_gaps_and_crowds_of_its_times(times, descending, limit, first):
    storage = MemoryStorage()
    services = Services(storage)
    services.add_users(SAM)
    with storage.unit() as unit:
        unit.associations.add(unit.experiments.add("one").experiment_id, SAM.user_id, until=None)
        numbers = [unit.series.find_or_add(1, 1, "left"), unit.series.find_or_add(1, 1, "right")]
        unit.measures.add(by_origin([NewMeasure(numbers[n % 2], time, float(n), 1) for n, time in enumerate(times)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "STREAM_CHUNK", 5)
        patch.setattr(export, "FIRST_CHUNK", first)
        pieces = list(stream(services.measures, limit=limit, descending=descending))

    found = list(map(int, values(*pieces)))
    wanted = sorted(range(len(times)), key=lambda n: (times[n], n % 2, n), reverse=descending)
    assert found == wanted[:limit]


def test_a_stream_breaks_off_when_the_association_ends(services, measures):
    chunks = stream(measures)
    assert len(next(chunks).columns) == CHUNK
    assert next(chunks).columns

    services.experiments.dissociate(actor(ADA), 1, SAM.user_id, until=None)

    with pytest.raises(NotFound):
        list(chunks)


def test_a_stream_goes_on_with_what_has_come_in_meanwhile(services, measures):
    chunks = stream(measures, descending=False)
    next(chunks)

    with services.storage.unit() as unit:
        unit.measures.add(by_origin([NewMeasure(1, 100, 100.0, 1)]))

    assert values(*chunks) == [*map(float, range(CHUNK, 30)), 100.0]


def test_a_stream_does_not_hide_that_storage_went_away(services, measures):
    chunks = stream(measures)
    next(chunks)
    services.storage.left = 1

    with pytest.raises(StorageUnavailable):
        list(chunks)


def test_the_series_of_an_experiment_are_reported_with_what_is_in_the_quarantine(services, measures):
    with services.storage.unit() as unit:
        unit.quarantine.add([
            Quarantined(reason, b"p", "measures", None, None, name, "{}", b"x")
            for reason, name in ((Reason.WRONG_UNIT, "one"), (Reason.WRONG_UNIT, "two"), (Reason.BAD_JSON, None))
        ])

    report = measures.series(actor(SAM), 1)

    assert [(each.series.measure_type, each.series.sensor, *each[1:]) for each in report.extents] == [
        ("hertz", "left", 0, 9, 10), ("hertz", "right", 0, 9, 10), ("kelvin", "", 0, 9, 10)
    ]
    assert report.quarantined == {"wrong_unit": 1}
    assert [row[:4] for row in services.audited()] == [("S001", "series.read", "experiment:1", "success")]
