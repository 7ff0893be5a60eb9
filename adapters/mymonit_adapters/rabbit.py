"""All of Pika. Other threads call `RabbitPublisher` only; a `_Session` lives in the thread of its I/O loop."""

import logging
import re
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.select_connection import IOLoop, SelectConnection
from pika.adapters.utils.connection_workflow import AMQPConnectorStackTimeout
from pika.channel import Channel
from pika.exceptions import (
    ChannelClosedByBroker,
    ConnectionClosed,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)
from pika.spec import Basic

from mymonit_adapters import __version__
from mymonit_adapters.errors import PublishingFailed, SpoolError
from mymonit_adapters.in_flight import InFlight
from mymonit_adapters.messages import Message
from mymonit_adapters.outbox import Outbox
from mymonit_adapters.publishing import Store
from mymonit_adapters.settings import Broker
from mymonit_adapters.spool import Spooled
from mymonit_adapters.trouble import Trouble

APP_ID = f"mymonit-adapter/{__version__}"
CONTENT_TYPE = "application/json"
MESSAGE_TYPE = "measure.v1"
PERSISTENT = 2

#: Published and not confirmed; more make nothing faster.
IN_FLIGHT_MAX, IN_FLIGHT_BYTES = 2_000, 16 << 20
MARKING_SECS = 0.2  # how soon the spool knows of a confirmation while others are awaited
HEARTBEAT_SECS = 20  # at most, whatever the broker offers; a dead line is noticed within twice that
CLOSE_SECS = 2.0  # for a farewell that nothing depends on

# Channel errors for which trying the same again gives the same answer, and what to do about them.
HOPELESS = {
    403: "the account needs the right to publish for this experiment",
    404: "check RABBIT_EXCHANGE, or have `mymonit migrate` run",
    406: "check the adapter's settings",
}
PASSING_REFUSAL = re.compile(r"is down|limit \(\d+\) is reached")


class RabbitPublisher:
    """Publishes with pipelined confirms, and again under the same id until the broker has confirmed.

    A lost connection, a returned message (nothing is bound) and a refused one (the queue is full) are waited out.
    """

    def __init__(self, broker: Broker, store: Store, *, report: Callable[[str], None]) -> None:
        logging.getLogger("pika").addHandler(logging.NullHandler())  # what people must know goes to `report`
        self._outbox = Outbox(store)
        self._ioloop = IOLoop()
        self._session = _Session(broker, self._outbox, self._ioloop, Trouble(report))
        # A daemon: a broker that does not answer must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="rabbit", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> PublishingFailed | None:
        return self._outbox.failure

    def wake(self) -> None:
        self._ioloop.add_callback_threadsafe(self._session.publish_waiting)

    def drain(self, *, timeout_secs: float, given_up: Callable[[], bool]) -> None:
        self._outbox.drain(timeout_secs=timeout_secs, given_up=given_up)

    def close(self) -> None:
        self._ioloop.add_callback_threadsafe(self._session.end)
        self._thread.join(CLOSE_SECS)
        if not self._thread.is_alive():
            self._ioloop.close()

    def _run(self) -> None:
        try:
            self._session.connect()
            self._loop()
        except SpoolError as error:
            self._outbox.fail(PublishingFailed(str(error)))
        except Exception:
            self._outbox.fail(PublishingFailed("the publisher has failed unexpectedly"))  # nobody waits for ever
            raise

    def _loop(self) -> None:
        while True:
            try:
                self._ioloop.start()
                return
            except ValueError as error:
                if not isinstance(error.__context__, OSError):
                    raise
                # What Pika 1.4.4 makes of a broker that is gone again as soon as it was reached.
                self._session.lose(error.__context__)


class _Session:
    """One connection after the other, and what was published over it."""

    def __init__(self, broker: Broker, outbox: Outbox, ioloop: IOLoop, trouble: Trouble) -> None:
        self._broker = broker
        self._outbox = outbox
        self._ioloop = ioloop
        self._trouble = trouble
        self._connection: SelectConnection | None = None
        self._channel: Channel | None = None  # only while it may be published to
        self._in_flight = InFlight()
        self._resting = False
        self._marking = False  # later, by a timer
        self._was_connected = False
        self._ending = False

    def connect(self) -> None:
        if self._ending:
            return
        self._connection = SelectConnection(
            _parameters(self._broker),
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_lost,
            on_close_callback=self._on_lost,
            custom_ioloop=self._ioloop,
        )

    def publish_waiting(self) -> None:
        if self._channel is None or not self._channel.is_open or self._resting:
            return
        count, size = len(self._in_flight), self._in_flight.bytes
        if count > IN_FLIGHT_MAX // 2 or size > IN_FLIGHT_BYTES // 2:
            return  # many at a time: fewer questions to the spool
        taken = self._outbox.take(IN_FLIGHT_MAX - count, IN_FLIGHT_BYTES - size)
        self._in_flight.add(taken)  # all, before the first is sent: whatever happens meanwhile, none is forgotten
        for _, message in taken:
            properties = _properties(message, user=self._broker.user)
            self._channel.basic_publish(
                self._broker.exchange, message.routing_key, message.body, properties, mandatory=True
            )

    def end(self) -> None:
        self._ending = True
        self._channel = None
        self._outbox.mark()
        if self._connection is None or self._connection.is_closed:
            self._ioloop.stop()
        elif self._connection.is_open:
            self._connection.close()
        # A connection that is being made is closed when it is there: Pika 1.4.4 cannot break off without an exception.

    def _on_open(self, connection: SelectConnection) -> None:
        if self._ending:
            connection.close()
            return
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(lambda *_: self._trouble.over())
        connection.channel(on_open_callback=self._on_channel)

    def _on_blocked(self, *_: Any) -> None:
        self._trouble.tell("the broker takes nothing at present (its memory or its disk is short); waiting")

    def _on_channel(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._on_channel_closed)
        channel.add_on_return_callback(self._on_return)
        # Passive: a missing exchange shows now, not with the first measurement.
        channel.exchange_declare(self._broker.exchange, passive=True, callback=lambda _: self._on_exchange(channel))

    def _on_exchange(self, channel: Channel) -> None:
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._on_ready(channel))

    def _on_ready(self, channel: Channel) -> None:
        if self._ending:
            return
        self._channel = channel
        self._in_flight = InFlight()
        self._was_connected = True
        self._trouble.over()
        self.publish_waiting()

    def _on_return(self, _channel: Channel, _method: Basic.Return, properties: Any, _body: bytes) -> None:
        self._in_flight.note_returned(properties.message_id)

    def _on_confirm(self, frame: Any) -> None:
        routed, returned = self._in_flight.settle(frame.method.delivery_tag, multiple=frame.method.multiple)
        if isinstance(frame.method, Basic.Nack):
            self._rest(routed + returned, "the broker refuses messages (its queue may be full); trying again")
        else:
            self._confirm(routed)
            self._rest(returned, f"no queue is bound to the exchange {self._broker.exchange} for this; trying again")
        self.publish_waiting()

    def _confirm(self, messages: list[Spooled]) -> None:
        if not messages:
            return
        self._outbox.confirm(messages)
        self._trouble.over()
        if self._in_flight or not self._outbox.mark():
            self._mark_later()

    def _mark_later(self) -> None:
        if not self._marking:
            self._marking = True
            self._ioloop.call_later(MARKING_SECS, self._mark)

    def _mark(self) -> None:
        self._marking = False
        if not self._outbox.mark():
            self._mark_later()

    def _rest(self, messages: list[Spooled], reason: str) -> None:
        """Keeps what the broker has not taken, and publishes nothing for a while."""
        if not messages:
            return
        self._outbox.put_back(messages)
        if not self._resting:
            self._resting = True
            self._trouble.tell(f"{reason} ({messages[0].message.routing_key})")
            self._ioloop.call_later(self._trouble.next_delay_secs(), self._resume)

    def _resume(self) -> None:
        self._resting = False
        self.publish_waiting()

    def _on_channel_closed(self, _channel: Channel, error: BaseException) -> None:
        self._channel = None
        if not isinstance(error, ChannelClosedByBroker) or self._connection is None:
            return  # the connection is closing, and with it the channel
        if error.reply_code in HOPELESS:
            self._give_up(f"the broker refuses: {error.reply_text}; {HOPELESS[error.reply_code]}")
        else:
            self._connection.close(error.reply_code, error.reply_text)

    def _on_lost(self, connection: SelectConnection, error: BaseException) -> None:
        if connection is self._connection:
            self.lose(error)

    def lose(self, error: BaseException) -> None:
        self._connection = self._channel = None
        self._outbox.put_back(self._in_flight.unsettled())
        self._in_flight = InFlight()
        if self._ending:
            self._ioloop.stop()
        elif refusal := _refusal(error, self._broker, first_time=not self._was_connected):
            self._give_up(refusal)
        else:
            where = f"{self._broker.host}:{self._broker.port}"
            self._trouble.tell(f"no connection to the broker at {where} ({_describe(error)}); trying again")
            self._ioloop.call_later(self._trouble.next_delay_secs(), self.connect)

    def _give_up(self, reason: str) -> None:
        self._outbox.fail(PublishingFailed(reason))
        self.end()


def _parameters(broker: Broker) -> pika.ConnectionParameters:
    return pika.ConnectionParameters(
        host=broker.host,
        port=broker.port,
        virtual_host=broker.vhost,
        credentials=pika.PlainCredentials(broker.user, broker.password),
        ssl_options=pika.SSLOptions(broker.tls, broker.host) if broker.tls else None,
        heartbeat=lambda _, offered_secs: min(offered_secs or HEARTBEAT_SECS, HEARTBEAT_SECS),
        client_properties={"connection_name": APP_ID},
    )


def _properties(message: Message, *, user: str) -> pika.BasicProperties:
    return pika.BasicProperties(
        content_type=CONTENT_TYPE,
        delivery_mode=PERSISTENT,
        message_id=message.message_id,
        timestamp=message.created,
        type=MESSAGE_TYPE,
        user_id=user,
        app_id=APP_ID,
    )


def _refusal(error: BaseException, broker: Broker, *, first_time: bool) -> str | None:
    """What people have to put right before another attempt can help; None when waiting may be enough."""
    text, cause = str(error), _cause(error)
    if isinstance(error, ProbableAuthenticationError) and "(403)" in text:
        return f"the broker refuses the account {broker.user}: check RABBIT_USER and RABBIT_PASSWORD"
    if isinstance(error, ProbableAccessDeniedError) and "(530)" in text and not PASSING_REFUSAL.search(text):
        return f"the broker refuses the virtual host {broker.vhost}: check RABBIT_VHOST and the account's rights"
    if not first_time:
        return None  # a certificate that expires while we run will be renewed
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = cause.verify_message.rstrip(".")
        return f"the broker's certificate is refused ({reason}): check RABBIT_CA and the host in RABBIT_URL"
    if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
        return f"no TLS is spoken at {broker.host}:{broker.port}: check the port in RABBIT_URL"
    return None


def _cause(error: BaseException) -> BaseException:
    """Pika wraps what has happened, several times and in several ways."""
    while True:
        inner = getattr(error, "exception", None) or (getattr(error, "exceptions", None) or error.args or [None])[-1]
        if not isinstance(inner, BaseException):
            return error
        error = inner


def _describe(error: BaseException) -> str:
    cause = _cause(error)
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    if isinstance(cause, AMQPConnectorStackTimeout):
        return "it does not answer"
    if isinstance(cause, ConnectionClosed):
        return str(cause.reply_text)
    return str(cause.args[0]) if cause.args else type(cause).__name__
