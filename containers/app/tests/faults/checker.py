"""The five sets, from the journal and the database: lost, both, unexpected, duplicated, falsified.

Each has to be empty. `misjudged` is a sixth: what was stored and should have been quarantined, or the other way round,
or quarantined for another reason.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.faults.database import Administrator
from tests.faults.journal import EXPERIMENT, MEASURE, STORED, Journal, Key, bits

#: How the schema keeps the sign of a zero (docs/decisions/0008): bit 63 of the row's id.
NEGATIVE_ZERO = 1 << 63
#: Names shown of a set that should be empty.
SHOWN = 5

_MEASURES = (
    "SELECT e.name, t.name, s.sensor, m.time, m.value, m.measure_id FROM MEASURES m "
    "JOIN SERIES s ON s.series_id = m.series_id JOIN EXPERIMENTS e ON e.experiment_id = s.experiment_id "
    "JOIN MEASURE_TYPES t ON t.measure_type_id = s.measure_type_id"
)
_QUARANTINE = "SELECT reason, body FROM QUARANTINE"


@dataclass
class Verdict:
    sent: int = 0
    confirmed: int = 0
    stored: int = 0
    quarantined: int = 0
    #: Things by the set that they should not be in.
    faults: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in SETS})

    def counts(self) -> list[int]:
        return [len(things) for things in self.faults.values()]

    def __str__(self) -> str:
        return "; ".join(f"{name}: {things[:SHOWN]}" for name, things in self.faults.items() if things) or "all well"


SETS = ("lost", "both", "unexpected", "duplicated", "falsified", "misjudged")


class _Found:
    """What is in the database, by the keys of the journal."""

    def __init__(self, journal: Journal, verdict: Verdict) -> None:
        self._journal = journal
        self._verdict = verdict
        self.stored: Counter[Key] = Counter()
        self.quarantined: Counter[Key] = Counter()
        self.reasons: dict[Key, str] = {}

    def measure(self, row: tuple[Any, ...]) -> None:
        experiment, measure, sensor, time, value, number = row
        key = Key(bytes(sensor).decode(), time)
        sent = self._journal.sent.get(key)
        if sent is None:  # one of another time or sensor is here, too, and lost under its own
            self._verdict.faults["unexpected"].append(row)
            return
        self.stored[key] += 1
        value = -0.0 if number >= NEGATIVE_ZERO else value
        if (experiment, measure, bits(value)) != (EXPERIMENT, MEASURE, bits(sent.value)):
            self._verdict.faults["falsified"].append((row, sent))

    def item(self, reason: str, body: bytes) -> None:
        keys = [key for key in _keys(body) if key in self._journal.sent]
        if not keys:
            self._verdict.faults["unexpected"].append((reason, body[:200]))
        for key in keys:
            self.quarantined[key] += 1
            self.reasons[key] = reason


def judge(journal: Journal, database: Administrator) -> Verdict:
    verdict = Verdict(sent=sum(journal.times.values()), confirmed=sum(journal.confirmed.values()))
    found = _Found(journal, verdict)
    for row in database.rows(_MEASURES):
        found.measure(row)
    for reason, body in database.rows(_QUARANTINE):
        found.item(reason, bytes(body))
    verdict.stored, verdict.quarantined = sum(found.stored.values()), sum(found.quarantined.values())
    for key in journal.sent:
        _judge_one(key, journal, found, verdict)
    return verdict


def _judge_one(key: Key, journal: Journal, found: _Found, verdict: Verdict) -> None:
    stored, quarantined, expected = found.stored[key], found.quarantined[key], journal.sent[key].expected
    outcome = found.reasons.get(key, STORED)
    for name, holds in (
        ("lost", stored + quarantined < journal.confirmed[key]),
        ("both", stored and quarantined),
        ("duplicated", stored + quarantined > journal.times[key]),
        ("misjudged", stored + quarantined and outcome != expected),
    ):
        if holds:
            verdict.faults[name].append((key, expected, outcome))


def torn(journal: Journal, database: Administrator) -> int:
    """Messages of which some elements are stored and others are not."""
    stored = {Key(bytes(sensor).decode(), time) for _, _, sensor, time, _, _ in database.rows(_MEASURES)}
    return sum(0 < sum(key in stored for key in keys) < len(keys) for keys in journal.messages().values())


def _keys(body: bytes) -> list[Key]:
    """The measures of a quarantined body or element; none where it cannot be read."""
    try:
        content = json.loads(body, parse_float=str, parse_int=str)
        elements = content if isinstance(content, list) else [content]
        return [Key(one["sensor"], _time(one["timestamp"])) for one in elements]
    except (ValueError, KeyError, TypeError):
        return []


def _time(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole) * 10**9 + int(fraction.ljust(9, "0") or 0)
