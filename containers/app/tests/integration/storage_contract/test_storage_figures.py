import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from my_monit.model import Selection
from my_monit.periods import Stretch
from tests.integration.storage_contract.lab import LATEST, Lab


@given(
    values=st.lists(st.floats(-1e9, 1e9).map(lambda value: value + 0.0), min_size=1, max_size=60),
    offset=st.sampled_from([0.0, 1e9, -1e12]), width=st.integers(1, 20),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_figures_are_those_that_numpy_reckons(storage, values, offset, width):
    lab = Lab(storage)
    series = lab.add_series("one", "other")
    values = [value + offset for value in values]
    lab.store(*((series[time % 2], time, value) for time, value in enumerate(values)))
    stretch = Stretch(0, width, 60 // width + 1)

    with storage.unit() as unit:
        found = unit.measures.figures(
            lab.experiment_id, series, stretch, 0, 60, ["count", "min", "max", "mean", "std"],
            visible_to=lab.scientist,
        )

    assert len({each[:2] for each in found}) == len(found)
    for which, period, figures in found:
        told = np.array([value for time, value in enumerate(values)
                         if series[time % 2] == which and time // width == period])
        assert (figures["count"], figures["min"], figures["max"]) == (len(told), told.min(), told.max())
        size = np.abs(told).max()
        assert figures["mean"] == pytest.approx(told.mean(), rel=0, abs=1e-14 * len(told) * size + 1e-300)
        if len(told) == 1:
            assert figures["std"] is None
        else:
            # A sum of squares would be off by 1e-8 of the greatest value.
            assert figures["std"] == pytest.approx(told.std(ddof=1), rel=1e-9, abs=1e-14 * len(told) * size)
    assert sum(each.values["count"] for each in found) == len(values)


def test_measures_are_counted_up_to_a_limit_and_their_extent_is_known(storage, lab):
    [one, empty] = lab.add_series("one", "empty")
    lab.store(*((one, time, 1.0) for time in range(10)))

    with storage.unit() as unit:
        measures = unit.measures
        assert [measures.count([one, empty], 2, 5, up_to=limit) for limit in (1, 4, 9)] == [1, 4, 4]
        assert measures.count([one], 0, LATEST, up_to=100) == 10
        assert measures.extent([one, empty], Selection(start=3, end=7)) == (3, 6)
        assert measures.extent([one, empty], Selection(start=30)) is measures.extent([empty], Selection()) is None
