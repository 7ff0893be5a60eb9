"""What experiments and associations mean, measure types and the quarantine's items; rights are in test_rights.py."""

from datetime import timedelta

import pytest

from my_monit.errors import Conflict, Invalid, NotFound
from my_monit.model import Experiment, Quarantined, QuarantineSelection, Reason
from my_monit.storage.memory import MemoryStorage
from tests.unit.by_hand import ADA, SAM, SUE, UMA, Clock, Services, actor, outcomes

# Experiments and associations


@pytest.fixture
def experiments(services):
    """Experiments 1 (SAM), 2 (SUE) and 3 (nobody)."""
    services.add_users(ADA, SAM, SUE, UMA)
    with services.storage.unit() as unit:
        for name in ("one", "two", "three"):
            unit.experiments.add(name)
        unit.associations.add(1, SAM.user_id, until=None)
        unit.associations.add(2, SUE.user_id, until=None)
    return services.experiments


def test_an_admin_sees_all_experiments_and_a_scientist_the_associated_ones(experiments):
    def names(who):
        return [one.name for one in experiments.page(actor(who), after=0, limit=9)]

    assert names(ADA) == ["one", "two", "three"]
    assert (names(SAM), names(SUE)) == (["one"], ["two"])
    assert experiments.get(actor(SAM), 1) == Experiment(1, "one")
    assert experiments.get(actor(ADA), 3) == Experiment(3, "three")


def test_an_experiment_of_others_answers_like_one_that_does_not_exist_a9(services, experiments):
    refusals = []
    for experiment_id in (2, 404):
        with pytest.raises(NotFound) as refusal:
            experiments.get(actor(SAM), experiment_id)
        refusals.append(str(refusal.value))

    assert refusals[0] == refusals[1]
    assert outcomes(services) == [
        ("S001", "experiment.read", f"experiment:{number}", "not_found") for number in (2, 404)
    ]


def test_a_renamed_experiment_keeps_its_number_and_its_former_name(services, experiments):
    assert experiments.rename(actor(ADA), 1, "uno") == Experiment(1, "uno")

    assert experiments.get(actor(SAM), 1).name == "uno"
    with services.storage.unit() as unit:
        assert unit.experiments.ids_by_name(["one", "uno"]) == {"one": 1, "uno": 1}


def test_a_name_that_is_taken_or_was_is_refused(services, experiments):
    experiments.rename(actor(ADA), 1, "uno")

    for name in ("one", "uno"):
        with pytest.raises(Conflict):
            experiments.add(actor(ADA), name)
        with pytest.raises(Conflict):
            experiments.rename(actor(ADA), 2, name)

    assert [row[-1] for row in outcomes(services)[1:]] == ["refused"] * 4


def test_what_does_not_exist_can_be_neither_renamed_nor_associated(experiments):
    with pytest.raises(NotFound):
        experiments.rename(actor(ADA), 404, "new")
    with pytest.raises(NotFound):
        experiments.associate(actor(ADA), 404, SAM.user_id, until=None)
    with pytest.raises(NotFound):
        experiments.associate(actor(ADA), 1, "S404", until=None)


@pytest.mark.parametrize("user", [ADA, UMA], ids=lambda user: user.role.value)
def test_only_a_scientist_can_be_associated(services, experiments, user):
    with pytest.raises(Conflict):
        experiments.associate(actor(ADA), 1, user.user_id, until=None)

    assert outcomes(services) == [("A001", "association.create", f"experiment:1 user:{user.user_id}", "refused")]


def test_an_association_is_made_listed_and_ended(experiments):
    experiments.associate(actor(ADA), 3, SAM.user_id, until=None)
    with pytest.raises(Conflict):
        experiments.associate(actor(ADA), 3, SAM.user_id, until=None)
    assert [(one.experiment_id, one.user_id) for one in experiments.associations(actor(ADA), after=0, limit=9)] == [
        (1, "S001"), (2, "S002"), (3, "S001")
    ]

    experiments.dissociate(actor(ADA), 3, SAM.user_id, until=None)

    with pytest.raises(NotFound):
        experiments.get(actor(SAM), 3)
    with pytest.raises(NotFound):
        experiments.dissociate(actor(ADA), 3, SAM.user_id, until=None)


def test_an_association_ends_by_itself_when_its_time_has_come():
    clock = Clock()
    services = Services(MemoryStorage(clock=clock))
    services.add_users(ADA, SAM)
    services.experiments.add(actor(ADA), "one")
    end = clock.now + timedelta(hours=2)

    services.experiments.associate(actor(ADA), 1, SAM.user_id, until=None)
    services.experiments.dissociate(actor(ADA), 1, SAM.user_id, until=end)
    clock.now = end - timedelta(microseconds=1)
    assert services.experiments.get(actor(SAM), 1).name == "one"

    clock.now = end
    with pytest.raises(NotFound):
        services.experiments.get(actor(SAM), 1)
    assert services.experiments.associations(actor(ADA), after=0, limit=9) == []


def test_an_association_ends_after_it_began_by_the_clock_that_says_when_it_began():
    clock = Clock()
    services = Services(MemoryStorage(clock=clock))
    services.add_users(ADA, SAM)
    services.experiments.add(actor(ADA), "one")
    early = clock.now - timedelta(microseconds=1)

    for end in (early, clock.now):
        with pytest.raises(Invalid) as refusal:
            services.experiments.associate(actor(ADA), 1, SAM.user_id, until=end)
        assert [fault.pointer for fault in refusal.value.faults] == ["/until"]
        assert outcomes(services)[-1] == ("A001", "association.create", "experiment:1 user:S001", "refused")
    services.experiments.associate(actor(ADA), 1, SAM.user_id, until=None)
    ended = services.experiments.dissociate(actor(ADA), 1, SAM.user_id, until=early)

    assert (ended.since, ended.until) == (clock.now, clock.now), "it ends at once"


# Measure types and the quarantine


def test_a_measure_type_is_added_and_listed_once(services):
    added = services.measure_types.add(actor(ADA), name="bar", symbol="bar", quantity="pressure")

    assert services.measure_types.page(actor(SAM), after=30, limit=9) == [added]
    with pytest.raises(Conflict):
        services.measure_types.add(actor(ADA), name="bar", symbol="b", quantity="p")
    assert outcomes(services)[-1] == ("A001", "measure_type.create", "measure_type", "refused")


def test_the_quarantine_shows_its_items_and_each_with_its_bytes(services):
    items = [
        Quarantined(reason, b"p", "measures", b"id", 3, None, "{}", b"\x00\xff")
        for reason in (Reason.BAD_JSON, Reason.DUP_KEY)
    ]
    with services.storage.unit() as unit:
        unit.quarantine.add(items)

    assert [one.reason for one in services.quarantine.page(actor(ADA), after=0, limit=9)] == ["bad_json", "dup_key"]
    selection = QuarantineSelection(reason=Reason.DUP_KEY)
    [record] = services.quarantine.page(actor(ADA), after=0, limit=9, selection=selection)
    assert services.quarantine.show(actor(ADA), record.quarantine_id) == (record, items[1])
    with pytest.raises(NotFound):
        services.quarantine.show(actor(ADA), 404)
    assert outcomes(services)[-1] == ("A001", "quarantine.read", "quarantine:404", "not_found")
