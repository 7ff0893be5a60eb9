"""Experiments, and which scientists are associated with them."""

from datetime import datetime

from my_monit.errors import Conflict, Fault, Invalid, NotFound
from my_monit.logs.audit import Act, Audit
from my_monit.model import Actor, Association, Experiment, Role
from my_monit.permissions import Verb
from my_monit.services.versions import Expected, require_version


class ExperimentService:
    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def page(self, actor: Actor, *, after: int, limit: int) -> list[Experiment]:
        """All of them for an ADMIN, the associated ones for a SCIENTIST."""
        with self._audit.act(actor, Verb.EXPERIMENT_LIST) as act:
            return act.unit.experiments.page(after=after, limit=limit, visible_to=_eyes(actor))

    def get(self, actor: Actor, experiment_id: int) -> Experiment:
        subject = f"experiment:{experiment_id}"
        with self._audit.act(actor, Verb.EXPERIMENT_READ, subject) as act:
            return _existing(act, experiment_id, visible_to=_eyes(actor))

    def add(self, actor: Actor, name: str) -> Experiment:
        with self._audit.act(actor, Verb.EXPERIMENT_CREATE) as act:
            experiment = act.unit.experiments.add(name)
            act.object = f"experiment:{experiment.experiment_id}"
        return experiment

    def rename(self, actor: Actor, experiment_id: int, name: str, *, expected: Expected = None) -> Experiment:
        """Give it another name; the former one keeps meaning this experiment."""
        with self._audit.act(actor, Verb.EXPERIMENT_CHANGE, f"experiment:{experiment_id}") as act:
            require_version(_existing(act, experiment_id, lock=True), expected)
            act.unit.experiments.rename(experiment_id, name)
        return Experiment(experiment_id, name)

    def associations(self, actor: Actor, *, after: int, limit: int) -> list[Association]:
        """The current ones of at most `limit` experiments, beyond `after`."""
        with self._audit.act(actor, Verb.ASSOCIATION_LIST) as act:
            return act.unit.associations.current(after=after, limit=limit)

    def associate(self, actor: Actor, experiment_id: int, user_id: str, *, until: datetime | None) -> Association:
        """Let a scientist see an experiment from now on; `until` None: without an end.

        Raises NotFound without such an experiment or user, Conflict when the user is no SCIENTIST or is associated,
        Invalid when it would end before it begins, by storage's clock.
        """
        subject = f"experiment:{experiment_id} user:{user_id}"
        with self._audit.act(actor, Verb.ASSOCIATION_CREATE, subject) as act:
            _existing(act, experiment_id)
            user = act.unit.users.get(user_id, lock=True)  # the role must not change in between
            if user is None:
                raise NotFound("there is no such user")
            if user.role is not Role.SCIENTIST:
                raise Conflict("only a SCIENTIST can be associated with an experiment")
            association = act.unit.associations.add(experiment_id, user_id, until=until)
            if association.until is not None and association.until <= association.since:
                raise Invalid(Fault("/until", "must be in the future"))
            return association

    def dissociate(
        self, actor: Actor, experiment_id: int, user_id: str, *, until: datetime | None, expected: Expected = None
    ) -> Association:
        """End a scientist's association at `until`, or now when that is over or None; gives what it is from then on."""
        subject = f"experiment:{experiment_id} user:{user_id}"
        with self._audit.act(actor, Verb.ASSOCIATION_END, subject) as act:
            act.unit.users.get(user_id, lock=True)
            association = act.unit.associations.last(experiment_id, user_id)
            if association is None or not act.unit.associations.end(experiment_id, user_id, until=until):
                raise NotFound("the user is not associated with the experiment")
            require_version(association, expected)
            return act.unit.associations.last(experiment_id, user_id) or association


def _eyes(actor: Actor) -> str | None:
    """Through whose associations to look: None sees all."""
    return None if actor.role is Role.ADMIN else actor.user_id


def _existing(
    act: Act, experiment_id: int, *, visible_to: str | None = None, lock: bool = False
) -> Experiment:
    experiment = act.unit.experiments.get(experiment_id, visible_to=visible_to, lock=lock)
    if experiment is None:
        raise NotFound("there is no such experiment")
    return experiment
