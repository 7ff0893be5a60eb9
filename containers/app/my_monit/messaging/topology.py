"""Exchange, queues, policy and accounts at the broker, declared through its management API by `mymonit migrate`.

The exchange is bound to the queue with `#`: whatever reaches the exchange reaches the listener, which quarantines
what it may not store. What the broker cannot deliver waits in the parking queue, which the listener drains too. It
gets there through an exchange of its own, under the routing key that it was published with: that key says what its
publisher may write to, and the headers that tell the same (x-death) could be forged.
"""

import re

from my_monit.messaging.accounts import ADAPTER_TAG
from my_monit.messaging.management import Management
from my_monit.settings import DemonstrationConfiguration, RabbitConfiguration

#: Times that a message may be returned to the queue before the broker parks it.
DELIVERY_LIMIT = 20

#: The same for the parking queue, where nothing else would take it: RabbitMQ 4 drops after 20 unless told otherwise.
PARKED_DELIVERY_LIMIT = 1_000_000_000

_QUORUM = {"durable": True, "auto_delete": False, "arguments": {"x-queue-type": "quorum"}}
_PARKING = {"type": "fanout", "durable": True, "internal": True}
_NOTHING = "^$"
_EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}


def parking_queue(queue: str) -> str:
    """The exchange that leads there has the same name."""
    return f"{queue}.parked"


def declare(management: Management, names: RabbitConfiguration) -> None:
    """Make everything that the listener and the adapters need; what is there already stays.

    Raises ConfigurationError when something of the same name is there, but different.
    """
    vhost, exchange, queue = names.vhost, names.exchange, names.queue
    management.put({}, "vhosts", vhost)
    management.put(_EVERYTHING, "permissions", vhost, management.user)
    management.put({"type": "topic", "durable": True}, "exchanges", vhost, exchange)
    parked = parking_queue(queue)
    management.put(_QUORUM, "queues", vhost, parked)
    management.put(_PARKING, "exchanges", vhost, parked)
    management.post({}, "bindings", vhost, "e", parked, "q", parked)
    management.put(_parking_policy(queue), "policies", vhost, f"mymonit-{parked}")
    management.put(_policy(queue), "policies", vhost, f"mymonit-{queue}")
    management.put(_QUORUM, "queues", vhost, queue)
    management.post({"routing_key": "#"}, "bindings", vhost, "e", exchange, "q", queue)
    _listener(management, names)


def _policy(queue: str) -> dict[str, object]:
    """At-least-once dead lettering needs reject-publish; see docs/messages.md.

    Without a routing key of its own for dead letters, they keep theirs: the header that tells it can be forged.
    """
    return _policy_of(queue, {
        "delivery-limit": DELIVERY_LIMIT,
        "dead-letter-exchange": parking_queue(queue),
        "dead-letter-strategy": "at-least-once",
        "overflow": "reject-publish",
    })


def _parking_policy(queue: str) -> dict[str, object]:
    return _policy_of(parking_queue(queue), {"delivery-limit": PARKED_DELIVERY_LIMIT, "overflow": "reject-publish"})


def _policy_of(queue: str, definition: dict[str, object]) -> dict[str, object]:
    return {"pattern": f"^{re.escape(queue)}$", "apply-to": "queues", "priority": 1, "definition": definition}


def _listener(management: Management, names: RabbitConfiguration) -> None:
    """The listener reads its two queues, and can do nothing else."""
    management.put({"password": names.password.get_secret_value(), "tags": ""}, "users", names.user)
    readable = f"^({re.escape(names.queue)}|{re.escape(parking_queue(names.queue))})$"
    rights = {"configure": _NOTHING, "write": _NOTHING, "read": readable}
    management.put(rights, "permissions", names.vhost, names.user)


def add_publisher(
    management: Management, names: RabbitConfiguration, account: DemonstrationConfiguration
) -> None:
    """An account that may publish measurements of every experiment, and can do nothing else."""
    management.put({"password": account.password.get_secret_value(), "tags": ADAPTER_TAG}, "users", account.user)
    rights = {"configure": _NOTHING, "write": f"^{re.escape(names.exchange)}$", "read": _NOTHING}
    management.put(rights, "permissions", names.vhost, account.user)
    keys = {"exchange": names.exchange, "write": f"^{names.routing}(\\.[A-Za-z0-9_-]+)?$", "read": _NOTHING}
    management.put(keys, "topic-permissions", names.vhost, account.user)
