"""An example for each operation of the description.

They are true of the demonstration data with one message in the quarantine, and a test runs them.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    """`path` and `query` are parameters; `answer` is the body that comes back."""

    path: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    answer: Any = None


_ADA = {
    "user_id": "A001", "name": "Ada Demo", "username": "demo-a001", "email": "a001@example.org", "role": "ADMIN",
    "active": True,
}
_SAM = {
    "user_id": "S001", "name": "Sam Demo", "username": "demo-s001", "email": "s001@example.org", "role": "SCIENTIST",
    "active": True,
}
_MARIE = {
    "user_id": "S003", "name": "Marie Curie", "username": "mcurie", "email": "marie@example.org", "role": "SCIENTIST",
}
_SINCE = "2026-01-01T08:00:00.000000Z"
_UNTIL = "2030-01-31T12:00:00.000000Z"
_VIBRATIONS = {"experiment_id": 1, "name": "device-vibrations"}
_MOLALITY = {"name": "mole per kilogram", "symbol": "mol/kg", "quantity": "molality"}
_KEY = {
    "key_id": "5d41402abc4b2a76", "user_id": "S001", "label": "nightly export on pc-17", "experiment_id": 1,
    "created": _SINCE, "created_by": "A001", "expires": "2026-04-01T08:00:00.000000Z",
}
#: Of the right form, its checksum included, and nobody's.
_WHOLE_KEY = "mmk_5d41402abc4b2a76_" + 64 * "0" + "2bc46307"


def _measure(minute: int, value: float) -> dict[str, Any]:
    return {
        "experiment": "device-vibrations", "measure_type": "hertz", "sensor": None,
        "timestamp": f"2026-01-01T01:{minute}:00Z", "value": value,
    }


EXAMPLES: dict[str, Example] = {
    "get_users": Example(query={"limit": 1}, answer=[_ADA]),
    "post_users": Example(body=_MARIE, answer={**_MARIE, "active": True}),
    "get_users_me": Example(answer=_ADA),
    "get_users_user_id": Example({"user_id": "S001"}, answer=_SAM),
    "put_users_user_id": Example(
        {"user_id": "S001"},
        body={"name": "Samuel Demo", "username": "demo-s001", "email": "samuel@example.org"},
        answer={**_SAM, "name": "Samuel Demo", "email": "samuel@example.org"},
    ),
    "delete_users_user_id": Example({"user_id": "S002"}),
    "get_users_user_id_associations": Example(
        {"user_id": "S001"}, {"limit": 100},
        answer=[{"experiment_id": 1, "user_id": "S001", "since": _SINCE, "until": None}],
    ),
    "get_users_user_id_experiments_experiment_id_access": Example(
        {"user_id": "A001", "experiment_id": 1},
        answer={
            "user_id": "A001", "experiment_id": 1, "allowed": False, "findings": [
                {"check": "user", "holds": True, "detail": "there is such a user", "since": None, "until": None},
                {"check": "active", "holds": True, "detail": "the user is active", "since": None, "until": None},
                {
                    "check": "role", "holds": False, "since": None, "until": None,
                    "detail": "the role is ADMIN, and only a SCIENTIST reads measures",
                },
                {
                    "check": "association", "holds": False, "since": None, "until": None,
                    "detail": "the user was never associated with the experiment",
                },
            ],
        },
    ),
    "get_users_user_id_keys": Example({"user_id": "S001"}, answer=[_KEY]),
    "post_users_user_id_keys": Example(
        {"user_id": "S001"}, body={"label": "nightly export on pc-17", "experiment_id": 1, "days": 90},
        answer={**_KEY, "key": _WHOLE_KEY},
    ),
    "delete_users_user_id_keys_key_id": Example({"user_id": "S001", "key_id": "5d41402abc4b2a76"}),
    "get_experiments": Example(query={"limit": 1}, answer=[_VIBRATIONS]),
    "post_experiments": Example(body={"name": "polonium"}, answer={"experiment_id": 3, "name": "polonium"}),
    "get_experiments_experiment_id": Example({"experiment_id": 1}, answer=_VIBRATIONS),
    "put_experiments_experiment_id": Example(
        {"experiment_id": 1}, body={"name": "tremors"}, answer={"experiment_id": 1, "name": "tremors"}
    ),
    "get_scientists_experiments": Example(
        query={"limit": 100}, answer={"1": {"users": ["S001"]}, "2": {"users": ["S002"]}}
    ),
    "post_scientists_experiments_experiment_id_user_id": Example(
        {"experiment_id": 1, "user_id": "S002"}, body={"until": "2030-01-31T12:00:00Z"},
        answer={"experiment_id": 1, "user_id": "S002", "since": _SINCE, "until": _UNTIL},
    ),
    "delete_scientists_experiments_experiment_id_user_id": Example(
        {"experiment_id": 2, "user_id": "S002"}, body={"until": "2030-01-31T12:00:00Z"}
    ),
    "get_measures_experiment_id": Example(
        {"experiment_id": 1}, {"type": ["hertz"], "from": "2026-01-01T00:00:00Z", "limit": 2},
        answer=[_measure(39, 37.25), _measure(38, 37.0)],
    ),
    "get_measures_experiment_id_latest": Example(
        {"experiment_id": 1}, {"type": ["hertz"]}, answer=[_measure(39, 37.25)]
    ),
    "get_measures_experiment_id_summary": Example(
        {"experiment_id": 1}, {"every": "PT1H", "fn": ["count", "mean"], "from": "2026-01-01T01:00:00Z"},
        answer=[
            {
                "experiment": "device-vibrations", "measure_type": "hertz", "sensor": None,
                "start": "2026-01-01T01:00:00Z", "end": "2026-01-01T02:00:00Z", "count": 40, "mean": 32.375,
            }
        ],
    ),
    "get_measures_experiment_id_changes": Example(
        {"experiment_id": 1}, {"limit": 1},
        answer=[{**_measure(39, 12.5), "timestamp": "2026-01-01T00:00:00Z"}],
    ),
    "get_series_experiment_id": Example(
        {"experiment_id": 1},
        answer={
            "series": [
                {
                    "measure_type": "hertz", "symbol": "Hz", "sensor": None, "first": "2026-01-01T00:00:00Z",
                    "last": "2026-01-01T01:39:00Z", "count": 100,
                }
            ],
            "quarantined": {"unknown_experiment": 1},
        },
    ),
    "get_measure_types": Example(
        query={"limit": 1}, answer=[{"measure_type_id": 1, "name": "hertz", "symbol": "Hz", "quantity": "frequency"}]
    ),
    "post_measure_types": Example(body=_MOLALITY, answer={"measure_type_id": 31, **_MOLALITY}),
    "get_quarantine": Example(
        query={"reason": "unknown_experiment", "from": "2026-01-01T00:00:00Z", "limit": 100},
        answer=[
            {
                "id": 1, "reason": "unknown_experiment", "time": _SINCE, "publisher": "demonstration", "size": 92,
                "experiment": "device-vibrations",
            }
        ],
    ),
    "delete_quarantine_quarantine_id": Example({"quarantine_id": 1}),
    "post_quarantine_quarantine_id_replay": Example({"quarantine_id": 1}, answer={"stored": 1, "refused": {}}),
    "get_health_live": Example(answer={"status": "ok"}),
    "get_health_ready": Example(answer={"status": "ok"}),
}
