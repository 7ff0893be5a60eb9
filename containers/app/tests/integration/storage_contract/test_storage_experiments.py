"""Experiments under all of their names, and who is associated with them: until then, and no longer, they are seen."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from my_monit.errors import Conflict, StorageRejected
from tests.integration.people import add_users, make_user
from tests.integration.storage_contract.lab import Lab
from tests.integration.storage_contract.records import SKEW, add_experiments
from tests.measures import read_measures

# Experiments


def test_experiments_are_listed_by_id_page_by_page(storage):
    added = add_experiments(storage, "c", "a", "b")

    with storage.unit() as unit:
        first = unit.experiments.page(after=0, limit=2, visible_to=None)
        rest = unit.experiments.page(after=first[-1].experiment_id, limit=2, visible_to=None)

    assert first + rest == added
    assert [one.name for one in added] == ["c", "a", "b"]


def test_a_renamed_experiment_is_meant_by_every_name_that_it_ever_had(storage):
    [one, other] = add_experiments(storage, "first", "other")

    with storage.unit() as unit:
        unit.experiments.rename(one.experiment_id, "second")
    with storage.unit() as unit:
        unit.experiments.rename(one.experiment_id, "third")

    with storage.unit() as unit:
        assert unit.experiments.get(one.experiment_id, visible_to=None).name == "third"
        assert unit.experiments.ids_by_name(["first", "second", "third", "other", "none"]) == {
            "first": one.experiment_id, "second": one.experiment_id, "third": one.experiment_id,
            "other": other.experiment_id,
        }
        assert unit.experiments.ids_by_name([]) == {}


@pytest.mark.parametrize("name", ["first", "second"])
def test_an_experiment_may_take_up_its_former_name_again_or_keep_its_present_one(storage, name):
    [one] = add_experiments(storage, "first")

    for each in ("second", name):
        with storage.unit() as unit:
            unit.experiments.rename(one.experiment_id, each)

    with storage.unit() as unit:
        assert unit.experiments.get(one.experiment_id, visible_to=None).name == name
        assert set(unit.experiments.ids_by_name(["first", "second"]).values()) == {one.experiment_id}


@pytest.mark.parametrize("name", ["former", "present"])
def test_no_experiment_gets_a_name_that_another_bears_or_bore(storage, name):
    [one, other] = add_experiments(storage, "former", "other")
    with storage.unit() as unit:
        unit.experiments.rename(one.experiment_id, "present")

    with pytest.raises(Conflict), storage.unit() as unit:
        unit.experiments.add(name)
    with pytest.raises(Conflict), storage.unit() as unit:
        unit.experiments.rename(other.experiment_id, name)

    with storage.unit() as unit:
        found = unit.experiments.page(after=0, limit=10, visible_to=None)
        assert [each.name for each in found] == ["present", "other"]
        assert unit.experiments.ids_by_name([name]) == {name: one.experiment_id}


def test_experiments_whose_names_differ_in_case_or_accent_alone_are_different_experiments(storage):
    names = ["Lab", "lab", "LAB", "láb", "La\u0301b"]
    added = add_experiments(storage, *names)

    with storage.unit() as unit:
        found = unit.experiments.ids_by_name([*names, "lab ", " lab", "Láb"])

    assert found == {one.name: one.experiment_id for one in added}


def test_an_experiment_that_does_not_exist_is_none_and_cannot_be_renamed(storage):
    with storage.unit() as unit:
        assert unit.experiments.get(4_294_967_295, visible_to=None) is None
    with pytest.raises(StorageRejected), storage.unit() as unit:
        unit.experiments.rename(4_294_967_295, "new")


# Associations


def hours(number):
    return datetime.now(UTC) + timedelta(hours=number)


def everything_seen(storage, experiment_id, user_id, series_ids):
    with storage.unit() as unit:
        return [
            unit.experiments.get(experiment_id, visible_to=user_id) is not None,
            experiment_id in [one.experiment_id for one in unit.experiments.page(after=0, limit=9, visible_to=user_id)],
            (experiment_id, user_id) in [(one.experiment_id, one.user_id) for one in unit.associations.current()],
            bool(unit.series.of(experiment_id, visible_to=user_id)),
            bool(unit.series.extents(experiment_id, visible_to=user_id)),
            bool(read_measures(unit, experiment_id, series_ids, visible_to=user_id, limit=1)),
        ]


@pytest.fixture
def experiment_with_measures(storage):
    """Its id, its series' ids, and the id of a scientist who is not associated with it, but with another."""
    lab = Lab(storage)
    series_ids = lab.add_series("", "other")
    lab.store(*((series_id, 5, 1.0) for series_id in series_ids))
    elsewhere = Lab(storage).experiment_id
    add_users(storage, make_user("S002"))
    with storage.unit() as unit:
        unit.associations.add(elsewhere, "S002", until=None)
    return lab.experiment_id, series_ids, "S002"


@pytest.mark.parametrize("until", [None, 1, 24 * 365 * 100])
def test_an_association_shows_everything_until_it_ends(storage, experiment_with_measures, until):
    experiment_id, series_ids, user_id = experiment_with_measures
    assert not any(everything_seen(storage, experiment_id, user_id, series_ids))

    with storage.unit() as unit:
        unit.associations.add(experiment_id, user_id, until=until and hours(until))

    assert all(everything_seen(storage, experiment_id, user_id, series_ids))


def test_an_association_that_is_over_shows_nothing(storage, experiment_with_measures):
    experiment_id, series_ids, user_id = experiment_with_measures

    with storage.unit() as unit:
        unit.associations.add(experiment_id, user_id, until=hours(-1))

    assert not any(everything_seen(storage, experiment_id, user_id, series_ids))


def test_an_association_that_is_ended_shows_nothing_from_that_moment_on(storage, experiment_with_measures):
    experiment_id, series_ids, user_id = experiment_with_measures
    with storage.unit() as unit:
        unit.associations.add(experiment_id, user_id, until=None)

    with storage.unit() as unit:
        assert unit.associations.end(experiment_id, user_id, until=None)

    assert not any(everything_seen(storage, experiment_id, user_id, series_ids))
    assert all(everything_seen(storage, experiment_id, Lab.scientist, series_ids)), "others keep theirs"
    with storage.unit() as unit:
        assert not unit.associations.end(experiment_id, user_id, until=None), "there is none any more"


def test_an_end_that_is_over_already_is_now(storage, experiment_with_measures):
    experiment_id, series_ids, user_id = experiment_with_measures
    with storage.unit() as unit:
        unit.associations.add(experiment_id, user_id, until=None)

    with storage.unit() as unit:
        assert unit.associations.end(experiment_id, user_id, until=hours(-1))

    assert not any(everything_seen(storage, experiment_id, user_id, series_ids))
    with storage.unit() as unit:
        ended = unit.associations.last(experiment_id, user_id)
    assert ended.until >= ended.since


def test_an_end_to_come_can_be_set_again_later_or_earlier(storage, experiment_with_measures):
    experiment_id, series_ids, user_id = experiment_with_measures
    with storage.unit() as unit:
        unit.associations.add(experiment_id, user_id, until=None)

    for end in (hours(1), hours(2), hours(2).replace(microsecond=1)):
        for _ in "twice":
            with storage.unit() as unit:
                assert unit.associations.end(experiment_id, user_id, until=end)
        assert all(everything_seen(storage, experiment_id, user_id, series_ids))
        with storage.unit() as unit:
            assert [one.until for one in unit.associations.current() if one.user_id == user_id][0] == end


def test_a_second_current_association_is_a_conflict_and_a_later_one_is_not(storage, lab):
    for end in (None, hours(1)):
        with pytest.raises(Conflict), storage.unit() as unit:
            unit.associations.add(lab.experiment_id, lab.scientist, until=end)

    with storage.unit() as unit:
        unit.associations.end(lab.experiment_id, lab.scientist, until=None)
        unit.associations.add(lab.experiment_id, lab.scientist, until=None)

    with storage.unit() as unit:
        assert len(unit.associations.current()) == 1


def test_current_associations_come_by_experiment_and_user_with_their_moments_in_utc(storage):
    [first, second] = add_experiments(storage, "first", "second")
    add_users(storage, make_user("S1"), make_user("S2"))
    end = datetime(2099, 6, 1, 12, 0, 0, 123456, timezone(timedelta(hours=2)))

    with storage.unit() as unit:
        unit.associations.add(second.experiment_id, "S1", until=None)
        unit.associations.add(first.experiment_id, "S2", until=None)
        unit.associations.add(first.experiment_id, "S1", until=end)

    with storage.unit() as unit:
        found = unit.associations.current()
    assert [(one.experiment_id, one.user_id, one.until) for one in found] == [
        (first.experiment_id, "S1", end), (first.experiment_id, "S2", None), (second.experiment_id, "S1", None)
    ]
    assert {one.since.utcoffset() for one in found} | {found[0].until.utcoffset()} == {timedelta(0)}
    assert all(abs(one.since - datetime.now(UTC)) < SKEW for one in found)


def test_current_associations_are_read_so_many_experiments_at_a_time(storage):
    experiments = [one.experiment_id for one in add_experiments(storage, "a", "b", "c", "d")]
    add_users(storage, make_user("S1"), make_user("S2"))
    with storage.unit() as unit:
        for experiment_id in (experiments[0], experiments[2], experiments[3]):
            for user_id in ("S1", "S2"):
                unit.associations.add(experiment_id, user_id, until=None)
        unit.associations.add(experiments[1], "S1", until=hours(-1))

    with storage.unit() as unit:
        first = unit.associations.current(limit=2)
        rest = unit.associations.current(after=first[-1].experiment_id, limit=2)
        assert first + rest == unit.associations.current()
    assert [(one.experiment_id, one.user_id) for one in first] == [
        (experiments[0], "S1"), (experiments[0], "S2"), (experiments[2], "S1"), (experiments[2], "S2")
    ]
    assert [(one.experiment_id, one.user_id) for one in rest] == [(experiments[3], "S1"), (experiments[3], "S2")]


def test_a_user_s_associations_are_remembered_in_the_order_in_which_they_began(storage, lab):
    with storage.unit() as unit:
        [first] = unit.associations.of(lab.scientist, after=0, limit=9)
        assert unit.associations.last(lab.experiment_id, lab.scientist) == first
        unit.associations.end(lab.experiment_id, lab.scientist, until=None)
        second = unit.associations.add(lab.experiment_id, lab.scientist, until=hours(1))

    with storage.unit() as unit:
        history = unit.associations.of(lab.scientist, after=0, limit=9)
        assert [one.association_id for one in history] == [first.association_id, second.association_id]
        assert history[0].until <= history[1].since and history[1] == second
        assert unit.associations.of(lab.scientist, after=first.association_id, limit=9) == [second]
        assert unit.associations.of(lab.scientist, after=0, limit=1) == history[:1]
        assert unit.associations.last(lab.experiment_id, lab.scientist) == second
        assert unit.associations.last(lab.experiment_id, "S999") is None


def test_all_associations_of_a_user_end_at_once_and_those_of_others_stay(storage):
    first, second, third = (one.experiment_id for one in add_experiments(storage, "a", "b", "c"))
    add_users(storage, make_user("S1"), make_user("S2"))
    with storage.unit() as unit:
        for experiment_id, user_id, until in (
            (second, "S1", hours(1)), (first, "S1", None), (third, "S1", hours(-1)), (first, "S2", None)
        ):
            unit.associations.add(experiment_id, user_id, until=until)
        over = unit.associations.last(third, "S1")

    with storage.unit() as unit:
        assert unit.associations.end_all("S1") == [first, second]
        assert unit.associations.end_all("S1") == []

    with storage.unit() as unit:
        assert [(one.experiment_id, one.user_id) for one in unit.associations.current()] == [(first, "S2")]
        assert unit.associations.last(third, "S1") == over
        ends = [unit.associations.last(number, "S1").until for number in (first, second)]
        assert all(abs(end - datetime.now(UTC)) < SKEW for end in ends)


@pytest.mark.parametrize("missing", ["user", "experiment"])
def test_nothing_is_associated_with_what_does_not_exist(storage, lab, missing):
    experiment_id = 4_294_967_295 if missing == "experiment" else lab.experiment_id
    user_id = "S999" if missing == "user" else lab.scientist

    with pytest.raises(StorageRejected), storage.unit() as unit:
        unit.associations.add(experiment_id, user_id, until=None)
