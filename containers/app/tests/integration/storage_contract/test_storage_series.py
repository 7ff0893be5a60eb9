"""Measure types and series."""

import pytest

from my_monit.errors import Conflict, StorageRejected
from my_monit.model import MeasureType


def test_the_measure_types_of_the_schema_are_there(storage):
    with storage.unit() as unit:
        found = unit.measure_types.by_name(["hertz", "degree Celsius", "kelvin", "one"])
        assert unit.measure_types.by_name([]) == {}

    assert found == {
        "hertz": MeasureType(1, "hertz", "Hz", "frequency"),
        "degree Celsius": MeasureType(16, "degree Celsius", "°C", "Celsius temperature"),
        "kelvin": MeasureType(27, "kelvin", "K", "thermodynamic temperature"),
        "one": MeasureType(30, "one", "1", "dimensionless number"),
    }


@pytest.mark.parametrize("name", ["HERTZ", "Hertz", "hertz ", " hertz", "hértz", "hertz\u200b", "ｈertz"])
def test_a_measure_type_of_a_name_that_only_resembles_is_unknown_p29(storage, name):
    with storage.unit() as unit:
        assert unit.measure_types.by_name([name]) == {}


def test_a_measure_type_is_added_once(storage):
    with storage.unit() as unit:
        added = unit.measure_types.add(name="Hertz", symbol="Hz′", quantity="another frequency")

    with storage.unit() as unit:
        assert unit.measure_types.by_name(["Hertz", "hertz"])["Hertz"] == added
        assert unit.measure_types.page(after=30, limit=10) == [added]
    with pytest.raises(Conflict), storage.unit() as unit:
        unit.measure_types.add(name="Hertz", symbol="x", quantity="y")


def test_a_series_comes_into_being_once_and_sensors_differ_by_any_byte(storage, lab):
    sensors = ["", "a", "A", "á", "a\u0301", "a ", " a", "😀", "x" * 64]

    numbers = lab.add_series(*sensors)

    assert lab.add_series(*reversed(sensors)) == numbers[::-1]
    assert len(set(numbers)) == len(sensors)
    with storage.unit() as unit:
        found = unit.series.of(lab.experiment_id, visible_to=lab.scientist)
        assert unit.series.find_or_add(lab.experiment_id, 27, "a") not in numbers
    assert [(one.series_id, one.sensor) for one in found] == sorted(zip(numbers, sensors, strict=True))
    assert {(one.measure_type, one.symbol) for one in found} == {("hertz", "Hz")}


@pytest.mark.parametrize(("experiment", "measure_type"), [(4_294_967_295, 1), (None, 65_535)])
def test_there_is_no_series_of_what_does_not_exist(storage, lab, experiment, measure_type):
    with pytest.raises(StorageRejected), storage.unit() as unit:
        unit.series.find_or_add(experiment or lab.experiment_id, measure_type, "")


def test_the_extent_of_a_series_is_its_first_and_last_time_and_its_count(storage, lab):
    [one, empty, other] = lab.add_series("one", "empty", "other")
    lab.store((one, 7, 1.0), (other, 1, 1.0), (one, 3, 1.0))
    lab.store((one, 5, 1.0), (one, 5, 1.0))

    with storage.unit() as unit:
        extents = unit.series.extents(lab.experiment_id, visible_to=lab.scientist)

    assert [(each.series.series_id, *each[1:]) for each in extents] == [
        (one, 3, 7, 4), (empty, None, None, 0), (other, 1, 1, 1)
    ]
    assert [each.series.sensor for each in extents] == ["one", "empty", "other"]
