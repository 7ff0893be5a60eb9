"""Who may do what, through the services; and that every act is in the audit, in the transaction that it belongs to."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import pytest

from my_monit.errors import (
    Conflict, Fault, Forbidden, Invalid, NotFound, StorageContention, StorageRejected, StorageUnavailable,
)
from my_monit.identity.local import LocalIdentity
from my_monit.logs.audit import Outcome
from my_monit.logs.trace import traced
from my_monit.model import CONSOLE, Actor, ApiKey, Quarantined, Reason, Role, Selection
from my_monit.permissions import RULES, Verb, allowed
from my_monit.services.adapters import AdapterService
from my_monit.services.demonstration import Demonstration
from my_monit.services.ingestion import IngestionService
from my_monit.services.tokens import TokenService
from my_monit.storage.memory import MemoryStorage
from my_monit.storage.ports import AuditRow
from tests.unit.broker import MemoryAccounts
from tests.unit.by_hand import ADA, BEN, SAM, SUE, UMA, Services, actor, person

#: The whole table, by hand: A may as an ADMIN, S as a SCIENTIST, U as an AUDITOR, and "own" upon one's own record;
#: with "key" also by an API key, and with "one" by one of an experiment upon that experiment.
TABLE = {
    "session.open": "A S U",
    "user.list": "A key",
    "user.read": "A own key",
    "user.create": "A",
    "user.change": "A own",
    "user.erase": "A own",
    "key.list": "A own",
    "key.create": "A own",
    "key.revoke": "A own",
    "experiment.list": "A S key",
    "experiment.read": "A S key",
    "experiment.create": "A",
    "experiment.change": "A",
    "association.list": "A key",
    "association.create": "A",
    "association.end": "A",
    "access.read": "A key",
    "measure.read": "S key one",
    "series.read": "S key one",
    "measure_type.list": "A S key",
    "measure_type.create": "A",
    "quarantine.list": "A key",
    "quarantine.read": "A",
    "quarantine.replay": "A",
    "quarantine.discard": "A",
    "adapter.list": "A",
    "adapter.add": "A",
    "adapter.rotate": "A",
    "adapter.suspend": "A",
    "adapter.resume": "A",
    "adapter.remove": "A",
    "token.mint": "A",
    "demonstration.load": "A",
}
LETTERS = {"A": Role.ADMIN, "S": Role.SCIENTIST, "U": Role.AUDITOR}


def test_the_list_of_verbs_is_closed_and_each_has_a_rule():
    assert set(TABLE) == set(Verb) == set(RULES)
    assert all(verb.count(".") == 1 for verb in Verb)


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize(("letter", "role"), LETTERS.items())
def test_the_table_of_rights_is_as_written_down(verb, letter, role):
    rights = TABLE[verb].split()

    assert allowed(Actor("X001", role), verb) == (letter in rights)
    assert allowed(Actor("X001", role), verb, owner="X002") == (letter in rights)
    assert allowed(Actor("X001", role), verb, owner="X001") == (letter in rights or "own" in rights)


DAY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize(("letter", "role"), LETTERS.items())
def test_an_api_key_reaches_a_part_of_what_its_user_reaches(verb, letter, role):
    rights = TABLE[verb].split()
    of_all, of_one = (
        Actor("X001", role, ApiKey("k", "X001", "", experiment_id, DAY, "X001", DAY, False)) for experiment_id in (None, 7)
    )

    for owner, may in (("X002", letter in rights), ("X001", letter in rights or "own" in rights)):
        for experiment_id in (None, 7, 8):
            asked = {"owner": owner, "experiment_id": experiment_id}
            assert allowed(of_all, verb, **asked) == (may and "key" in rights)
            assert allowed(of_one, verb, **asked) == (may and "one" in rights and experiment_id == 7)


#: A message that came before its experiment.
LATE = b'{"experiment": "one", "measure": "hertz", "value": 1, "timestamp": 1649228400}'


class World(Services):
    """Experiment 1 with SAM, experiment 2 with nobody; two items in the quarantine; two accounts."""

    def __init__(self, storage, key_file):
        super().__init__(storage)
        identity = LocalIdentity(key_file, issuer="mymonit", audience="mymonit")
        ingestion = IngestionService(storage, routing="measures", max_future=86_400)
        self.tokens = TokenService(self.audit, identity)
        self.demonstration = Demonstration(self.audit, ingestion, "measures")
        self.add_users(ADA, BEN, SAM, SUE, UMA)
        with storage.unit() as unit:
            unit.experiments.add("one")
            unit.experiments.add("two")
            unit.associations.add(1, SAM.user_id, until=None)
            unit.keys.add(
                "k1", b"", user_id="S002", label="l", experiment_id=None, created_by="S002", lifetime=timedelta(days=1)
            )
            unit.quarantine.add([Quarantined(Reason.BAD_JSON, b"p", "measures", None, None, "one", "{}", b"x")])
            unit.quarantine.add([
                Quarantined(Reason.UNKNOWN_EXPERIMENT, b"p", "measures", None, 0, "one", "{}", LATE)
            ])
        self.accounts = MemoryAccounts()
        for name in ("old", "idle"):
            self.accounts.set_password(name, "secret")
            self.accounts.allow(name, ["one"])
        self.accounts.suspend("idle")
        self.adapters = AdapterService(self.audit, self.accounts, routing="measures")

    def state(self):
        """Everything that an act can change, but for the audit."""
        with self.storage.unit() as unit:
            return (
                unit.users.page(after="", limit=99), unit.experiments.page(after=0, limit=99, visible_to=None),
                unit.associations.current(), unit.measure_types.page(after=0, limit=99),
                unit.series.extents(1, visible_to=SAM.user_id), unit.quarantine.page(after=0, limit=99),
                self.accounts.publishers(), dict(self.accounts.passwords),
                unit.keys.of("S002"),
            )


@pytest.fixture
def world(storage, tmp_path):
    return World(storage, tmp_path / "key.pem")


def change(world, who, whom, **changes):
    record = {"name": whom.name, "username": whom.username, "email": whom.email, "role": None, "active": None}
    return world.users.change(who, whom.user_id, **{**record, **changes})


#: Each verb as an act of somebody, and what the audit calls its object when it is done (`*`: nobody can foresee).
ACTS = {
    Verb.USER_LIST: (lambda world, who: world.users.page(who, after="", limit=9), "user"),
    Verb.USER_READ: (lambda world, who: world.users.get(who, "A002"), "user:A002"),
    Verb.USER_CREATE: (lambda world, who: world.users.add(who, person("N001", Role.AUDITOR)), "user:N001"),
    Verb.USER_CHANGE: (lambda world, who: change(world, who, BEN, name="New"), "user:A002"),
    Verb.USER_ERASE: (lambda world, who: world.erasure.erase(who, "A002", issued_at=0), "user:A002"),
    Verb.KEY_LIST: (lambda world, who: world.keys.of(who, "S002"), "user:S002"),
    Verb.KEY_CREATE: (
        lambda world, who: world.keys.create(who, "S002", label="l", experiment_id=None, days=1), "user:S002 key:*"
    ),
    Verb.KEY_REVOKE: (lambda world, who: world.keys.revoke(who, "k1", user_id="S002"), "user:S002 key:k1"),
    Verb.EXPERIMENT_LIST: (lambda world, who: world.experiments.page(who, after=0, limit=9), "experiment"),
    Verb.EXPERIMENT_READ: (lambda world, who: world.experiments.get(who, 1), "experiment:1"),
    Verb.EXPERIMENT_CREATE: (lambda world, who: world.experiments.add(who, "three"), "experiment:3"),
    Verb.EXPERIMENT_CHANGE: (lambda world, who: world.experiments.rename(who, 1, "three"), "experiment:1"),
    Verb.ASSOCIATION_LIST: (lambda world, who: world.experiments.associations(who, after=0, limit=9), "association"),
    Verb.ASSOCIATION_CREATE: (
        lambda world, who: world.experiments.associate(who, 2, "S001", until=None), "experiment:2 user:S001"
    ),
    Verb.ASSOCIATION_END: (
        lambda world, who: world.experiments.dissociate(who, 1, "S001", until=None), "experiment:1 user:S001"
    ),
    Verb.ACCESS_READ: (lambda world, who: world.access.explain(who, "S001", 1), "experiment:1 user:S001"),
    Verb.MEASURE_READ: (
        lambda world, who: world.measures.page(who, 1, Selection(), after=None, limit=9), "experiment:1"
    ),
    Verb.SERIES_READ: (lambda world, who: world.measures.series(who, 1), "experiment:1"),
    Verb.MEASURE_TYPE_LIST: (lambda world, who: world.measure_types.page(who, after=0, limit=99), "measure_type"),
    Verb.MEASURE_TYPE_CREATE: (
        lambda world, who: world.measure_types.add(who, name="n", symbol="s", quantity="q"), "measure_type:31"
    ),
    Verb.QUARANTINE_LIST: (lambda world, who: world.quarantine.page(who, after=0, limit=9), "quarantine"),
    Verb.QUARANTINE_READ: (lambda world, who: world.quarantine.show(who, 1), "quarantine:1"),
    Verb.QUARANTINE_REPLAY: (lambda world, who: world.quarantine.replay_one(who, 2), "quarantine:2"),
    Verb.QUARANTINE_DISCARD: (lambda world, who: world.quarantine.discard_one(who, 1), "quarantine:1:bad_json"),
    Verb.ADAPTER_LIST: (lambda world, who: world.adapters.accounts(who), "adapter"),
    Verb.ADAPTER_ADD: (lambda world, who: world.adapters.add(who, "new", ["one"]), "adapter:new"),
    Verb.ADAPTER_ROTATE: (lambda world, who: world.adapters.rotate(who, "old"), "adapter:old"),
    Verb.ADAPTER_SUSPEND: (lambda world, who: world.adapters.suspend(who, "old"), "adapter:old"),
    Verb.ADAPTER_RESUME: (lambda world, who: world.adapters.resume(who, "idle"), "adapter:idle"),
    Verb.ADAPTER_REMOVE: (lambda world, who: world.adapters.remove(who, "old"), "adapter:old"),
    Verb.TOKEN_MINT: (lambda world, who: world.tokens.mint(who, "S001", lifetime=timedelta(hours=1)), "user:S001"),
    Verb.DEMONSTRATION_LOAD: (lambda world, who: world.demonstration.load(who), "demonstration"),
}
READS = ("list", "read", "mint")
CHANGES = {verb for verb in ACTS if verb.split(".")[1] not in READS}
EVERY_ACT = pytest.mark.parametrize("verb", ACTS)


def test_every_verb_but_the_opening_of_a_session_is_tried_here():
    assert set(ACTS) == set(Verb) - {Verb.SESSION_OPEN}


@EVERY_ACT
@pytest.mark.parametrize("who", [ADA, SAM, UMA], ids=lambda user: user.role.value)
def test_an_act_is_done_or_denied_by_role_and_audited_either_way(world, verb, who):
    act, subject = ACTS[verb]
    before = world.state()

    with traced() as trace_id:
        if who.role in roles_of(verb):
            act(world, actor(who))
            outcome = "success"
        else:
            with pytest.raises(Forbidden):
                act(world, actor(who))
            outcome = "denied"

    [row] = world.audited()
    assert (row.actor, row.verb, row.outcome, row.trace_id) == (who.user_id, verb, outcome, trace_id)
    if outcome == "success":
        assert fnmatchcase(row.object, subject)
    else:
        assert subject.startswith(row.object), "what is not yet there has no number yet"
    assert (world.state() != before) == (outcome == "success" and verb in CHANGES)


def roles_of(verb):
    return {LETTERS[letter] for letter in TABLE[verb].split() if letter in LETTERS}


@pytest.mark.parametrize("who", [ADA, SAM, UMA], ids=lambda user: user.role.value)
def test_everybody_reads_and_changes_their_own_record(world, who):
    assert world.users.get(actor(who), who.user_id) == who
    assert change(world, actor(who), who, name="New Name", email="new@example.org").name == "New Name"

    assert [(row.verb, row.object, row.outcome) for row in world.audited()] == [
        ("user.read", f"user:{who.user_id}", "success"), ("user.change", f"user:{who.user_id}", "success")
    ]


@EVERY_ACT
def test_the_console_may_do_what_an_admin_may(world, verb):
    act, _ = ACTS[verb]
    if Role.ADMIN in roles_of(verb):
        act(world, CONSOLE)
        assert world.audited()[0].actor == "@console"
    else:
        with pytest.raises(Forbidden):
            act(world, CONSOLE)


@EVERY_ACT
def test_what_cannot_be_audited_is_not_done(tmp_path, verb):
    storage = WithoutAudit()
    world = World(storage, tmp_path / "key.pem")
    who = actor(ADA if Role.ADMIN in roles_of(verb) else SAM)
    act, _ = ACTS[verb]
    before = world.state()
    storage.broken = True

    with pytest.raises(StorageUnavailable):
        act(world, who)

    assert world.state() == before


class WithoutAudit(MemoryStorage):
    broken = False

    @contextmanager
    def unit(self):
        with super().unit() as unit:
            if self.broken:
                unit.audit = BrokenAudit()
            yield unit


class BrokenAudit:
    def record(self, row):
        raise StorageUnavailable("no space is left for the audit")


@pytest.mark.parametrize(("error", "outcome"), [
    (Forbidden("x"), Outcome.DENIED), (NotFound("x"), Outcome.NOT_FOUND), (Conflict("x"), Outcome.REFUSED),
    (Invalid(Fault("/x", "y")), Outcome.REFUSED), (StorageRejected("x"), Outcome.FAILED),
], ids=lambda value: type(value).__name__)
def test_an_error_undoes_an_act_and_is_its_outcome(services, error, outcome):
    with pytest.raises(type(error)), services.audit.act(actor(ADA), Verb.EXPERIMENT_CREATE, "experiment") as act:
        act.object = f"experiment:{act.unit.experiments.add('undone').experiment_id}"
        raise error

    assert services.audited() == [AuditRow("A001", "experiment.create", "experiment:1", outcome, None)]
    with services.storage.unit() as unit:
        assert unit.experiments.ids_by_name(["undone"]) == {}


@pytest.mark.parametrize("error", [StorageUnavailable("x"), StorageContention("x")])
def test_an_act_that_will_be_tried_again_is_not_audited_yet(services, error):
    with pytest.raises(type(error)), services.audit.act(actor(ADA), Verb.EXPERIMENT_CREATE, "experiment") as act:
        act.unit.experiments.add("undone")
        raise error

    assert services.audited() == []


def test_an_act_that_never_began_leaves_the_error_as_it_is():
    class Away(MemoryStorage):
        def unit(self):
            raise StorageUnavailable("away")

    with pytest.raises(StorageUnavailable, match="away"):
        Services(Away()).experiments.associations(actor(ADA), after=0, limit=9)


def test_a_right_can_be_required_before_anything_else_is_looked_at(services):
    services.audit.require(actor(ADA), Verb.USER_LIST, "users")
    services.audit.require(actor(SAM), Verb.USER_READ, "user:S001", owner="S001")
    assert services.audited() == []

    with pytest.raises(Forbidden):
        services.audit.require(actor(SAM), Verb.USER_READ, "user:S002", owner="S002")

    assert services.audited() == [AuditRow("S001", "user.read", "user:S002", "denied", None)]


def test_nothing_personal_is_in_the_audit(world):
    for act, _ in ACTS.values():
        for who in (ADA, SAM, UMA):
            try:
                act(world, actor(who))
            except (Forbidden, NotFound, Conflict):
                pass

    text = repr(world.audited())
    assert "S001" in text
    for user in (ADA, BEN, SAM, SUE, UMA):
        assert not {part for part in (user.name, user.username, user.email) if part in text}
