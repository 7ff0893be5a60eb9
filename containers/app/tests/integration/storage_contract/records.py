"""Experiments, API keys and quarantined messages, put into storage by the shortest way."""

from datetime import timedelta

from my_monit.model import Quarantined, Reason

#: The schema's clock and ours run on one host, but are read one after the other.
SKEW = timedelta(seconds=5)
#: No text in any encoding.
DIGEST = bytes(range(224, 256))


def add_experiments(storage, *names):
    with storage.unit() as unit:
        return [unit.experiments.add(name) for name in names]


def add_key(unit, key_id, *, user_id="S001", digest=DIGEST, label="on pc-17", experiment_id=None, days=90):
    return unit.keys.add(
        key_id, digest, user_id=user_id, label=label, experiment_id=experiment_id, created_by="A001",
        lifetime=timedelta(days=days),
    )


def quarantined(**changes):
    return Quarantined(
        Reason.BAD_JSON, b"publisher", "measures.lab", b"id", None, None, '{"priority": 1}', b"body"
    )._replace(**changes)


def quarantine(storage, *items):
    """Put them in, and give their ids."""
    with storage.unit() as unit:
        last = max((one.quarantine_id for one in unit.quarantine.page(after=0, limit=1000)), default=0)
        unit.quarantine.add(items)
        return [one.quarantine_id for one in unit.quarantine.page(after=last, limit=1000)]
