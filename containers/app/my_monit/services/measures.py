"""Measures as the scientists of an experiment read them, and nobody else."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from my_monit.errors import NotFound
from my_monit.logs.audit import Act, Audit
from my_monit.model import Actor, Experiment, Position, Selection, Series, SeriesExtent
from my_monit.permissions import Verb
from my_monit.services import export
from my_monit.services.export import Export
from my_monit.storage.ports import Layout, StoragePort, Text

#: Says how the measures of these series of an experiment are written.
Form = Callable[[Experiment, Iterable[Series]], Layout]


class SeriesReport(NamedTuple):
    """What an experiment holds, and how many quarantined messages name it, by reason."""

    extents: list[SeriesExtent]
    quarantined: dict[str, int]


class MeasureService:
    def __init__(self, storage: StoragePort, audit: Audit) -> None:
        self._storage = storage
        self._audit = audit

    def page(
        self, actor: Actor, experiment_id: int, selection: Selection, form: Form, *,
        after: Position | None, limit: int,
    ) -> Text:
        """At most `limit` measures beyond `after`. Raises NotFound unless the scientist is associated."""
        return self._begin(actor, experiment_id, selection, form, after=after, limit=limit)[1]

    def stream(
        self, actor: Actor, experiment_id: int, selection: Selection, form: Form, *,
        after: Position | None, limit: int | None,
    ) -> Iterator[Text]:
        """All measures beyond `after`, at most `limit` (None: no limit), piece by piece; a piece may be empty.

        The first one is read before this returns. When the association ends meanwhile, the stream breaks off with
        NotFound, and with Unauthenticated when the reader is nobody any more, so that nobody takes a part for the
        whole.
        """
        size = export.FIRST_CHUNK if limit is None else min(limit, export.FIRST_CHUNK)
        whole, text = self._begin(actor, experiment_id, selection, form, after=after, limit=size)
        if limit is None:
            return whole.unlimited(text, selection)
        return whole.limited(text, selection, limit - text.measures)

    def _begin(
        self, actor: Actor, experiment_id: int, selection: Selection, form: Form, *,
        after: Position | None, limit: int,
    ) -> tuple[Export, Text]:
        subject = f"experiment:{experiment_id}"
        with self._audit.act(actor, Verb.MEASURE_READ, subject, experiment_id=experiment_id) as act:
            experiment, series = _visible(act, actor, experiment_id, selection)
            layout = form(experiment, series.values())
            text = act.unit.measures.text(
                experiment_id, list(series), selection, layout,
                visible_to=actor.user_id, after=after, limit=limit, span=None,
            )
        return Export(self._storage, actor, experiment_id, list(series), layout), text

    def latest(self, actor: Actor, experiment_id: int, selection: Selection, form: Form) -> Text:
        """The newest measure of each series that there is one of."""
        subject = f"experiment:{experiment_id}"
        with self._audit.act(actor, Verb.MEASURE_READ, subject, experiment_id=experiment_id) as act:
            experiment, series = _visible(act, actor, experiment_id, selection)
            layout = form(experiment, series.values())
            return act.unit.measures.latest(experiment_id, list(series), layout, visible_to=actor.user_id)

    def series(self, actor: Actor, experiment_id: int) -> SeriesReport:
        subject = f"experiment:{experiment_id}"
        with self._audit.act(actor, Verb.SERIES_READ, subject, experiment_id=experiment_id) as act:
            _experiment(act, actor, experiment_id)
            extents = act.unit.series.extents(experiment_id, visible_to=actor.user_id)
            return SeriesReport(extents, act.unit.quarantine.counts(experiment_id))


def _experiment(act: Act, actor: Actor, experiment_id: int) -> Experiment:
    experiment = act.unit.experiments.get(experiment_id, visible_to=actor.user_id)
    if experiment is None:
        raise NotFound("there is no such experiment")
    return experiment


def _visible(
    act: Act, actor: Actor, experiment_id: int, selection: Selection
) -> tuple[Experiment, dict[int, Series]]:
    experiment = _experiment(act, actor, experiment_id)
    series = act.unit.series.of(experiment_id, visible_to=actor.user_id)
    return experiment, {one.series_id: one for one in series if selection.chooses(one)}
