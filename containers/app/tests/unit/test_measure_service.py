"""How measures are read: by the scientists of their experiment, in pages and in streams, and by nobody else."""

from contextlib import contextmanager

import pytest

from my_monit.errors import NotFound, StorageUnavailable
from my_monit.model import Experiment, Position, Quarantined, Reason, Selection
from my_monit.services import measures as measure_service
from my_monit.storage.memory import MemoryStorage
from tests.measures import NewMeasure, by_origin
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
    monkeypatch.setattr(measure_service, "STREAM_CHUNK", CHUNK)
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


def values(chunk):
    return [one.value for one in chunk.measures]


def stream(measures, *, limit=None, after=None, **selection):
    return measures.stream(actor(SAM), 1, Selection(**selection), after=after, limit=limit)


def test_a_page_holds_the_newest_measures_and_says_what_their_series_are(measures):
    chunk = read(measures, limit=3)

    assert chunk.experiment == Experiment(1, "one")
    assert values(chunk) == [29.0, 28.0, 27.0]
    assert [chunk.series[one.series_id][1:] for one in chunk.measures] == [
        ("kelvin", "K", ""), ("hertz", "Hz", "right"), ("hertz", "Hz", "left")
    ]


def test_a_page_begins_where_the_page_before_ended(measures):
    last = read(measures, limit=3).measures[-1]

    chunk = read(measures, after=Position(last.time, last.series_id, last.measure_id), limit=2)

    assert values(chunk) == [26.0, 25.0]


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

    found = [value for chunk in chunks for value in values(chunk)]
    wanted = sorted(map(float, range(30)), reverse=descending)
    assert found == wanted[:limit]
    assert all(len(chunk.measures) <= CHUNK for chunk in chunks)


def test_a_stream_is_audited_once_before_its_first_measure(services, measures):
    chunks = stream(measures)
    assert [row[:4] for row in services.audited()] == [("S001", "measure.read", "experiment:1", "success")]

    list(chunks)

    assert len(services.audited()) == 1


def test_a_stream_of_nothing_is_one_empty_chunk(measures):
    [chunk] = stream(measures, start=1000)

    assert chunk.measures == []


def test_a_stream_begins_behind_a_place(measures):
    last = read(measures, limit=25).measures[-1]

    chunks = stream(measures, after=Position(last.time, last.series_id, last.measure_id))

    assert [value for chunk in chunks for value in values(chunk)] == [4.0, 3.0, 2.0, 1.0, 0.0]


def test_a_stream_ends_when_the_association_does(services, measures):
    chunks = stream(measures)
    assert len(next(chunks).measures) == CHUNK
    assert len(next(chunks).measures) == CHUNK

    services.experiments.dissociate(actor(ADA), 1, SAM.user_id, until=None)

    assert [chunk.measures for chunk in chunks] == [[]]


def test_a_stream_goes_on_with_what_has_come_in_meanwhile(services, measures):
    chunks = stream(measures, descending=False)
    first = next(chunks)

    with services.storage.unit() as unit:
        unit.measures.add(by_origin([NewMeasure(first.measures[0].series_id, 100, 100.0, 1)]))

    assert [value for chunk in chunks for value in values(chunk)] == [*map(float, range(CHUNK, 30)), 100.0]


def test_a_stream_does_not_hide_that_storage_went_away(services, measures):
    chunks = stream(measures)
    next(chunks)
    services.storage.left = 1

    next(chunks)
    with pytest.raises(StorageUnavailable):
        next(chunks)


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
