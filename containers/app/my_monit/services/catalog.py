"""What names mean: experiments, measure types, series and publishers, remembered in the process.

Remembering is safe without ever asking again: a name means the same experiment for ever, a series never moves, and a
measure type does not change. What is unknown is not remembered, since it may come into being.
"""

import re

from my_monit.model import MeasureType, Message, Reason
from my_monit.parsing import Reading
from my_monit.storage.ports import Unit

#: Series remembered before all are forgotten: sensors' names are free text, and this is only a cache.
MAX_SERIES = 100_000
#: The one publisher of all messages that name neither an account nor a known experiment.
NOBODY = b""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Catalog:
    def __init__(self, routing: str) -> None:
        """`routing` is the routing key of accounts that may publish for every experiment."""
        self._routing = routing
        self._prefix = f"{routing}."
        self._experiments: dict[str, int] = {}
        self._measure_types: dict[str, MeasureType] = {}
        self._series: dict[tuple[int, int, str], int] = {}
        self._publishers: dict[bytes, int] = {}
        self._publishers_by_key: dict[str, bytes] = {}

    def forget(self) -> None:
        """After a transaction that was undone: some of these numbers may have been given in it.

        It may also have been undone because an older backup was restored, in which the others are not there either.
        """
        for remembered in (
            self._experiments, self._measure_types, self._series, self._publishers, self._publishers_by_key
        ):
            remembered.clear()

    def publisher(self, unit: Unit, message: Message) -> bytes:
        """The account that the broker vouches for, otherwise the routing key.

        Routing keys of no known experiment share one empty name, so that nobody can make up publishers without end.
        """
        if message.user_id:
            return message.user_id
        key = message.routing_key
        publisher = self._publishers_by_key.get(key)
        if publisher is None:
            named = self.experiment_of_key(key)
            if key != self._routing and not (named and self._experiment(unit, named)):
                return NOBODY
            publisher = self._publishers_by_key[key] = key.encode()
        return publisher

    def publisher_id(self, unit: Unit, publisher: bytes) -> int:
        number = self._publishers.get(publisher)
        if number is None:
            number = self._publishers[publisher] = unit.messages.publisher_id(publisher)
        return number

    def experiment_of_key(self, routing_key: str) -> str | None:
        """The experiment that a routing key `measures.<experiment>` names, if it is a well-formed name."""
        name = routing_key.removeprefix(self._prefix)
        return name if name != routing_key and _NAME.fullmatch(name) else None

    def series_id(self, unit: Unit, routing_key: str, reading: Reading) -> int | Reason:
        """The series that a reading belongs to, or why it has none; a series comes into being when it is asked for."""
        experiment_id = self._experiment(unit, reading.experiment)
        if not self._may_publish(unit, routing_key, reading.experiment, experiment_id):
            return Reason.FORBIDDEN
        if experiment_id is None:
            return Reason.UNKNOWN_EXPERIMENT
        measure_type = self._measure_type(unit, reading.measure)
        if measure_type is None:
            return Reason.UNKNOWN_MEASURE
        if reading.unit is not None and reading.unit != measure_type.symbol:
            return Reason.WRONG_UNIT
        identity = (experiment_id, measure_type.measure_type_id, reading.sensor)
        number = self._series.get(identity)
        if number is None:
            if len(self._series) >= MAX_SERIES:
                self._series.clear()
            number = self._series[identity] = unit.series.find_or_add(*identity)
        return number

    def _may_publish(self, unit: Unit, routing_key: str, name: str, experiment_id: int | None) -> bool:
        """The broker enforces who may use which routing key, so the key says what the publisher may write to."""
        if routing_key in (self._routing, self._prefix + name):
            return True
        of_key = self.experiment_of_key(routing_key)  # another name of the same experiment is as good
        return experiment_id is not None and of_key is not None and self._experiment(unit, of_key) == experiment_id

    def _experiment(self, unit: Unit, name: str) -> int | None:
        if name not in self._experiments:
            self._experiments.update(unit.experiments.ids_by_name([name]))
        return self._experiments.get(name)

    def _measure_type(self, unit: Unit, name: str) -> MeasureType | None:
        if name not in self._measure_types:
            self._measure_types.update(unit.measure_types.by_name([name]))
        return self._measure_types.get(name)
