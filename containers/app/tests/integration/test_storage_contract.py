"""What ports.py says, asked of both that obey it: the twin in the process, and MySQL or MariaDB."""

import struct
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from my_monit.errors import Conflict, NotFound, StorageRejected
from my_monit.model import (
    MeasureType, Position, PublisherUsage, Quarantined, QuarantineSelection, Reason, Role, Selection, User,
)
from my_monit.periods import Stretch
from my_monit.storage.memory import MemoryStorage
from my_monit.storage.ports import AuditRow, Layout, MessageId, Place, Text
from my_monit.timestamps import to_rfc3339
from tests.measures import NewMeasure, by_origin

MINUTE = 60 * 10**9
YEAR = 365 * 24 * 60 * MINUTE
LATEST = 2**63 - 1
#: The schema's clock and ours run on one host, but are read one after the other.
SKEW = timedelta(seconds=5)
#: Names that a case-blind, accent-blind or blank-padding comparison takes for "Jürgen".
RESEMBLING = ["jürgen", "JÜRGEN", "Jurgen", "Jürgen ", " Jürgen", "Ju\u0308rgen", "Jürge\u0144", "Jürgen\u200b"]

_numbers = count()


@pytest.fixture(params=["memory", "mysql"])
def storage(request):
    return MemoryStorage() if request.param == "memory" else request.getfixturevalue("container").storage()


@pytest.fixture
def later(request, storage):
    """Lets days pass, as far as the ids of messages can see."""

    def later(*, days):
        if isinstance(storage, MemoryStorage):
            clock = storage._clock
            storage._clock = lambda: clock() + timedelta(days=days)
        else:
            sql = "UPDATE MESSAGE_IDS SET seen = seen - %s"
            request.getfixturevalue("administrator").execute(sql, (days * 86_400,))

    return later


def make_user(user_id, **changes):
    defaults = {"name": "Ann", "username": f"uid-{user_id}", "email": "ann@example.org", "role": Role.SCIENTIST}
    return User(user_id, **{**defaults, **changes})


def add_users(storage, *users):
    with storage.unit() as unit:
        for user in users:
            unit.users.add(user)


class Lab:
    """An experiment and its scientist."""

    scientist = "S001"

    def __init__(self, storage):
        self._storage = storage
        with storage.unit() as unit:
            if unit.users.get(self.scientist) is None:
                unit.users.add(make_user(self.scientist))
            self.experiment_id = unit.experiments.add(f"lab-{next(_numbers)}").experiment_id
            unit.associations.add(self.experiment_id, self.scientist, until=None)
            self.publisher_id = unit.messages.publisher_id(b"test")

    def add_series(self, *sensors):
        with self._storage.unit() as unit:
            return [unit.series.find_or_add(self.experiment_id, 1, sensor) for sensor in sensors]

    def store(self, *measures):
        """Each a series id, a time and a value."""
        with self._storage.unit() as unit:
            unit.measures.add(by_origin(NewMeasure(*measure, self.publisher_id) for measure in measures))

    def read(self, series_ids, *, after=None, limit=100_000, span=None, visible_to=scientist, **selection):
        with self._storage.unit() as unit:
            return unit.measures.chunk(
                self.experiment_id, series_ids, Selection(**selection),
                visible_to=visible_to, after=after, limit=limit, span=span,
            )

    def text(self, series_ids, *, limit=100_000, after=None, in_nanoseconds=False, **selection):
        """As `read`, in the database's words: lines of series, time and value, and where the next ones begin."""
        layout = Layout({one: f"{one}|".encode() for one in series_ids}, b"|", b"\n", in_nanoseconds)
        with self._storage.unit() as unit:
            text = unit.measures.text(
                self.experiment_id, series_ids, Selection(**selection), layout,
                visible_to=self.scientist, after=after, limit=limit, span=None,
            )
        lines = [line.split("|") for line in text.written.decode().splitlines()]
        assert len(lines) == text.measures <= limit
        return [(int(series), time, bits(float(value))) for series, time, value in lines], text

    def changes(self, series_ids, place, *, limit=100_000):
        """What came behind a place: values, and the place behind them."""
        layout = Layout({one: b"" for one in series_ids}, b"|", b"\n", True)
        with self._storage.unit() as unit:
            text, place = unit.measures.changes(
                self.experiment_id, series_ids, layout, visible_to=self.scientist, after=place,
                until=unit.measures.arrivals(self.experiment_id), limit=limit,
            )
        assert text.measures <= limit
        return [float(line.rpartition("|")[2]) for line in text.written.decode().splitlines()], place

    def all_changes(self, series_ids, place=Place(), **options):
        found = []
        while True:
            values, following = self.changes(series_ids, place, **options)
            if following == place:
                return found, place
            found += values
            place = following

    def walk(self, series_ids, *, limit, **selection):
        """All of them, page after page, as a reader gets them who tells the span of the page before."""
        found, after, span = [], None, None
        while page := self.read(series_ids, after=after, limit=limit, span=span, **selection):
            assert len(page) <= limit
            found += page
            after, span = position(page[-1]), abs(page[-1].time - page[0].time)
        return found


@pytest.fixture
def lab(storage):
    return Lab(storage)


def position(measure):
    return Position(measure.time, measure.series_id, measure.measure_id)


def bits(value):
    return struct.pack(">d", value)


def contents(measures):
    return sorted((one.series_id, one.time, bits(one.value)) for one in measures)


# Users


def test_a_user_is_found_by_id_and_by_username_as_added(storage):
    ann = make_user("S001", name="Ann O'Neill 😀", username="Ann\\1", email="%s@example.org", active=False)

    add_users(storage, ann, make_user("S002"))

    with storage.unit() as unit:
        assert unit.users.get("S001") == ann
        assert unit.users.by_username("Ann\\1") == ann
        assert unit.users.get("S003") is None
        assert unit.users.by_username("S001") is None


@pytest.mark.parametrize("other", RESEMBLING)
def test_a_username_that_only_resembles_another_is_nobody_s(storage, other):
    add_users(storage, make_user("S001", username="Jürgen"))

    with storage.unit() as unit:
        assert unit.users.by_username(other) is None


@pytest.mark.parametrize("other", ["s001", "S001 ", " S001", "Ś001", "S001\u200b", "S00１"])
def test_a_user_id_that_only_resembles_another_is_nobody_s(storage, other):
    add_users(storage, make_user("S001"))

    with storage.unit() as unit:
        assert unit.users.get(other) is None


def test_people_whose_ids_and_usernames_differ_in_case_or_accent_alone_are_different_people(storage):
    people = [
        make_user(f"{prefix}{number}", username=username)
        for number, username in enumerate(name for name in ["Jürgen", *RESEMBLING] if name == name.strip())
        for prefix in ("a", "A")
        for username in [f"{prefix}{username}"]
    ]

    add_users(storage, *people)

    with storage.unit() as unit:
        assert [unit.users.by_username(one.username) for one in people] == people


def test_pages_of_users_go_by_id_in_the_order_of_its_bytes(storage):
    ids = ["-", "0", "10", "9", "A", "AB", "Z", "_", "a", "a-", "a0", "aA", "z"]
    add_users(storage, *map(make_user, reversed(ids)))

    pages, after = [], ""
    with storage.unit() as unit:
        while page := unit.users.page(after=after, limit=4):
            pages.append([user.user_id for user in page])
            after = pages[-1][-1]

    assert [len(page) for page in pages] == [4, 4, 4, 1]
    assert sum(pages, []) == ids


@pytest.mark.parametrize("second", [make_user("S001", username="other"), make_user("S002", username="uid-S001")])
def test_an_id_or_a_username_that_is_taken_is_a_conflict(storage, second):
    first = make_user("S001")
    add_users(storage, first)

    with pytest.raises(Conflict):
        add_users(storage, make_user("S000"), second)

    with storage.unit() as unit:
        assert unit.users.page(after="", limit=10) == [first]


def test_a_change_replaces_the_whole_record(storage):
    add_users(storage, make_user("S001"), make_user("S002"))
    changed = make_user("S001", name="Bea", username="bea", email="b@example.org", role=Role.AUDITOR, active=False)

    with storage.unit() as unit:
        unit.users.change(changed)

    with storage.unit() as unit:
        assert unit.users.get("S001") == changed
        assert unit.users.get("S002") == make_user("S002")
        assert unit.users.by_username("uid-S001") is None


def test_a_change_that_changes_nothing_is_fine(storage):
    add_users(storage, make_user("S001"))

    with storage.unit() as unit:
        unit.users.change(make_user("S001"))
        assert unit.users.get("S001") == make_user("S001")


def test_a_change_to_the_username_of_somebody_else_is_a_conflict(storage):
    add_users(storage, make_user("S001"), make_user("S002"))

    with pytest.raises(Conflict), storage.unit() as unit:
        unit.users.change(make_user("S002", username="uid-S001"))

    with storage.unit() as unit:
        assert unit.users.get("S002") == make_user("S002")


def test_the_locked_ones_are_the_active_users_of_the_role_by_id(storage):
    add_users(
        storage,
        make_user("A3", role=Role.ADMIN),
        make_user("A1", role=Role.ADMIN),
        make_user("A2", role=Role.ADMIN, active=False),
        make_user("S1"),
    )

    with storage.unit() as unit:
        assert unit.users.lock_active(Role.ADMIN) == ["A1", "A3"]
        assert unit.users.lock_active(Role.AUDITOR) == []


def test_an_erased_user_is_no_user_any_more_and_nobody_gets_the_id(storage):
    add_users(storage, make_user("S001"), make_user("S002"))
    with storage.unit() as unit:
        assert unit.users.erased("S001") is None
        unit.users.erase("S001")

    with storage.unit() as unit:
        assert unit.users.get("S001") is unit.users.get("S001", lock=True) is unit.users.by_username("uid-S001") is None
        assert unit.users.page(after="", limit=9) == [make_user("S002")]
        assert abs(unit.users.erased("S001") - datetime.now(UTC)) < SKEW
        assert unit.users.erased("s001") is unit.users.erased("S002") is unit.users.erased("S003") is None
    with pytest.raises(Conflict):
        add_users(storage, make_user("S001", username="other"))


def test_the_username_of_an_erased_user_is_free_and_several_can_be_erased(storage):
    add_users(storage, make_user("S001"), make_user("S002"), make_user("A001", role=Role.ADMIN))
    with storage.unit() as unit:
        for user_id in ("S001", "S002", "A001"):
            unit.users.erase(user_id)

    add_users(storage, make_user("S003", username="uid-S001"))

    with storage.unit() as unit:
        assert unit.users.by_username("uid-S001").user_id == "S003"
        assert unit.users.lock_active(Role.ADMIN) == []


# Experiments


def add_experiments(storage, *names):
    with storage.unit() as unit:
        return [unit.experiments.add(name) for name in names]


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
            bool(unit.measures.chunk(
                experiment_id, series_ids, Selection(), visible_to=user_id, after=None, limit=1, span=None
            )),
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
        assert all(abs(unit.associations.last(number, "S1").until - datetime.now(UTC)) < SKEW for number in (first, second))


@pytest.mark.parametrize("missing", ["user", "experiment"])
def test_nothing_is_associated_with_what_does_not_exist(storage, lab, missing):
    experiment_id = 4_294_967_295 if missing == "experiment" else lab.experiment_id
    user_id = "S999" if missing == "user" else lab.scientist

    with pytest.raises(StorageRejected), storage.unit() as unit:
        unit.associations.add(experiment_id, user_id, until=None)


# Measure types and series


def test_the_measure_types_of_the_schema_are_there(storage):
    with storage.unit() as unit:
        found = unit.measure_types.by_name(["hertz", "degree Celsius", "kelvin", "one"])
        assert unit.measure_types.by_name([]) == {}

    assert found == {
        "hertz": MeasureType(1, "hertz", "Hz", "frequency"),
        "degree Celsius": MeasureType(16, "degree Celsius", "°C", "Celsius temperature"),
        "kelvin": MeasureType(27, "kelvin", "K", "thermodynamic temperature"),
        "one": MeasureType(30, "one", "1", "dimensionless number"),
    }


@pytest.mark.parametrize("name", ["HERTZ", "Hertz", "hertz ", " hertz", "hértz", "hertz\u200b", "ｈertz"])
def test_a_measure_type_of_a_name_that_only_resembles_is_unknown_p29(storage, name):
    with storage.unit() as unit:
        assert unit.measure_types.by_name([name]) == {}


def test_a_measure_type_is_added_once(storage):
    with storage.unit() as unit:
        added = unit.measure_types.add(name="Hertz", symbol="Hz′", quantity="another frequency")

    with storage.unit() as unit:
        assert unit.measure_types.by_name(["Hertz", "hertz"])["Hertz"] == added
        assert unit.measure_types.page(after=30, limit=10) == [added]
    with pytest.raises(Conflict), storage.unit() as unit:
        unit.measure_types.add(name="Hertz", symbol="x", quantity="y")


def test_a_series_comes_into_being_once_and_sensors_differ_by_any_byte(storage, lab):
    sensors = ["", "a", "A", "á", "a\u0301", "a ", " a", "😀", "x" * 64]

    numbers = lab.add_series(*sensors)

    assert lab.add_series(*reversed(sensors)) == numbers[::-1]
    assert len(set(numbers)) == len(sensors)
    with storage.unit() as unit:
        found = unit.series.of(lab.experiment_id, visible_to=lab.scientist)
        assert unit.series.find_or_add(lab.experiment_id, 27, "a") not in numbers
    assert [(one.series_id, one.sensor) for one in found] == sorted(zip(numbers, sensors, strict=True))
    assert {(one.measure_type, one.symbol) for one in found} == {("hertz", "Hz")}


@pytest.mark.parametrize(("experiment", "measure_type"), [(4_294_967_295, 1), (None, 65_535)])
def test_there_is_no_series_of_what_does_not_exist(storage, lab, experiment, measure_type):
    with pytest.raises(StorageRejected), storage.unit() as unit:
        unit.series.find_or_add(experiment or lab.experiment_id, measure_type, "")


def test_the_extent_of_a_series_is_its_first_and_last_time_and_its_count(storage, lab):
    [one, empty, other] = lab.add_series("one", "empty", "other")
    lab.store((one, 7, 1.0), (other, 1, 1.0), (one, 3, 1.0))
    lab.store((one, 5, 1.0), (one, 5, 1.0))

    with storage.unit() as unit:
        extents = unit.series.extents(lab.experiment_id, visible_to=lab.scientist)

    assert [(each.series.series_id, *each[1:]) for each in extents] == [
        (one, 3, 7, 4), (empty, None, None, 0), (other, 1, 1, 1)
    ]
    assert [each.series.sensor for each in extents] == ["one", "empty", "other"]


# Measures


VALUES = [
    5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 0.0, -0.0, 0.1 + 0.2,
    float(2**53 + 1), 1 / 3, 9007199254740993.0, 1e22, 1e23, 123456789.12345678, -1.0000000000000002,
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_comes_back_bit_by_bit_p21(lab, value):
    [series] = lab.add_series("")

    lab.store((series, 1, value))

    [measure] = lab.read([series])
    assert bits(measure.value) == bits(value)


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_come_back_bit_by_bit(storage, values):
    lab = Lab(storage)
    [series] = lab.add_series("")

    lab.store(*((series, time, value) for time, value in enumerate(values)))

    assert [bits(one.value) for one in lab.read([series], descending=False)] == list(map(bits, values))


@pytest.mark.parametrize("in_nanoseconds", [True, False])
def test_a_value_is_written_so_that_it_is_the_same_double_p21(lab, in_nanoseconds):
    [series] = lab.add_series("")
    lab.store(*((series, time, value) for time, value in enumerate(VALUES)))

    lines, text = lab.text([series], descending=False, in_nanoseconds=in_nanoseconds)

    assert [value for *_, value in lines] == list(map(bits, VALUES))
    assert text.span == len(VALUES) - 1


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=300))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_is_written_in_the_shortest_form_that_is_the_same_double(storage, values):
    lab = Lab(storage)
    [series] = lab.add_series("")
    lab.store(*((series, time, value) for time, value in enumerate(values)))

    lines, text = lab.text([series], descending=False)

    assert [value for *_, value in lines] == list(map(bits, values))
    written = [line.rpartition("|")[2] for line in text.written.decode().splitlines()]
    assert all(Decimal(one) == Decimal(repr(value)) for one, value in zip(written, values, strict=True))


@given(times=st.lists(st.integers(0, LATEST) | st.sampled_from([0, LATEST, 2**31 * 10**9, 10**18]), max_size=100))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_time_is_written_to_the_nanosecond_with_the_digits_that_it_needs(storage, times):
    lab = Lab(storage)
    series = lab.add_series("one", "two")
    lab.store(*((series[time % 2], time, 1.5) for time in times))

    lines, _ = lab.text(series, descending=False)

    assert [time for _, time, _ in lines] == [to_rfc3339(time) for time in sorted(times)]


@pytest.mark.parametrize("value", [1.5, 0.0, -0.0])
def test_two_equal_measures_are_two(lab, value):
    [series] = lab.add_series("")

    lab.store((series, 1, value), (series, 1, value))
    lab.store((series, 1, value))

    found = lab.walk([series], limit=1)
    assert contents(found) == [(series, 1, bits(value))] * 3
    assert len({one.measure_id for one in found}) == 3


@pytest.mark.parametrize("sensors", [["a"], ["a", "b"]], ids=["one series", "two series"])
def test_a_selection_takes_in_its_start_and_leaves_out_its_end(lab, sensors):
    series = lab.add_series(*sensors)
    lab.store(*((series[-1], time, 0.5) for time in (0, 1, 2, 3, LATEST)))

    def times(**selection):
        return [one.time for one in lab.read(series, descending=False, **selection)]

    assert times() == [0, 1, 2, 3, LATEST]
    assert times(start=1) == [1, 2, 3, LATEST]
    assert times(end=3) == [0, 1, 2]
    assert times(start=1, end=3) == [1, 2]
    assert times(start=2, end=2) == times(start=3, end=1) == times(start=-9, end=0) == []
    assert times(start=-(2**70), end=2**70) == [0, 1, 2, 3, LATEST]


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_both_orders_are_each_other_reversed(lab, limit):
    series = lab.add_series("b", "a", "c")
    lab.store(*((one, time, -0.0) for time in (5, 5, 7, 1, 5) for one in series))

    ascending = lab.walk(series, limit=limit, descending=False)

    assert list(map(position, ascending)) == sorted(map(position, ascending))
    assert len(ascending) == 15
    assert lab.walk(series, limit=limit, descending=True) == ascending[::-1]


def test_reading_goes_on_from_a_place_where_no_measure_is(lab):
    [one, other] = lab.add_series("one", "other")
    lab.store((one, 10, 1.0), (other, 10, 2.0), (one, 20, 3.0))

    def values(time, series_id, **selection):
        return [each.value for each in lab.read([one, other], after=Position(time, series_id, 0), **selection)]

    assert values(15, one, descending=False) == [3.0]
    assert values(15, other) == [2.0, 1.0]
    assert values(10, other, descending=False) == [2.0, 3.0]
    assert values(10, other) == [1.0]
    assert values(10, one, descending=False, start=11) == [3.0]
    assert values(20, one, end=5) == []


def test_only_the_series_that_are_asked_for_are_read(lab):
    [one, other, empty] = lab.add_series("one", "other", "empty")
    lab.store((one, 1, 1.0), (other, 2, 2.0))

    assert [each.value for each in lab.read([one, empty])] == [1.0]
    assert lab.read([empty]) == lab.read([]) == []


def test_an_empty_page_is_empty(lab):
    series = lab.add_series("one", "other")
    lab.store((series[0], 1, 1.0))

    assert lab.read(series, limit=0) == lab.read(series[:1], limit=0) == []


def test_a_measure_of_no_series_is_rejected_and_its_neighbours_with_it(lab):
    [series] = lab.add_series("")

    with pytest.raises(StorageRejected):
        lab.store((series, 1, 1.0), (4_294_967_295, 1, 1.0))

    assert lab.read([series]) == []


def test_more_measures_than_one_statement_takes_are_all_there_once(storage, lab):
    [series] = lab.add_series("")
    measures = [(series, time % 7, float(time)) for time in range(10_001)]

    lab.store(*measures)

    found = lab.walk([series], limit=4_000)
    assert sorted(one.value for one in found) == [value for *_, value in measures]
    assert len({one.measure_id for one in found}) == 10_001
    with storage.unit() as unit:
        [extent] = unit.series.extents(lab.experiment_id, visible_to=lab.scientist)
    assert extent.measures == 10_001


def awkward_times(series_number):
    """Bursts, equal times, gaps of years, and both ends of time; different from series to series."""
    start = 3 * YEAR + series_number % 5
    yield from (0, LATEST) if series_number % 10 == 0 else ()
    yield from [start] * (series_number % 4)
    yield from range(start + MINUTE, start + MINUTE + 6)
    yield from [start + 20 * YEAR + number * MINUTE for number in range(series_number % 3)]
    yield from [start + 40 * YEAR] * 2


@pytest.mark.parametrize("limit", [5, 64, 10_000])
@pytest.mark.parametrize("descending", [True, False])
def test_every_measure_of_fifty_series_comes_once_and_in_order(lab, limit, descending):
    series = lab.add_series(*(f"sensor-{number}" for number in range(50)))
    measures = [(one, time, float(number)) for number, one in enumerate(series) for time in awkward_times(number)]
    lab.store(*measures)

    found = lab.walk(series, limit=limit, descending=descending)

    assert contents(found) == sorted((number, time, bits(value)) for number, time, value in measures)
    assert list(map(position, found)) == sorted(map(position, found), reverse=descending)


_times = st.one_of(
    st.integers(0, 3), st.integers(MINUTE - 2, 3 * MINUTE), st.integers(40 * YEAR, 40 * YEAR + 5),
    st.integers(0, LATEST),
)


@given(
    measures=st.lists(st.tuples(st.integers(0, 3), _times), min_size=1, max_size=40),
    limit=st.integers(1, 9),
    descending=st.booleans(),
    bounds=st.tuples(st.none() | _times, st.none() | _times),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_measure_of_any_series_and_times_comes_once_and_in_order(storage, measures, limit, descending, bounds):
    lab = Lab(storage)
    series = lab.add_series("0", "1", "2", "3")
    lab.store(*((series[number], time, 1.5) for number, time in measures))
    start, end = bounds

    found = lab.walk(series, limit=limit, descending=descending, start=start, end=end)

    wanted = [
        (series[number], time, bits(1.5))
        for number, time in measures
        if (start is None or time >= start) and (end is None or time < end)
    ]
    assert contents(found) == sorted(wanted)
    assert list(map(position, found)) == sorted(map(position, found), reverse=descending)


@given(
    measures=st.lists(st.tuples(st.integers(0, 3), _times, st.sampled_from([1.5, -0.0])), min_size=1, max_size=40),
    limit=st.integers(1, 9), descending=st.booleans(), series_count=st.sampled_from([1, 4]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_texts_follow_each_other_without_a_gap_or_a_repeat(storage, measures, limit, descending, series_count):
    lab = Lab(storage)
    series = lab.add_series("0", "1", "2", "3")[:series_count]
    lab.store(*((series[number % series_count], time, value) for number, time, value in measures))

    found, after = [], None
    while True:
        lines, text = lab.text(series, limit=limit, after=after, in_nanoseconds=True, descending=descending)
        found += [(number, int(time), value) for number, time, value in lines]
        after = text.last
        if after is None:
            break

    assert found == [(one.series_id, one.time, bits(one.value)) for one in lab.read(series, descending=descending)]


def test_text_of_an_experiment_of_others_is_empty(storage, lab):
    [series] = lab.add_series("")
    lab.store((series, 1, 1.0))
    with storage.unit() as unit:
        unit.associations.end(lab.experiment_id, lab.scientist, until=None)

    assert lab.text([series]) == ([], Text(b"", 0, 0, None))


# Changes


def test_changes_are_what_came_since_the_last_look_however_old_it_is(storage, lab):
    [one, other] = lab.add_series("one", "other")
    lab.store((one, 40 * YEAR, 1.0), (other, 40 * YEAR + 1, 2.0))
    found, place = lab.all_changes([one, other])
    assert sorted(found) == [1.0, 2.0]
    assert lab.all_changes([one, other], place) == ([], place)

    lab.store((one, 40 * YEAR, 3.0), (other, 7, -0.0), (one, LATEST, 4.0))
    Lab(storage).store((Lab(storage).add_series("")[0], 1, 99.0))

    found, place = lab.all_changes([one, other], place)
    assert sorted(map(bits, found)) == sorted(map(bits, [3.0, -0.0, 4.0]))
    assert lab.all_changes([one, other], place) == ([], place)


@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 3), _times | st.integers(40 * YEAR, 40 * YEAR + 100 * MINUTE)), min_size=1,
                 max_size=25), max_size=6,
    ),
    limit=st.integers(1, 9), looks=st.sets(st.integers(0, 6)),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changes_hold_every_measure_once_whatever_came_when_and_however_often_one_looks(storage, batches, limit, looks):
    lab = Lab(storage)
    series = lab.add_series("0", "1", "2", "3")
    found, place, number = [], Place(), count()
    for index, batch in enumerate(batches):
        lab.store(*((series[which], time, float(next(number))) for which, time in batch))
        if index in looks:
            values, place = lab.all_changes(series, place, limit=limit)
            found += values
            assert sorted(found) == list(range(sum(map(len, batches[: index + 1]))))
    values, place = lab.all_changes(series, place, limit=limit)

    assert sorted(found + values) == list(range(sum(map(len, batches))))


def test_changes_of_more_runs_than_one_query_takes_are_all_there_once(lab):
    series = lab.add_series("one", "two", "three")
    times = [40 * YEAR + number * MINUTE * (1000 if number % 50 else 1) for number in range(3000)]
    lab.store(*((series[number % 3], time, float(number)) for number, time in enumerate(times)))

    found, _ = lab.all_changes(series, limit=10_000)

    assert sorted(found) == list(range(3000))


def test_changes_of_an_experiment_of_others_are_none(storage, lab):
    [series] = lab.add_series("")
    lab.store((series, 1, 1.0))
    with storage.unit() as unit:
        unit.associations.end(lab.experiment_id, lab.scientist, until=None)

    assert lab.all_changes([series]) == ([], Place())


# Figures


@given(
    values=st.lists(st.floats(-1e9, 1e9).map(lambda value: value + 0.0), min_size=1, max_size=60),
    offset=st.sampled_from([0.0, 1e9, -1e12]), width=st.integers(1, 20),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_figures_are_those_that_numpy_reckons(storage, values, offset, width):
    lab = Lab(storage)
    series = lab.add_series("one", "other")
    values = [value + offset for value in values]
    lab.store(*((series[time % 2], time, value) for time, value in enumerate(values)))
    stretch = Stretch(0, width, 60 // width + 1)

    with storage.unit() as unit:
        found = unit.measures.figures(
            lab.experiment_id, series, stretch, 0, 60, ["count", "min", "max", "mean", "std"],
            visible_to=lab.scientist,
        )

    assert len({each[:2] for each in found}) == len(found)
    for which, period, figures in found:
        told = np.array([value for time, value in enumerate(values)
                         if series[time % 2] == which and time // width == period])
        assert (figures["count"], figures["min"], figures["max"]) == (len(told), told.min(), told.max())
        size = np.abs(told).max()
        assert figures["mean"] == pytest.approx(told.mean(), rel=0, abs=1e-14 * len(told) * size + 1e-300)
        if len(told) == 1:
            assert figures["std"] is None
        else:
            # A sum of squares would be off by 1e-8 of the greatest value.
            assert figures["std"] == pytest.approx(told.std(ddof=1), rel=1e-9, abs=1e-14 * len(told) * size)
    assert sum(each.values["count"] for each in found) == len(values)


def test_measures_are_counted_up_to_a_limit_and_their_extent_is_known(storage, lab):
    [one, empty] = lab.add_series("one", "empty")
    lab.store(*((one, time, 1.0) for time in range(10)))

    with storage.unit() as unit:
        measures = unit.measures
        assert [measures.count([one, empty], 2, 5, up_to=limit) for limit in (1, 4, 9)] == [1, 4, 4]
        assert measures.count([one], 0, LATEST, up_to=100) == 10
        assert measures.extent([one, empty], Selection(start=3, end=7)) == (3, 6)
        assert measures.extent([one, empty], Selection(start=30)) is measures.extent([empty], Selection()) is None


# Messages


NAMES = [b"", b"a", b"A", b"a ", b"a\0", "á".encode(), b"\xff\xfe", b"%s", b"%(a)s'\"\\", b"x" * 255]


def test_a_publisher_keeps_its_number_and_differs_from_others_by_any_byte(storage):
    with storage.unit() as unit:
        numbers = [unit.messages.publisher_id(name) for name in NAMES]

    assert len(set(numbers)) == len(NAMES)
    with storage.unit() as unit:
        assert [unit.messages.publisher_id(name) for name in reversed(NAMES)] == numbers[::-1]


def remember(storage, hashes):
    with storage.unit() as unit:
        return unit.messages.remember(hashes)


def test_messages_are_known_the_second_time_with_the_hash_of_the_first(storage):
    first = {MessageId(1, name): bytes([number] * 16) for number, name in enumerate(NAMES)}
    second = {key: b"another hash !!!" for key in first}

    assert remember(storage, first) == {}
    assert remember(storage, second) == first
    assert remember(storage, second) == first, "the first hash is kept"


def test_of_some_known_and_some_new_messages_the_new_ones_are_remembered_too(storage):
    one, two, three = (MessageId(7, name) for name in (b"1", b"2", b"3"))
    hash_1, hash_2 = b"1" * 16, b"2" * 16
    remember(storage, {two: hash_1})

    assert remember(storage, {one: hash_2, two: hash_2, three: hash_2}) == {two: hash_1}
    assert remember(storage, {one: hash_1, three: hash_1}) == {one: hash_2, three: hash_2}


def test_the_same_id_of_another_publisher_is_another_message(storage):
    remember(storage, {MessageId(1, b"id"): b"1" * 16})

    assert remember(storage, {MessageId(2, b"id"): b"2" * 16, MessageId(1, b"ID"): b"3" * 16}) == {}


def test_few_known_messages_are_found_among_thousands(storage):
    keys = [MessageId(1, b"%d" % number) for number in range(2500)]
    known = {keys[0]: b"a" * 16, keys[1500]: b"b" * 16, keys[-1]: b"c" * 16}
    remember(storage, known)

    assert remember(storage, dict.fromkeys(keys, b"d" * 16)) == known
    assert len(remember(storage, dict.fromkeys(keys, b"e" * 16))) == 2500


def test_old_ids_are_forgotten_and_young_ones_are_not(storage, later):
    keys = [MessageId(1, b"%d" % number) for number in range(7)]
    remember(storage, dict.fromkeys(keys[:5], b"a" * 16))
    later(days=31)
    remember(storage, dict.fromkeys(keys[4:], b"b" * 16))

    with storage.unit() as unit:
        assert [unit.messages.forget(older_than_secs=30 * 86_400, limit=3) for _ in range(3)] == [3, 2, 0]

    known = remember(storage, dict.fromkeys(keys, b"c" * 16))
    assert known == dict.fromkeys(keys[5:], b"b" * 16)


def test_nothing_to_remember_is_nothing_known(storage):
    assert remember(storage, {}) == {}


# Quarantine


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


BODIES = {
    "empty": b"", "NUL": b"\0a\0", "all bytes": bytes(range(256)), "invalid UTF-8": b"\xff\xfe\xc3(\xed\xa0\x80",
    "quotes": b"'\"\\\\';--%s%(x)s{0}\n\r\x1a\x1b[31m", "5 MiB": bytes(range(256)) * 20 * 1024,
    "5 MiB of quotes": b"'\\\0\n" * (5 * 2**18),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_the_quarantine_keeps_a_body_byte_by_byte(storage, body):
    [number] = quarantine(storage, quarantined(body=body))

    with storage.unit() as unit:
        record, item = unit.quarantine.get(number)

    assert item.body == body, "not shown: it may be long" if len(body) > 300 else body
    assert record.size == len(body)


@pytest.mark.parametrize("item", [
    quarantined(message_id=None, element=None, experiment=None),
    quarantined(message_id=b"", publisher=b"", routing_key=""),
    quarantined(message_id=b"\xff\0'%s", publisher="é".encode() + b"\xff\0 ", element=9999, experiment="lab"),
    quarantined(routing_key=b"measures.\xff\xc3\0".decode(errors="surrogateescape")),
    quarantined(reason=Reason.ID_CONFLICT, headers='{"é": "😀 \\u0000 %s"}', routing_key="é %s '😀", element=0),
])
def test_the_quarantine_keeps_everything_that_is_known_of_a_message(storage, item):
    [number] = quarantine(storage, item)

    with storage.unit() as unit:
        record, found = unit.quarantine.get(number)
        assert unit.quarantine.page(after=number - 1, limit=1) == [record]

    assert found == item
    assert (record.quarantine_id, record.reason, record.experiment) == (number, item.reason, item.experiment)
    assert record.publisher == item.publisher.decode(errors="replace")
    assert abs(record.received - datetime.now(UTC)) < SKEW


def test_items_larger_than_one_statement_should_be_are_all_kept_in_order(storage):
    bodies = [bytes([number]) * size for number, size in enumerate([5_000_000, 5_000_000, 3, 0])]

    numbers = quarantine(storage, *(quarantined(body=body) for body in bodies))

    with storage.unit() as unit:
        assert [unit.quarantine.get(number)[1].body == body for number, body in zip(numbers, bodies, strict=True)] == (
            [True] * 4
        )


def test_the_quarantine_is_read_by_id_page_by_page_and_by_reason(storage):
    reasons = [Reason.BAD_JSON, Reason.FORBIDDEN, Reason.BAD_JSON, Reason.DUP_KEY, Reason.BAD_JSON]
    numbers = quarantine(storage, *(quarantined(reason=reason) for reason in reasons))

    def page(after, **options):
        with storage.unit() as unit:
            return [one.quarantine_id for one in unit.quarantine.page(after=after, **options)]

    assert page(0, limit=2) == numbers[:2]
    assert page(numbers[1], limit=100) == numbers[2:]
    rubbish = QuarantineSelection(reason=Reason.BAD_JSON)
    assert page(0, limit=100, selection=rubbish) == [numbers[0], numbers[2], numbers[4]]
    assert page(numbers[0], limit=1, selection=rubbish) == [numbers[2]]
    deep = QuarantineSelection(reason=Reason.TOO_DEEP)
    assert page(0, limit=100, selection=deep) == page(numbers[-1], limit=100) == []


def test_the_quarantine_is_searched_by_publisher_experiment_and_time_of_receipt(storage):
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    [first] = quarantine(storage, quarantined(publisher=b"A\xff"))
    [second] = quarantine(storage, quarantined(experiment="lab"))
    with storage.unit() as unit:
        unit.quarantine.add([quarantined()], received=noon)

    def found(**criteria):
        with storage.unit() as unit:
            page = unit.quarantine.page(after=first - 1, limit=9, selection=QuarantineSelection(**criteria))
        return [one.quarantine_id for one in page]

    third = second + 1
    assert found() == [first, second, third]
    assert found(publisher=b"A\xff") == [first]
    assert found(publisher=b"a\xff") == found(publisher=b"A\xff ") == []
    assert found(experiment="lab") == [second]
    assert found(experiment="LAB") == []
    assert found(start=noon, end=noon + timedelta(microseconds=1)) == [third]
    assert found(end=noon) == []
    assert found(start=noon + timedelta(microseconds=1)) == [first, second]
    assert found(publisher=b"publisher", experiment="lab", reason=Reason.BAD_JSON, start=noon) == [second]


def test_the_summary_counts_by_reason_and_publisher(storage):
    noon = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
    later = noon + timedelta(hours=1)
    with storage.unit() as unit:
        unit.quarantine.add([quarantined(), quarantined(publisher=b"other")], received=noon)
        unit.quarantine.add([quarantined(body=b""), quarantined(reason=Reason.FORBIDDEN)], received=later)

        assert unit.quarantine.summary() == [
            (Reason.BAD_JSON, "other", 1, 4, noon, noon),
            (Reason.BAD_JSON, "publisher", 2, 4, noon, later),
            (Reason.FORBIDDEN, "publisher", 1, 4, later, later),
        ]
        assert unit.quarantine.summary(QuarantineSelection(publisher=b"other", reason=Reason.BAD_JSON)) == [
            (Reason.BAD_JSON, "other", 1, 4, noon, noon)
        ]
        assert unit.quarantine.summary(QuarantineSelection(experiment="nothing")) == []


def test_an_item_is_locked_given_another_reason_and_removed(storage):
    numbers = quarantine(storage, *(quarantined(body=body) for body in (b"1", b"2", b"3")))
    with storage.unit() as unit:
        locked = unit.quarantine.lock([numbers[2], numbers[0], numbers[2] + 1])
        assert [one.quarantine_id for one in locked] == [numbers[0], numbers[2]]
        assert locked[0] == unit.quarantine.get(numbers[0])[0]
        unit.quarantine.change_reason(numbers[0], Reason.UNKNOWN_EXPERIMENT)
        unit.quarantine.remove([numbers[2]])

    with storage.unit() as unit:
        assert unit.quarantine.get(numbers[2]) is None
        assert unit.quarantine.lock(numbers[2:]) == unit.quarantine.lock([]) == []
        unit.quarantine.remove([])
        record, item = unit.quarantine.get(numbers[0])
    assert (record.reason, item) == (Reason.UNKNOWN_EXPERIMENT, quarantined(body=b"1", reason=record.reason))


def test_a_number_of_the_quarantine_is_not_given_again(storage):
    [first] = quarantine(storage, quarantined())
    with storage.unit() as unit:
        unit.quarantine.remove([first])
    [second] = quarantine(storage, quarantined())

    assert second > first


def test_what_each_publisher_takes_of_the_quarantine_is_exact_whatever_comes_and_goes(storage):
    def usage():
        with storage.unit() as unit:
            return unit.quarantine.usage()

    assert usage() == []
    numbers = quarantine(
        storage, quarantined(publisher=b"B\xff", headers='"é"', body=b"12345"), quarantined(body=b"", headers=""),
        quarantined(body=b"\0", headers=""), quarantined(body=b"123", headers="{}"),
    )
    assert usage() == [PublisherUsage(b"B\xff", 1, 9), PublisherUsage(b"publisher", 3, 6)]

    with storage.unit() as unit:
        unit.quarantine.remove([numbers[0], numbers[3]])
    assert usage() == [PublisherUsage(b"publisher", 2, 1)]

    with pytest.raises(NotFound), storage.unit() as unit:
        unit.quarantine.add([quarantined()])
        unit.quarantine.remove(numbers[1:2])
        raise NotFound("undone")
    assert usage() == [PublisherUsage(b"publisher", 2, 1)]


def test_what_is_not_in_the_quarantine_is_none(storage):
    with storage.unit() as unit:
        assert unit.quarantine.get(2**63 - 1) is None


def test_items_count_for_the_experiment_that_they_name_by_any_of_its_names(storage):
    [one, other] = add_experiments(storage, "former", "other")
    with storage.unit() as unit:
        unit.experiments.rename(one.experiment_id, "present")
    named = [
        ("former", Reason.WRONG_UNIT), ("present", Reason.BAD_TIMESTAMP), ("present", Reason.WRONG_UNIT),
        ("other", Reason.WRONG_UNIT), ("Present", Reason.WRONG_UNIT), ("unknown", Reason.UNKNOWN_EXPERIMENT),
        (None, Reason.BAD_JSON),
    ]
    quarantine(storage, *(quarantined(experiment=name, reason=reason) for name, reason in named))

    with storage.unit() as unit:
        assert list(unit.quarantine.counts(one.experiment_id).items()) == [("bad_timestamp", 1), ("wrong_unit", 2)]
        assert unit.quarantine.counts(other.experiment_id) == {"wrong_unit": 1}
        assert unit.quarantine.counts(4_294_967_295) == {}


# Audit


def test_the_audit_is_read_newest_first(storage):
    rows = [AuditRow("A001", "user.read", f"user:{number}", "success", None) for number in range(3)]
    rows.append(AuditRow("@console", "token.mint", "user:S001", "denied", "0123456789abcdef" * 2))

    for row in rows:
        with storage.unit() as unit:
            unit.audit.record(row)

    with storage.unit() as unit:
        assert unit.audit.newest(100) == rows[::-1]
        assert unit.audit.newest(2) == [rows[3], rows[2]]


# Transactions


class Unforeseen(Exception):
    pass


def write_everywhere(unit):
    unit.users.add(make_user("S777"))
    experiment_id = unit.experiments.add("doomed").experiment_id
    unit.associations.add(experiment_id, "S777", until=None)
    measure_type = unit.measure_types.add(name="doomed", symbol="d", quantity="doom")
    series_id = unit.series.find_or_add(experiment_id, measure_type.measure_type_id, "doomed")
    publisher_id = unit.messages.publisher_id(b"doomed")
    unit.measures.add(by_origin([NewMeasure(series_id, 1, 1.0, publisher_id)]))
    unit.messages.remember({MessageId(publisher_id, b"doomed"): b"d" * 16})
    unit.quarantine.add([quarantined(body=b"doomed")])
    unit.audit.record(AuditRow("S777", "user.create", "user:S777", "success", None))
    assert unit.measures.chunk(
        experiment_id, [series_id], Selection(), visible_to="S777", after=None, limit=9, span=None
    ), "a transaction sees what it has written"


def traces(storage):
    with storage.unit() as unit:
        return [
            unit.users.page(after="", limit=9), unit.experiments.page(after=0, limit=9, visible_to=None),
            unit.experiments.ids_by_name(["doomed"]), unit.associations.current(),
            unit.measure_types.by_name(["doomed"]), unit.quarantine.page(after=0, limit=9), unit.audit.newest(9),
            unit.messages.remember({MessageId(unit.messages.publisher_id(b"doomed"), b"doomed"): b"e" * 16}),
        ]


@pytest.mark.parametrize("error", [NotFound, Conflict, Unforeseen, KeyboardInterrupt, GeneratorExit])
def test_after_any_exception_nothing_of_the_transaction_is_left(storage, error):
    with pytest.raises(error), storage.unit() as unit:
        write_everywhere(unit)
        raise error

    assert not any(traces(storage))


def test_what_is_committed_is_there_for_the_next_transaction(storage):
    with storage.unit() as unit:
        write_everywhere(unit)

    assert all(traces(storage))


def test_a_refused_statement_undoes_those_before_it(storage):
    add_users(storage, make_user("S001", username="uid-S777-again"))

    with pytest.raises(Conflict), storage.unit() as unit:
        write_everywhere(unit)
        unit.users.change(make_user("S777", username="uid-S777-again"))

    with storage.unit() as unit:
        assert unit.users.get("S777") is None
        assert unit.experiments.ids_by_name(["doomed"]) == {}


def test_to_add_nothing_adds_nothing(storage, lab):
    [series] = lab.add_series("")

    lab.store()
    quarantine(storage)

    assert lab.read([series]) == []
    assert traces(storage)[5] == []


def test_storage_answers_and_can_be_closed(storage):
    storage.check()
    storage.close()
    storage.check()
