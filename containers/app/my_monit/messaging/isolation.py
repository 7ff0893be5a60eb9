"""How many messages may share a fate, so that one that kills the process takes none of the others along.

When a process dies, the broker takes back whatever it had not acknowledged, and counts that for each message. So what
came back is read in company that is eight times smaller each time: four deaths and a killer is alone, while its former
neighbours are stored. Killed alone often enough, it is quarantined unread. ADR 13 has the argument.
"""

from typing import Any

from my_monit.messaging.topology import DELIVERY_LIMIT

#: How many times smaller its company gets whenever a message comes back.
SHRINK = 8
#: Returns after which a message is quarantined without looking into it. Well before the broker would park it, because
#: each costs a restart of the process; well after it was alone for the first time.
GIVEN_UP_AFTER = DELIVERY_LIMIT // 2


#: What stands for a count that cannot be read: such a message is always alone, and the broker will park it.
UNKNOWN = GIVEN_UP_AFTER - 1


def times_returned(method: Any, properties: Any) -> int:
    """How often a delivery came back to its queue before.

    Of the two only `redelivered` cannot be forged: it is a field of the broker's own method. With it, the broker writes
    the header anew; without it, the header is whatever the publisher wrote.
    """
    if not method.redelivered:
        return 0
    count = (properties.headers or {}).get("x-delivery-count")
    return max(int(count), 1) if isinstance(count, int) else UNKNOWN


def company(returns: int, full: int) -> int:
    """How many messages may be unacknowledged at a time while one of them came back so often; `full` of new ones."""
    return max(1, full // int(SHRINK ** min(returns, GIVEN_UP_AFTER)))
