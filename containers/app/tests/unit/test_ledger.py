"""The ledger of ingestion adds up, whatever happens."""

import time
from collections import Counter

import pytest

from my_monit.messaging.ledger import Ledger
from my_monit.model import Reason
from my_monit.services.ingestion import Outcome, Refusal
from my_monit.services.sorting import DUPLICATE, Fate


@pytest.fixture(name="ledger")
def ready_ledger() -> Ledger:
    return Ledger(lambda: True)


def samples(ledger: Ledger) -> dict[str, float]:
    lines = ledger.render().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#")}


def outcomes(found: dict[str, float]) -> dict[str, float]:
    prefix = 'mymonit_ingest_messages_total{outcome="'
    return {name.removeprefix(prefix)[:-2]: value for name, value in found.items() if name.startswith(prefix)}


def test_every_message_has_one_outcome_or_is_in_flight(ledger):
    ledger.received(7)
    ledger.received(5)
    fates = [Fate(stored=6)] * 3 + [Fate(2, 1), Fate(quarantined=2), DUPLICATE]
    outcome = Outcome(20, 3, 1, fates, Counter({Refusal(b"mad", Reason.BAD_JSON): 3}))
    ledger.committed(6, outcome, secs=0.1, published=None)
    ledger.returned(2)

    found = samples(ledger)

    assert found["mymonit_ingest_received_messages_total"] == 12
    assert outcomes(found) == {"stored": 3, "quarantined": 2, "duplicate": 1, "returned": 2}
    assert found["mymonit_ingest_in_flight_messages"] == 4
    assert found["mymonit_ingest_measures_total"] == 20
    assert found['mymonit_ingest_quarantined_items_total{reason="bad_json"}'] == 3
    assert found["mymonit_ingest_ready"] == 1


def test_the_age_of_the_oldest_unstored_message_rises_and_is_0_when_there_is_none(ledger, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    ledger.received(2)
    now += 5
    ledger.received(1)
    now += 1

    ages = []
    for messages in (1, 1, 1):
        ages.append(samples(ledger)["mymonit_ingest_oldest_unstored_seconds"])
        ledger.committed(messages, Outcome(messages), secs=0.1, published=None)

    assert ages == pytest.approx([6, 6, 1])
    assert samples(ledger)["mymonit_ingest_oldest_unstored_seconds"] == 0


def test_the_lag_is_told_by_sensible_times_alone(ledger):
    ledger.received(9)
    for published in (int(time.time()) - 100, 0, 2**63, -5, int(time.time()) + 3600, "yesterday", None):
        ledger.committed(1, Outcome(1), secs=0.1, published=published)

    assert samples(ledger)["mymonit_ingest_lag_seconds"] == pytest.approx(100, abs=3)


def test_no_publisher_is_named(ledger):
    ledger.received(1)
    refusals = Counter({Refusal(b"mad", Reason.BAD_JSON): 1})
    ledger.committed(1, Outcome(quarantined=1, fates=[Fate(quarantined=1)], refusals=refusals), secs=0.1, published=None)

    assert b"mad" not in ledger.render()
