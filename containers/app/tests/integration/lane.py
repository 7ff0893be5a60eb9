"""The ingest lane as these tests drive it: what is sent, what was stored, what was quarantined."""

import json
import threading
from typing import Any, NamedTuple

import pika

from my_monit.messaging.listener import RabbitListener
from my_monit.storage.connector import Session
from my_monit.storage.measures import NEGATIVE_ZERO
from tests.conftest import Eventually
from tests.integration.publisher import Publisher

#: Seconds since 1970 of the first good message: 2022-04-06T07:00:00Z. Each later one is a second younger.
FIRST = 1_649_228_400


class Stored(NamedTuple):
    experiment: str
    measure: str
    sensor: str
    time: int
    value: float
    publisher: str


class Refused(NamedTuple):
    reason: str
    publisher: bytes
    routing_key: bytes
    message_id: bytes | None
    element: int | None
    experiment: str | None
    headers: dict[str, Any]
    body: bytes


def reading(**changes: object) -> dict[str, object]:
    """A message in its simplest form; a change to `...` leaves the field out."""
    fields = {"experiment": "device-vibrations", "measure": "hertz", "value": 12.5, "timestamp": FIRST, **changes}
    return {name: value for name, value in fields.items() if value is not ...}


def body_of(**changes: object) -> bytes:
    return json.dumps(reading(**changes)).encode()


class ListenerThread:
    """A listener of this process; whatever ended it is raised by `stop`."""

    def __init__(self, listener: RabbitListener) -> None:
        self._listener = listener
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._listener.run()
        except BaseException as error:  # pylint: disable=broad-exception-caught
            self.failure = error

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self, *, within: float = 20) -> None:
        self._listener.stop()
        self._thread.join(within)
        assert not self.alive, "the listener does not stop"
        if self.failure:
            raise self.failure


class Lane:
    def __init__(self, session: Session, publish: Publisher) -> None:
        self._session = session
        self.publish = publish
        self._good = 0
        self._eventually = Eventually()

    def send(self, *bodies: bytes, properties: pika.BasicProperties | None = None, **options: Any) -> None:
        for body in bodies:
            self.publish(body, properties=properties, **options)

    def settle(self, *, within: float = 10) -> None:
        """Send a good message and wait until it is stored: whatever was sent before has been dealt with."""
        self._good += 1
        time = FIRST + 1_000_000 + self._good
        self.publish(body_of(experiment="good-news", timestamp=time))
        question = "SELECT 1 FROM MEASURES WHERE time = %s"
        self._eventually(lambda: self._session.row(question, (time * 10**9,)), within=within, every=0.01)

    def stored(self) -> list[Stored]:
        """All but what `settle` sent, by time, then value."""
        rows = self._session.rows(
            "SELECT e.name, t.name, s.sensor, m.time, m.value, m.measure_id, p.name FROM MEASURES m "
            "JOIN SERIES s ON s.series_id = m.series_id JOIN EXPERIMENTS e ON e.experiment_id = s.experiment_id "
            "JOIN MEASURE_TYPES t ON t.measure_type_id = s.measure_type_id "
            "JOIN PUBLISHERS p ON p.publisher_id = m.publisher_id "
            "WHERE e.name <> 'good-news' ORDER BY m.time, m.value"
        )
        return [
            Stored(*row[:2], _text(row[2]), row[3], -0.0 if row[5] >= NEGATIVE_ZERO else row[4], _text(row[6]))
            for row in rows
        ]

    def refused(self) -> list[Refused]:
        rows = self._session.rows(
            "SELECT reason, publisher, routing_key, message_id, element, experiment, headers, body FROM QUARANTINE "
            "ORDER BY quarantine_id"
        )
        return [
            Refused(row[0], *map(_bytes, row[1:4]), row[4], row[5], json.loads(row[6]), bytes(row[7])) for row in rows
        ]

    def forget(self) -> None:
        """Empty what the listener has written, but not what it remembers: names, series and publishers."""
        for table in ("MEASURES", "QUARANTINE", "QUARANTINE_USAGE", "MESSAGE_IDS"):
            self._session.execute(f"DELETE FROM {table}")


def _bytes(column: Any) -> Any:
    return None if column is None else bytes(column)


def _text(column: Any) -> str:
    return bytes(column).decode()
