"""What came to an experiment since somebody last looked, late measures too: for those who keep a copy of it."""

from collections.abc import Iterator

from my_monit.errors import NotFound
from my_monit.logs.audit import Audit
from my_monit.model import Actor
from my_monit.permissions import Verb
from my_monit.services.access import require_standing
from my_monit.services.export import FIRST_CHUNK, STREAM_CHUNK
from my_monit.services.measures import Form
from my_monit.storage.ports import Layout, Place, StoragePort, Text, Unit


class ChangeService:
    def __init__(self, storage: StoragePort, audit: Audit) -> None:
        self._storage = storage
        self._audit = audit

    def page(
        self, actor: Actor, experiment_id: int, form: Form, *, after: Place, limit: int
    ) -> tuple[list[Text], Place]:
        """At most `limit` measures that came behind a place, and where to go on; none when there are no more.

        Raises NotFound unless the scientist is associated.
        """
        texts: list[Text] = []
        subject = f"experiment:{experiment_id}"
        with self._audit.act(actor, Verb.MEASURE_READ, subject, experiment_id=experiment_id) as act:
            until = act.unit.measures.arrivals(experiment_id)  # before the series: what comes later may be of a new one
            reading = _Reading(act.unit, actor, experiment_id, form)
            while limit > 0:
                text, place = reading.read(after, until=until, limit=limit)
                if place == after:
                    break
                texts.append(text)
                after, limit = place, limit - text.measures
        return texts, after

    def stream(
        self, actor: Actor, experiment_id: int, form: Form, *, after: Place
    ) -> tuple[Iterator[Text], Place]:
        """Everything that has come behind a place up to now, and where to go on next time."""
        subject = f"experiment:{experiment_id}"
        with self._audit.act(actor, Verb.MEASURE_READ, subject, experiment_id=experiment_id) as act:
            until = act.unit.measures.arrivals(experiment_id)  # before the series: what comes later may be of a new one
            reading = _Reading(act.unit, actor, experiment_id, form)
            first, place = reading.read(after, until=until, limit=FIRST_CHUNK)
        end = max(after, Place(until + 1))
        return self._rest(actor, experiment_id, form, first, after, place, until), end

    def _rest(
        self, actor: Actor, experiment_id: int, form: Form, text: Text, after: Place, place: Place, until: int
    ) -> Iterator[Text]:
        while place != after:
            yield text
            after = place
            with self._storage.unit() as unit:
                require_standing(unit, actor)
                reading = _Reading(unit, actor, experiment_id, form)
                text, place = reading.read(after, until=until, limit=STREAM_CHUNK)


class _Reading:
    """One transaction's look at an experiment, whose series may have become more."""

    def __init__(self, unit: Unit, actor: Actor, experiment_id: int, form: Form) -> None:
        experiment = unit.experiments.get(experiment_id, visible_to=actor.user_id)
        if experiment is None:
            raise NotFound("there is no such experiment")
        series = unit.series.of(experiment_id, visible_to=actor.user_id)
        self._unit = unit
        self._actor = actor
        self._experiment_id = experiment_id
        self._numbers = [one.series_id for one in series]
        self._layout: Layout = form(experiment, series)

    def read(self, after: Place, *, until: int, limit: int) -> tuple[Text, Place]:
        return self._unit.measures.changes(
            self._experiment_id, self._numbers, self._layout,
            visible_to=self._actor.user_id, after=after, until=until, limit=limit,
        )
