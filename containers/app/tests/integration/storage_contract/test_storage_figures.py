import math
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from my_monit.model import Selection
from my_monit.periods import Stretch
from tests.integration.storage_contract.lab import LATEST, Lab


#: Values are as far apart as this around a level, or lie anywhere.
SPREADS = [1e-323, 1e-310, 1e-200, 1e-9, 1.0, 1e9, 1e200, 1e307]
LEVELS = [0.0, 1e-300, 1.0, 1e9, -1e12, 1e15, -1e200, 1.7e308]
ANYWHERE = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60)
ALIKE = st.builds(
    lambda parts, spread, level: [level + part * spread for part in parts],
    st.lists(st.floats(-1, 1), min_size=1, max_size=60), st.sampled_from(SPREADS), st.sampled_from(LEVELS),
).filter(lambda values: max(map(abs, values)) < np.inf)


@given(
    values=st.one_of(ALIKE, ANYWHERE).map(lambda values: [value + 0.0 for value in values]), width=st.integers(1, 20)
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_figures_are_those_that_numpy_reckons(storage, values, width):
    lab = Lab(storage)
    series = lab.add_series("one", "other")
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
                         if series[time % 2] == which and time // width == period], dtype=np.longdouble)
        assert (figures["count"], figures["min"], figures["max"]) == (len(told), told.min(), told.max())
        assert figures["min"] <= figures["mean"] <= figures["max"]
        assert abs(figures["mean"] - told.mean()) <= rounding(told)
        deviation = told.std(ddof=1) if len(told) > 1 else np.inf
        if deviation > sys.float_info.max:
            assert figures["std"] is None
        else:
            assert abs(figures["std"] - deviation) <= rounding(told)
    assert sum(each.values["count"] for each in found) == len(values)


def rounding(told):
    """That of the result, and little of what the values differ by."""
    return 2 * math.ulp(float(told.mean())) + 1e-14 * (told.max() - told.min())


def test_figures_of_a_period_do_not_depend_on_how_great_those_of_others_are(storage):
    lab = Lab(storage)
    series = lab.add_series("one", "other")
    levels = [0.0, 1e-300, 1.0, 1e15, 1e300] * 300
    lab.store(*((one, 10 * n + part, level * (1 + part / 8)) for one in series
                for n, level in enumerate(levels) for part in range(3)))

    with storage.unit() as unit:
        found = unit.measures.figures(
            lab.experiment_id, series, Stretch(0, 10, len(levels)), 0, LATEST, ["std", "mean"], visible_to=lab.scientist
        )

    assert {each[:2] for each in found} == {(one, period) for one in series for period in range(len(levels))}
    for _, period, figures in found:
        assert figures == pytest.approx({"std": levels[period] / 8, "mean": levels[period] * 1.125}, rel=1e-14, abs=0)


def test_measures_are_counted_up_to_a_limit_and_their_extent_is_known(storage, lab):
    [one, empty] = lab.add_series("one", "empty")
    lab.store(*((one, time, 1.0) for time in range(10)))

    with storage.unit() as unit:
        measures = unit.measures
        assert [measures.count([one, empty], 2, 5, up_to=limit) for limit in (1, 4, 9)] == [1, 4, 4]
        assert measures.count([one], 0, LATEST, up_to=100) == 10
        assert measures.extent([one, empty], Selection(start=3, end=7)) == (3, 6)
        absent = range(1_000_000, 1_000_700)
        assert measures.extent([*absent, one, *absent], Selection()) == (0, 9)
        assert measures.extent([one, empty], Selection(start=30)) is measures.extent([empty], Selection()) is None
