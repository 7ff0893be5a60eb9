"""Data to try MyMONIT with: four users, two experiments and some measures. Loading it again adds nothing."""

import json
from collections.abc import Iterator

from my_monit.logs.audit import Audit
from my_monit.model import Actor, Message, Role, User
from my_monit.permissions import Verb
from my_monit.services.ingestion import IngestionService
from my_monit.storage.ports import Unit

#: Measures of each experiment, a minute apart.
SAMPLES = 100
#: Seconds since 1970: 2026-01-01T00:00:00Z.
_FIRST_SAMPLE = 1_767_225_600

_USERS = (
    User("A001", name="Ada Demo", username="demo-a001", email="a001@example.org", role=Role.ADMIN),
    User("S001", name="Sam Demo", username="demo-s001", email="s001@example.org", role=Role.SCIENTIST),
    User("S002", name="Sue Demo", username="demo-s002", email="s002@example.org", role=Role.SCIENTIST),
    User("U001", name="Uma Demo", username="demo-u001", email="u001@example.org", role=Role.AUDITOR),
)
#: Experiment, its scientist, what is measured, the first value and the step from one to the next.
_EXPERIMENTS = (("device-vibrations", "S001", "hertz", 12.5, 0.25), ("black-holes", "S002", "kelvin", 2.725, 0.001))


class Demonstration:
    def __init__(self, audit: Audit, ingestion: IngestionService, routing: str) -> None:
        self._audit = audit
        self._ingestion = ingestion
        self._routing = routing

    def load(self, actor: Actor) -> None:
        with self._audit.act(actor, Verb.DEMONSTRATION_LOAD) as act:
            for user in _USERS:
                if act.unit.users.get(user.user_id) is None and act.unit.users.erased(user.user_id) is None:
                    act.unit.users.add(user)
            for experiment, scientist, *_ in _EXPERIMENTS:
                _add_experiment(act.unit, experiment, scientist)
        self._ingestion.store(list(self._messages()))

    def _messages(self) -> Iterator[Message]:
        """As an adapter would send them: their ids keep a second loading from storing them twice."""
        for experiment, _, measure, value, step in _EXPERIMENTS:
            for number in range(SAMPLES):
                reading = {
                    "experiment": experiment, "measure": measure, "value": round(value + number * step, 3),
                    "timestamp": _FIRST_SAMPLE + 60 * number,
                }
                yield Message(
                    body=json.dumps(reading).encode(), routing_key=self._routing,
                    message_id=f"{experiment}-{number}".encode(), user_id=b"demonstration",
                    content_type=None, content_encoding=None, type=None, headers=lambda: "{}",
                )


def _add_experiment(unit: Unit, name: str, scientist: str) -> None:
    if not unit.experiments.ids_by_name([name]):
        experiment = unit.experiments.add(name)
        if unit.users.get(scientist):  # and not erased
            unit.associations.add(experiment.experiment_id, scientist, until=None)
