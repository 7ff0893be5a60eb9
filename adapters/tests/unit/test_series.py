import pytest
from mymonit_adapters.model import Series


@pytest.mark.parametrize("experiment", ["", "-a", "_a", "a b", "a.b", "a#", "é", "a" * 65, "a\n"])
def test_an_experiment_that_the_repository_would_refuse_is_refused_here(experiment: str) -> None:
    with pytest.raises(ValueError, match="experiment"):
        Series(experiment=experiment, measure="hertz")


@pytest.mark.parametrize("label", ["", "a" * 65, "a\tb", "a\x00", "\ud800", "a\u202eb"])
@pytest.mark.parametrize("field", ["measure", "sensor", "unit"])
def test_a_label_that_the_repository_would_refuse_is_refused_here(field: str, label: str) -> None:
    with pytest.raises(ValueError, match=field):
        Series(**{"experiment": "lab", "measure": "hertz", field: label})


def test_names_as_they_are_used_are_taken() -> None:
    long = Series(experiment="a" * 64, measure="degree Celsius", sensor="Nord-Süd 1", unit="Ω")
    short = Series(experiment="9_A-b", measure="hertz")

    assert (long.experiment, long.measure, long.sensor, long.unit) == ("a" * 64, "degree Celsius", "Nord-Süd 1", "Ω")
    assert (short.experiment, short.measure, short.sensor, short.unit) == ("9_A-b", "hertz", None, None)
