"""Who fills the quarantine is cut off, is named, and stops nobody else."""

import threading

import pytest

from my_monit.errors import BrokerUnavailable, ConfigurationError
from my_monit.health import Health
from my_monit.model import CONSOLE, Quarantined, Reason
from my_monit.services import guard as module
from my_monit.services.adapters import AdapterService
from my_monit.services.guard import ALERT_SECS, Guard
from tests.unit.broker import MemoryAccounts
from tests.unit.by_hand import Services

MIB = 2**20


class Watch:
    """A guard with a limit of 1 MiB, and what it logs."""

    def __init__(self, services, monkeypatch):
        self.services = services
        self.accounts = MemoryAccounts()
        self.adapters = AdapterService(services.audit, self.accounts, routing="measures")
        self.health = Health()
        self.now = 0.0
        self.guard = Guard(
            services.storage, self.accounts, self.adapters, self.health, limit_mib=1, routing="measures",
            clock=lambda: self.now,
        )
        self.logged = []
        for level in ("warning", "error"):
            monkeypatch.setattr(
                module._log, level,  # pylint: disable=protected-access
                lambda event, level=level, **fields: self.logged.append((level, event, fields.get("publisher"))),
            )
        with services.storage.unit() as unit:
            unit.experiments.add("lab")
            unit.experiments.add("other")

    def fill(self, publisher, size):
        with self.services.storage.unit() as unit:
            unit.quarantine.add([Quarantined(Reason.BAD_JSON, publisher, "measures", None, None, None, "", bytes(size))])

    def suspended(self):
        return [one.name for one in self.accounts.publishers() if one.suspended]


@pytest.fixture
def watch(services, monkeypatch):
    return Watch(services, monkeypatch)


def test_below_the_limit_nothing_happens_and_near_it_a_warning_comes_now_and_then(watch):
    watch.adapters.add(CONSOLE, "mad", ["lab"])
    watch.fill(b"mad", MIB // 2)
    watch.guard.look()
    assert watch.logged == []

    watch.fill(b"mad", MIB // 3)
    for watch.now in (1.0, 5.0, ALERT_SECS, ALERT_SECS + 1, ALERT_SECS + 2):
        watch.guard.look()
    assert watch.logged == [("warning", "quarantine_filling", "mad")] * 2
    assert watch.suspended() == []


def test_an_account_beyond_the_limit_is_suspended_once_and_no_other(watch):
    for name in ("mad", "good"):
        watch.adapters.add(CONSOLE, name, ["lab"])
    watch.fill(b"mad", MIB)
    watch.fill(b"good", 1000)

    for watch.now in (1.0, 2 * ALERT_SECS):
        watch.guard.look()

    assert watch.suspended() == ["mad"]
    assert watch.logged == [("error", "publisher_suspended", "mad")]
    assert [row[:4] for row in watch.services.audited() if row.verb == "adapter.suspend"] == [
        ("@guard", "adapter.suspend", "adapter:mad", "success")
    ]
    assert watch.accounts.disconnected == ["mad", "mad"]


def test_many_small_items_count_with_what_a_row_takes(watch):
    watch.adapters.add(CONSOLE, "mad", ["lab"])
    with watch.services.storage.unit() as unit:
        unit.quarantine.add([Quarantined(Reason.BAD_JSON, b"mad", "measures", None, None, None, "", b"")] * 6000)

    watch.guard.look()

    assert watch.suspended() == ["mad"]


def test_where_a_routing_key_stands_for_the_publisher_those_are_suspended_that_can_use_no_other(watch):
    for name, experiments in (("one", ["lab"]), ("two", ["lab"]), ("both", ["lab", "other"]), ("else", ["other"])):
        watch.adapters.add(CONSOLE, name, experiments)
    watch.accounts.allow("all", None)
    watch.fill(b"measures.lab", MIB)

    for watch.now in (1.0, 2.0, ALERT_SECS + 1):
        watch.guard.look()

    assert watch.suspended() == ["one", "two"]
    assert [one for one in watch.logged if one[1] == "quarantine_overflowing"] == [
        ("error", "quarantine_overflowing", "measures.lab")
    ] * 2
    assert len([one for one in watch.logged if one[1] == "publisher_suspended"]) == 2


@pytest.mark.parametrize("publisher", [b"measures", b"", b"\xff", b"measures.nowhere"])
def test_whom_nobody_can_name_is_told_of_and_nobody_is_suspended(watch, publisher):
    watch.adapters.add(CONSOLE, "good", ["lab"])
    watch.fill(publisher, MIB)

    watch.guard.look()

    assert watch.suspended() == []
    assert [event for _, event, _ in watch.logged] == ["quarantine_overflowing"]


def test_who_is_resumed_while_the_quarantine_is_full_is_suspended_again(watch):
    watch.adapters.add(CONSOLE, "mad", ["lab"])
    watch.fill(b"mad", MIB)
    watch.guard.look()
    watch.adapters.resume(CONSOLE, "mad")
    watch.guard.look()
    assert watch.suspended() == ["mad"]

    with watch.services.storage.unit() as unit:
        unit.quarantine.remove([1])
    watch.adapters.resume(CONSOLE, "mad")
    watch.guard.look()
    assert watch.suspended() == []


def test_a_broker_that_is_away_is_told_and_asked_again(watch, monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECS", 0.01)
    watch.adapters.add(CONSOLE, "mad", ["lab"])
    watch.fill(b"mad", MIB)
    publishers, stopping, problems = watch.accounts.publishers, threading.Event(), []

    def away():
        watch.accounts.publishers = again
        raise BrokerUnavailable("the broker is away")

    def again():
        problems.append(watch.health.problem)
        stopping.set()
        return publishers()

    watch.accounts.publishers = away
    watch.guard.run(stopping)

    assert (problems[0], watch.health.problem, watch.suspended()) == ("the broker is away", None, ["mad"])
    assert ("warning", "guarding_interrupted", None) in watch.logged


def test_what_no_retry_can_mend_ends_it(watch):
    watch.fill(b"mad", MIB)

    def refused():
        raise ConfigurationError("the broker refuses RABBIT_ADMIN_USER")

    watch.accounts.publishers = refused
    with pytest.raises(ConfigurationError):
        watch.guard.run(threading.Event())
