"""Everything that can be done, and who may do it: the one table of rights.

The verbs are also the audit's vocabulary. The list is closed: `<what>.<deed>`.
"""

from enum import StrEnum
from typing import NamedTuple

from my_monit.model import Actor, ApiKey, Role


class Verb(StrEnum):
    SESSION_OPEN = "session.open"
    USER_LIST = "user.list"
    USER_READ = "user.read"
    USER_CREATE = "user.create"
    USER_CHANGE = "user.change"
    USER_ERASE = "user.erase"
    KEY_LIST = "key.list"
    KEY_CREATE = "key.create"
    KEY_REVOKE = "key.revoke"
    EXPERIMENT_LIST = "experiment.list"
    EXPERIMENT_READ = "experiment.read"
    EXPERIMENT_CREATE = "experiment.create"
    EXPERIMENT_CHANGE = "experiment.change"
    ASSOCIATION_LIST = "association.list"
    ASSOCIATION_CREATE = "association.create"
    ASSOCIATION_END = "association.end"
    ACCESS_READ = "access.read"
    MEASURE_READ = "measure.read"
    SERIES_READ = "series.read"
    MEASURE_TYPE_LIST = "measure_type.list"
    MEASURE_TYPE_CREATE = "measure_type.create"
    QUARANTINE_LIST = "quarantine.list"
    QUARANTINE_READ = "quarantine.read"
    QUARANTINE_REPLAY = "quarantine.replay"
    QUARANTINE_DISCARD = "quarantine.discard"
    ADAPTER_LIST = "adapter.list"
    ADAPTER_ADD = "adapter.add"
    ADAPTER_ROTATE = "adapter.rotate"
    ADAPTER_SUSPEND = "adapter.suspend"
    ADAPTER_RESUME = "adapter.resume"
    ADAPTER_REMOVE = "adapter.remove"
    TOKEN_MINT = "token.mint"  # nosec B105
    DEMONSTRATION_LOAD = "demonstration.load"

    @property
    def noun(self) -> str:
        return self.partition(".")[0]


class Rule(NamedTuple):
    """Who may: the roles, and with `own` also everybody upon their own user record."""

    roles: frozenset[Role]
    own: bool = False


_ADMIN = Rule(frozenset({Role.ADMIN}))
_ADMIN_OR_SELF = Rule(frozenset({Role.ADMIN}), own=True)
_SCIENTIST = Rule(frozenset({Role.SCIENTIST}))
_ADMIN_OR_SCIENTIST = Rule(frozenset({Role.ADMIN, Role.SCIENTIST}))

RULES: dict[Verb, Rule] = {
    Verb.SESSION_OPEN: Rule(frozenset(Role)),
    Verb.USER_LIST: _ADMIN,
    Verb.USER_READ: _ADMIN_OR_SELF,
    Verb.USER_CREATE: _ADMIN,
    Verb.USER_CHANGE: _ADMIN_OR_SELF,
    Verb.USER_ERASE: _ADMIN_OR_SELF,
    Verb.KEY_LIST: _ADMIN_OR_SELF,
    Verb.KEY_CREATE: _ADMIN_OR_SELF,
    Verb.KEY_REVOKE: _ADMIN_OR_SELF,
    Verb.EXPERIMENT_LIST: _ADMIN_OR_SCIENTIST,
    Verb.EXPERIMENT_READ: _ADMIN_OR_SCIENTIST,
    Verb.EXPERIMENT_CREATE: _ADMIN,
    Verb.EXPERIMENT_CHANGE: _ADMIN,
    Verb.ASSOCIATION_LIST: _ADMIN,
    Verb.ASSOCIATION_CREATE: _ADMIN,
    Verb.ASSOCIATION_END: _ADMIN,
    Verb.ACCESS_READ: _ADMIN,
    Verb.MEASURE_READ: _SCIENTIST,
    Verb.SERIES_READ: _SCIENTIST,
    Verb.MEASURE_TYPE_LIST: _ADMIN_OR_SCIENTIST,
    Verb.MEASURE_TYPE_CREATE: _ADMIN,
    Verb.QUARANTINE_LIST: _ADMIN,
    Verb.QUARANTINE_READ: _ADMIN,
    Verb.QUARANTINE_REPLAY: _ADMIN,
    Verb.QUARANTINE_DISCARD: _ADMIN,
    Verb.ADAPTER_LIST: _ADMIN,
    Verb.ADAPTER_ADD: _ADMIN,
    Verb.ADAPTER_ROTATE: _ADMIN,
    Verb.ADAPTER_SUSPEND: _ADMIN,
    Verb.ADAPTER_RESUME: _ADMIN,
    Verb.ADAPTER_REMOVE: _ADMIN,
    Verb.TOKEN_MINT: _ADMIN,
    Verb.DEMONSTRATION_LOAD: _ADMIN,
}

#: What an API key of one experiment is good for, upon that experiment.
BY_KEY_OF_EXPERIMENT = frozenset({Verb.MEASURE_READ, Verb.SERIES_READ})
#: What any other API key is good for, as far as its user may do it: reading, but for keys themselves.
BY_KEY = BY_KEY_OF_EXPERIMENT | {
    Verb.USER_LIST, Verb.USER_READ, Verb.EXPERIMENT_LIST, Verb.EXPERIMENT_READ, Verb.ASSOCIATION_LIST,
    Verb.ACCESS_READ, Verb.MEASURE_TYPE_LIST, Verb.QUARANTINE_LIST,
}


def allowed(actor: Actor, verb: Verb, *, owner: str | None = None, experiment_id: int | None = None) -> bool:
    """Whether `actor` may do this; `owner` is the user whose record it concerns, where it concerns one, and
    `experiment_id` the experiment, where it is about one.

    Which experiments a scientist may see is no matter of roles: the queries themselves ask for the association.
    """
    rule = RULES[verb]
    may = actor.role in rule.roles or (rule.own and owner == actor.user_id)
    return may and (actor.key is None or _good_for(actor.key, verb, experiment_id))


def _good_for(key: ApiKey, verb: Verb, experiment_id: int | None) -> bool:
    if key.experiment_id is None:
        return verb in BY_KEY
    return verb in BY_KEY_OF_EXPERIMENT and experiment_id == key.experiment_id
