"""What the broker lets an account do."""

from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from my_monit.settings import RabbitConfiguration
from tests.integration.publisher import Account, parameters


def refusal(names: RabbitConfiguration, account: Account, action: Callable[[BlockingChannel], Any]) -> int | None:
    """The AMQP code with which the broker refuses an action, None when it does not.

    Raises UnroutableError when the broker takes a message that no queue wants.
    """
    with pika.BlockingConnection(parameters(names, account)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        try:
            action(channel)
        except ChannelClosedByBroker as error:
            return int(error.reply_code)
    return None
