"""Measures in figures: how many, the least, the greatest, the mean and the deviation, period by period.

From the measures themselves, so late ones count like others. What one request may cost is limited.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import NamedTuple

from my_monit.errors import Fault, Invalid, NotFound
from my_monit.logs.audit import Act, Audit
from my_monit.model import Actor, Experiment, Selection, Series
from my_monit.periods import Period, Stretch, stretches
from my_monit.permissions import Verb
from my_monit.storage.ports import Figures

#: Periods times series, at most, empty ones too: no answer has more rows.
MAX_ROWS = 100_000
#: Measures that one request may sum up: some seconds of one core, twice that with deviations.
MAX_MEASURES = 10_000_000


@dataclass(frozen=True)
class Question:
    """What is to be summed up, by which periods of which zone."""

    selection: Selection
    every: Period
    functions: Collection[str]
    zone: tzinfo = field(default=UTC)


class SummaryRow(NamedTuple):
    """The figures of a series in a period; times in nanoseconds since 1970, the end excluded."""

    series: Series
    start: int
    end: int
    figures: Figures


class Summary(NamedTuple):
    experiment: Experiment
    rows: Iterator[SummaryRow]


class SummaryService:
    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def ask(self, actor: Actor, experiment_id: int, question: Question) -> Summary:
        """By period, then series; periods without a measure are left out.

        Raises NotFound unless the scientist is associated, Invalid when it would cost too much.
        """
        subject = f"experiment:{experiment_id}"
        with self._audit.act(actor, Verb.MEASURE_READ, subject, experiment_id=experiment_id) as act:
            experiment = act.unit.experiments.get(experiment_id, visible_to=actor.user_id)
            if experiment is None:
                raise NotFound("there is no such experiment")
            selection = question.selection
            series = {one.series_id: one for one in act.unit.series.of(experiment_id, visible_to=actor.user_id)
                      if selection.chooses(one)}
            rows = _rows(act, actor, experiment_id, question, series)
        return Summary(experiment, iter(rows))


def _rows(
    act: Act, actor: Actor, experiment_id: int, question: Question, series: dict[int, Series]
) -> list[SummaryRow]:
    measures, numbers = act.unit.measures, list(series)
    extent = measures.extent(numbers, question.selection) if numbers else None
    if extent is None:
        return []
    first, last = extent
    found = _affordable(question, first, last, len(numbers))
    if measures.count(numbers, first, last, up_to=MAX_MEASURES + 1) > MAX_MEASURES:
        raise Invalid(Fault(
            "from", f"There are more than {MAX_MEASURES} measures: choose a shorter range, a type or a sensor."
        ))
    rows = [
        SummaryRow(series[figures.series_id], begin, begin + stretch.width, figures)
        for stretch in found
        for figures in measures.figures(
            experiment_id, numbers, stretch, first, last, question.functions, visible_to=actor.user_id
        )
        for begin in [stretch.start + figures.period * stretch.width]
    ]
    return sorted(rows, key=lambda row: (row.start, row.series.series_id))


def _affordable(question: Question, first: int, last: int, series: int) -> list[Stretch]:
    found = stretches(question.every, first, last + 1, question.zone, limit=MAX_ROWS // series)
    if found is None:
        raise Invalid(Fault(
            "every", f"That would be more than {MAX_ROWS} periods times series, empty ones too: "
            "choose a longer period, a shorter range, a type or a sensor."
        ))
    return found
