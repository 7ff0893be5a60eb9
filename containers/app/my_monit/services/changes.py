"""What came to an experiment since somebody last looked, late measures too: for those who keep a copy of it."""

from collections.abc import Iterator

from my_monit.errors import NotFound
from my_monit.logs.audit import Audit
from my_monit.model import Actor
from my_monit.permissions import Verb
from my_monit.services.access import require_standing
from my_monit.services.export import FIRST_CHUNK, STREAM_CHUNK, Piece
from my_monit.storage.ports import Place, StoragePort, Unit

#: Reads of the database for one page, each some 20 ms where an experiment has many hundreds of series.
READS_OF_A_PAGE = 20


class ChangeService:
    def __init__(self, storage: StoragePort, audit: Audit) -> None:
        self._storage = storage
        self._audit = audit

    def page(self, actor: Actor, experiment_id: int, *, after: Place, limit: int) -> tuple[list[Piece], Place]:
        """At most `limit` measures that came behind a place, and where to go on; none when there are no more.

        Fewer where they lie so far apart that to find them all would take too long. Raises NotFound unless the
        scientist is associated.
        """
        pieces: list[Piece] = []
        subject = f"experiment:{experiment_id}"
        with self._audit.act(actor, Verb.MEASURE_READ, subject, experiment_id=experiment_id) as act:
            until = act.unit.measures.arrivals(experiment_id)  # before the series: what comes later may be of a new one
            reading = _Reading(act.unit, actor, experiment_id)
            for _ in range(READS_OF_A_PAGE):
                piece, place = reading.read(after, until=until, limit=limit)
                if place == after:
                    break
                pieces.append(piece)
                after, limit = place, limit - len(piece.columns)
                if limit == 0:
                    break
        return pieces, after

    def stream(self, actor: Actor, experiment_id: int, *, after: Place) -> tuple[Iterator[Piece], Place]:
        """Everything that has come behind a place up to now, and where to go on next time."""
        subject = f"experiment:{experiment_id}"
        with self._audit.act(actor, Verb.MEASURE_READ, subject, experiment_id=experiment_id) as act:
            until = act.unit.measures.arrivals(experiment_id)  # before the series: what comes later may be of a new one
            reading = _Reading(act.unit, actor, experiment_id)
            first, place = reading.read(after, until=until, limit=FIRST_CHUNK)
        end = max(after, Place(until + 1))
        return self._rest(actor, experiment_id, first, after, place, until), end

    def _rest(
        self, actor: Actor, experiment_id: int, piece: Piece, after: Place, place: Place, until: int
    ) -> Iterator[Piece]:
        while place != after:
            yield piece
            after = place
            with self._storage.unit() as unit:
                require_standing(unit, actor)
                reading = _Reading(unit, actor, experiment_id)
                piece, place = reading.read(after, until=until, limit=STREAM_CHUNK)


class _Reading:
    """One transaction's look at an experiment, whose series may have become more."""

    def __init__(self, unit: Unit, actor: Actor, experiment_id: int) -> None:
        experiment = unit.experiments.get(experiment_id, visible_to=actor.user_id)
        if experiment is None:
            raise NotFound("there is no such experiment")
        series = unit.series.of(experiment_id, visible_to=actor.user_id)
        self._unit = unit
        self._actor = actor
        self._experiment = experiment
        self._series = {one.series_id: one for one in series}

    def read(self, after: Place, *, until: int, limit: int) -> tuple[Piece, Place]:
        columns, place = self._unit.measures.changes(
            self._experiment.experiment_id, list(self._series),
            visible_to=self._actor.user_id, after=after, until=until, limit=limit,
        )
        return Piece(self._experiment, self._series, columns), place
