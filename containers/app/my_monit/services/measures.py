"""Measures as the scientists of an experiment read them, and nobody else."""

from collections.abc import Iterator
from typing import NamedTuple

from my_monit.errors import NotFound
from my_monit.logs.audit import Act, Audit
from my_monit.model import Actor, Experiment, Measure, Position, Selection, Series, SeriesExtent
from my_monit.permissions import Verb
from my_monit.storage.ports import StoragePort

#: Measures per query of a stream: enough to make the query's own cost vanish, about 1 MiB in memory.
STREAM_CHUNK = 10_000


class Chunk(NamedTuple):
    """Some measures of an experiment, with what their series ids stand for."""

    experiment: Experiment
    series: dict[int, Series]
    measures: list[Measure]


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
    ) -> Chunk:
        """At most `limit` measures beyond `after`. Raises NotFound unless the scientist is associated."""
        with self._audit.act(actor, Verb.MEASURE_READ, f"experiment:{experiment_id}") as act:
            experiment, series = _visible(act, actor, experiment_id, selection)
            measures = act.unit.measures.chunk(
                experiment_id, list(series), selection,
                visible_to=actor.user_id, after=after, limit=limit, span=None,
            )
        return Chunk(experiment, series, measures)

    def stream(
        self, actor: Actor, experiment_id: int, selection: Selection, *, after: Position | None, limit: int | None
    ) -> Iterator[Chunk]:
        """All measures beyond `after`, at most `limit` (None: no limit), chunk by chunk; the first may be empty.

        Each chunk is a transaction of its own, so a slow reader holds nothing, and looks at the association again.
        """
        size = STREAM_CHUNK if limit is None else min(limit, STREAM_CHUNK)
        chunk = self.page(actor, experiment_id, selection, after=after, limit=size)
        left = None if limit is None else limit - len(chunk.measures)
        return self._rest(actor, chunk, selection, left=left, size=size)

    def _rest(
        self, actor: Actor, chunk: Chunk, selection: Selection, *, left: int | None, size: int
    ) -> Iterator[Chunk]:
        yield chunk
        measures = chunk.measures
        while len(measures) == size and left != 0:
            size = STREAM_CHUNK if left is None else min(left, STREAM_CHUNK)
            first, last = measures[0], measures[-1]
            with self._storage.unit() as unit:
                measures = unit.measures.chunk(
                    chunk.experiment.experiment_id, list(chunk.series), selection, visible_to=actor.user_id,
                    after=Position(last.time, last.series_id, last.measure_id), limit=size,
                    span=abs(last.time - first.time),
                )
            left = None if left is None else left - len(measures)
            yield Chunk(chunk.experiment, chunk.series, measures)

    def series(self, actor: Actor, experiment_id: int) -> SeriesReport:
        with self._audit.act(actor, Verb.SERIES_READ, f"experiment:{experiment_id}") as act:
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
    return experiment, {one.series_id: one for one in series if _selected(one, selection)}


def _selected(series: Series, selection: Selection) -> bool:
    return (not selection.measure_types or series.measure_type in selection.measure_types) and (
        not selection.sensors or series.sensor in selection.sensors
    )
