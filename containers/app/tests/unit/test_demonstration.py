from datetime import UTC, datetime

import pytest

from my_monit.errors import NotFound
from my_monit.model import CONSOLE, Role, Selection
from my_monit.services.demonstration import Demonstration
from my_monit.services.ingestion import IngestionService
from tests.unit.by_hand import SAM, actor, change, outcomes, person


@pytest.fixture
def demonstration(services):
    ingestion = IngestionService(services.storage, routing="measures", max_future=86_400)
    return Demonstration(services.audit, ingestion, "measures")


def everything(services):
    with services.storage.unit() as unit:
        return (
            unit.users.page(after="", limit=99), unit.experiments.page(after=0, limit=99, visible_to=None),
            [(one.experiment_id, one.user_id) for one in unit.associations.current()],
            [unit.series.extents(1, visible_to="S001"), unit.series.extents(2, visible_to="S002")],
            unit.quarantine.page(after=0, limit=99),
        )


def test_the_demonstration_has_four_users_and_two_experiments_with_measures_of_the_past(services, demonstration):
    demonstration.load(CONSOLE)

    users, experiments, associations, extents, quarantined = everything(services)
    assert {user.user_id: user.role.value for user in users} == {
        "A001": "ADMIN", "S001": "SCIENTIST", "S002": "SCIENTIST", "U001": "AUDITOR"
    }
    assert [one.name for one in experiments] == ["device-vibrations", "black-holes"]
    assert associations == [(1, "S001"), (2, "S002")]
    assert [[extent.measures for extent in each] for each in extents] == [[100], [100]]
    assert all(extent.last < datetime.now(UTC).timestamp() * 1e9 for each in extents for extent in each)
    assert quarantined == []
    assert outcomes(services) == [("@console", "demonstration.load", "demonstration", "success")]


def test_loading_the_demonstration_again_changes_nothing(services, demonstration):
    demonstration.load(CONSOLE)
    change(services, CONSOLE, person("S001", Role.SCIENTIST), name="Changed")
    services.experiments.rename(CONSOLE, 1, "renamed")
    before = everything(services)

    demonstration.load(CONSOLE)
    fresh = IngestionService(services.storage, routing="measures", max_future=86_400)
    Demonstration(services.audit, fresh, "measures").load(CONSOLE)

    assert everything(services) == before


def test_the_demonstration_s_scientists_read_their_own_measures_only(services, demonstration):
    demonstration.load(CONSOLE)

    sam = actor(SAM)
    assert len(services.measures.page(sam, 1, Selection(), after=None, limit=999).columns) == 100
    with pytest.raises(NotFound):
        services.measures.page(sam, 2, Selection(), after=None, limit=999)
