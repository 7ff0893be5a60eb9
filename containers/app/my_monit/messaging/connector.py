"""Connections to RabbitMQ: opened with TLS, time-outs and heartbeats. No exception of Pika gets out of this package."""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pika
from pika import exceptions
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from my_monit.errors import BrokerRefused, BrokerUnavailable, ConfigurationError
from my_monit.messaging.properties import accept_any_properties
from my_monit.messaging.topology import parking_queue
from my_monit.settings import RabbitConfiguration

#: Seconds between heartbeats; after two silent ones either side gives the connection up.
HEARTBEAT_SECS = 20
#: Seconds to wait for the TCP connection, and for TLS and AMQP on top of it.
CONNECT_SECS = 5
HANDSHAKE_SECS = 10
#: Seconds that the broker may block us (memory or disk alarm) before we give the connection up.
BLOCKED_SECS = 300

#: AMQP's access refused, not found and precondition failed.
REFUSALS = (403, 404, 406)

_REFUSED = (
    exceptions.ProbableAuthenticationError, exceptions.AuthenticationError, exceptions.ProbableAccessDeniedError
)


class RabbitConnector:
    def __init__(self, configuration: RabbitConfiguration) -> None:
        self._configuration = configuration
        self._parameters = _parameters(configuration)
        accept_any_properties()
        # It logs each failure up to six times before it raises it, and then we log it.
        logging.getLogger("pika").setLevel(logging.CRITICAL)

    @contextmanager
    def channel(self) -> Iterator[tuple[BlockingConnection, BlockingChannel]]:
        """A connection with one channel, closed at the end of the block.

        Raises BrokerUnavailable when it cannot be had or is lost within the block, and BrokerRefused when the
        broker refuses the account or lacks the topology.
        """
        with translated():
            connection = _open(self._parameters)
            try:
                channel = connection.channel()
                self._verify(channel)
                yield connection, channel
            finally:
                if connection.is_open:
                    connection.close()

    def check(self) -> None:
        """Raises as `channel` does."""
        with self.channel():
            pass

    def _verify(self, channel: BlockingChannel) -> None:
        names = self._configuration
        with topology_checked(names.queue):
            channel.exchange_declare(names.exchange, passive=True)
            channel.exchange_declare(parking_queue(names.queue), passive=True)
            channel.queue_declare(names.queue, passive=True)
            channel.queue_declare(parking_queue(names.queue), passive=True)


def _open(parameters: pika.ConnectionParameters) -> BlockingConnection:
    try:
        return pika.BlockingConnection(parameters)
    except ValueError as error:
        if not isinstance(error.__context__, OSError):
            raise
        raise error.__context__  # what Pika 1.4.4 makes of a broker that is gone again as soon as it was reached


@contextmanager
def topology_checked(queue: str) -> Iterator[None]:
    """Raises BrokerRefused when the broker closes the channel within the block for what an administrator must mend."""
    try:
        yield
    except exceptions.ChannelClosedByBroker as error:
        if error.reply_code not in REFUSALS:
            raise
        raise BrokerRefused(
            f"the broker lacks the exchanges or queues of {queue}, has them with other arguments or refuses them to "
            f"RABBIT_USER (AMQP {error.reply_code}): mymonit migrate"
        ) from error


@contextmanager
def translated() -> Iterator[None]:
    """Let no exception of Pika out."""
    try:
        yield
    except _REFUSED as error:
        raise BrokerRefused("the broker refuses RABBIT_USER, RABBIT_PASSWORD or RABBIT_VHOST") from error
    except ssl.SSLCertVerificationError as error:
        raise BrokerUnavailable("the broker's certificate is not one that RABBIT_CA vouches for") from error
    except (exceptions.AMQPError, AMQPConnectorException, OSError) as error:
        raise BrokerUnavailable(f"the broker cannot be reached ({type(error).__name__})") from error


def _parameters(configuration: RabbitConfiguration) -> pika.ConnectionParameters:
    host, port = configuration.address
    credentials = pika.PlainCredentials(configuration.user, configuration.password.get_secret_value())
    return pika.ConnectionParameters(
        host=host, port=port, virtual_host=configuration.vhost, credentials=credentials,
        ssl_options=pika.SSLOptions(_tls(configuration), host) if configuration.tls else None,
        heartbeat=HEARTBEAT_SECS, socket_timeout=CONNECT_SECS, stack_timeout=HANDSHAKE_SECS,
        blocked_connection_timeout=BLOCKED_SECS, client_properties={"connection_name": "mymonit listen"},
    )


def _tls(configuration: RabbitConfiguration) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=configuration.ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"RABBIT_CA: {configuration.ca} is no readable certificate") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
