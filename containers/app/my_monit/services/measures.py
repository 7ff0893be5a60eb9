"""Measures as the scientists of an experiment read them, and nobody else."""

from collections.abc import Iterator
from typing import NamedTuple

from my_monit.errors import NotFound
from my_monit.logs.audit import Act, Audit
from my_monit.model import Actor, Experiment, Position, Selection, Series, SeriesExtent
from my_monit.permissions import Verb
from my_monit.services import export
from my_monit.services.export import Export, Piece
from my_monit.storage.ports import Columns, StoragePort


class SeriesReport(NamedTuple):
    """What an experiment holds, and how many quarantined messages name it, by reason."""

    extents: list[SeriesExtent]
    quarantined: dict[str, int]


class MeasureService:
    def __init__(self, storage: StoragePort, audit: Audit) -> None:
        self._storage = storage
        self._audit = audit

    def page(
        self, actor: Actor, experiment_id: int, selection: Selection, *, after: Position | None, limit: int
    ) -> Piece:
        """At most `limit` measures beyond `after`. Raises NotFound unless the scientist is associated."""
        whole, columns = self._begin(actor, experiment_id, selection, after=after, limit=limit)
        return Piece(whole.experiment, whole.series, columns)

    def stream(
        self, actor: Actor, experiment_id: int, selection: Selection, *, after: Position | None, limit: int | None
    ) -> Iterator[Piece]:
        """All measures beyond `after`, at most `limit` (None: no limit), piece by piece; a piece may be empty.

        The first one is read before this returns. When the association ends meanwhile, the stream breaks off with
        NotFound, and with Unauthenticated when the reader is nobody any more, so that nobody takes a part for the
        whole.
        """
        size = export.FIRST_CHUNK if limit is None else min(limit, export.FIRST_CHUNK)
        whole, first = self._begin(actor, experiment_id, selection, after=after, limit=size)
        if limit is None:
            return whole.pieces(whole.unlimited(first, selection))
        return whole.pieces(whole.limited(first, selection, limit - len(first)))

    def _begin(
        self, actor: Actor, experiment_id: int, selection: Selection, *, after: Position | None, limit: int
    ) -> tuple[Export, Columns]:
        subject = f"experiment:{experiment_id}"
        with self._audit.act(actor, Verb.MEASURE_READ, subject, experiment_id=experiment_id) as act:
            experiment, series = _visible(act, actor, experiment_id, selection)
            columns = act.unit.measures.read(
                experiment_id, list(series), selection,
                visible_to=actor.user_id, after=after, limit=limit, span=None,
            )
        return Export(self._storage, actor, experiment, series), columns

    def latest(self, actor: Actor, experiment_id: int, selection: Selection) -> Piece:
        """The newest measure of each series that there is one of."""
        subject = f"experiment:{experiment_id}"
        with self._audit.act(actor, Verb.MEASURE_READ, subject, experiment_id=experiment_id) as act:
            experiment, series = _visible(act, actor, experiment_id, selection)
            columns = act.unit.measures.latest(experiment_id, list(series), visible_to=actor.user_id)
        return Piece(experiment, series, columns)

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
