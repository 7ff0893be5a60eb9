"""Consumes measurements until it is told to stop, on one connection after the other."""

import threading
import time

from my_monit.messaging.descriptors import demand_descriptors
from my_monit.errors import BrokerRefused, MyMonitError
from my_monit.health import Health
from my_monit.logs.logger import get_logger
from my_monit.messaging import back_off
from my_monit.messaging.back_off import BackOff
from my_monit.messaging.connector import RabbitConnector
from my_monit.messaging.consumption import Consumption
from my_monit.messaging.garbage import look_less_often
from my_monit.messaging.ledger import Ledger
from my_monit.messaging.processor import RabbitMessageProcessor
from my_monit.messaging.storing import Storing
from my_monit.settings import RabbitConfiguration
from my_monit.storage.ports import StoragePort

#: Seconds until the next attempt after the broker has refused us or lacked the topology, at least: somebody must act.
REFUSED_SECS = 5.0

_log = get_logger("listener")


class RabbitListener:
    def __init__(
        self, configuration: RabbitConfiguration, connector: RabbitConnector, processor: RabbitMessageProcessor,
        storage: StoragePort, health: Health, ledger: Ledger,
    ) -> None:
        self._configuration = configuration
        self._connector = connector
        self._processor = processor
        self._storage = storage
        self._health = health
        self._ledger = ledger
        self._stopping = threading.Event()
        self._storing = Storing(
            processor, health, ledger, hold_secs=configuration.hold_secs, stopping=self._stopping
        )

    def stop(self) -> None:
        """Finish what has been delivered, acknowledge it, and return from `run`. May be called by a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Consume until `stop`. Raises ConfigurationError when trying again cannot help.

        What the broker refuses ends the start. Later it is waited for: somebody who took the topology or the rights
        away can give them back, and nothing is gained by a process that dies and comes back meanwhile.
        """
        look_less_often()
        pause = BackOff()
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                self._storage.check_storing()
                self._consume()
            except MyMonitError as error:
                refused = isinstance(error, BrokerRefused)
                if not error.transient and not (refused and self._health.was_ready):
                    raise
                demand_descriptors()
                if time.monotonic() - started > back_off.RETRY_SECS:
                    pause = BackOff()  # it went well for a while: this is another trouble
                self._health.fail(str(error))
                _log.warning("consuming_interrupted", error=error)
                self._stopping.wait(max(pause.next(), REFUSED_SECS if refused else 0))

    def _consume(self) -> None:
        with self._connector.channel() as (connection, channel):
            Consumption(
                self._configuration, connection, channel, self._processor, self._storing, self._health, self._ledger,
                self._stopping,
            ).run()
