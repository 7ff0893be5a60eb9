"""The database answers every query for measures from ranges of the key, at a size where anything else would be felt."""

import pytest

from my_monit.model import Actor, Position, Role, Selection
from my_monit.periods import parse_period
from my_monit.services.changes import READS_OF_A_PAGE
from my_monit.services.summary import Question
from my_monit.storage.connector import Session
from my_monit.storage.ports import Place
from tests.integration.database import rows_read
from tests.integration.laboratory import MORNING, SECOND
from tests.measures import NewMeasure, by_origin

SERIES, EACH = 10, 4000
NOON = MORNING + EACH // 2 * SECOND
#: Long before all others.
YEAR = 365 * 24 * 3600 * SECOND
SAM = Actor("S001", Role.SCIENTIST)
PLAN = "EXPLAIN FORMAT=TRADITIONAL "


@pytest.fixture(name="queries")
def queries_that_are_made(storage, laboratory, monkeypatch):
    """Forty thousand measures of ten series, a tenth of which are selected; the list of what is asked from then on."""
    experiment_id = laboratory.vibrations.experiment_id
    with storage.unit() as unit:
        series = [unit.series.find_or_add(experiment_id, 2, f"sensor-{number}") for number in range(SERIES)]
        unit.measures.add(by_origin([
            NewMeasure(one, MORNING + n * SECOND, float(n), 1) for one in series for n in range(EACH)
        ]))
    asked = []
    rows = Session.rows

    def noted(self, sql, parameters=()):
        asked.append((sql, parameters))
        return rows(self, sql, parameters)

    monkeypatch.setattr(Session, "rows", noted)
    return asked


READS = {
    "first page": lambda c, e: c.measure_service().page(SAM, e, Selection(), after=None, limit=1000),
    "page in the middle": lambda c, e: c.measure_service().page(
        SAM, e, Selection(end=NOON), after=None, limit=1000
    ),
    "one series": lambda c, e: c.measure_service().page(
        SAM, e, Selection(sensors=("sensor-1",), start=NOON, descending=False), after=None, limit=1000
    ),
    "stream": lambda c, e: list(c.measure_service().stream(
        SAM, e, Selection(start=NOON), after=None, limit=None
    )),
    "latest": lambda c, e: c.measure_service().latest(SAM, e, Selection()),
    "series": lambda c, e: c.measure_service().series(SAM, e),
    "summary": lambda c, e: c.summary_service().ask(
        SAM, e, Question(Selection(start=NOON, end=NOON + 300 * SECOND), parse_period("PT1M"), ["count", "mean", "std"])
    ),
    "changes": lambda c, e: c.change_service().page(SAM, e, after=Place(), limit=10_000),
}


@pytest.mark.parametrize("read", READS)
def test_measures_are_read_by_ranges_of_the_key(read, queries, container, laboratory, administrator, storage):
    administrator.rows("ANALYZE TABLE MEASURES")
    queries.clear()

    READS[read](container, laboratory.vibrations.experiment_id)

    assert_ranges_of_the_key(queries, administrator)


@pytest.fixture(name="billions")
def as_if_there_were_billions(administrator):
    """The database believes that there are ten billion measures."""
    administrator.rows("ANALYZE TABLE MEASURES")
    administrator.execute(
        "UPDATE mysql.innodb_table_stats SET n_rows = 10000000000, clustered_index_size = 50000000 "
        "WHERE database_name = DATABASE() AND table_name = 'MEASURES'"
    )
    administrator.execute("FLUSH TABLES MEASURES")
    yield
    administrator.rows("ANALYZE TABLE MEASURES")


@pytest.mark.parametrize("series", [1000, 5000, 40_000])
def test_so_are_those_of_an_experiment_of_very_many_series(series, queries, billions, storage, laboratory, administrator):
    with storage.unit() as unit:
        unit.measures.read(
            laboratory.vibrations.experiment_id, range(1, series + 1), Selection(end=NOON),
            visible_to=SAM.user_id, after=Position(NOON, 7, 7), limit=1000, span=None,
        )

    assert_ranges_of_the_key([one for one in queries if "GROUP_CONCAT" in one[0]], administrator)


def test_changes_that_came_one_by_one_are_read_together(queries, storage, laboratory):
    experiment_id = laboratory.vibrations.experiment_id
    with storage.unit() as unit:
        known = unit.measures.arrivals(experiment_id)
        series_id = unit.series.find_or_add(experiment_id, 2, "sensor-1")
    for number in range(20):
        with storage.unit() as unit:
            unit.measures.add(by_origin([NewMeasure(series_id, NOON + number * SECOND, float(number), 1)]))
    queries.clear()

    with storage.unit() as unit:
        columns, place = unit.measures.changes(
            experiment_id, range(series_id, series_id + 1000),
            visible_to=SAM.user_id, after=Place(known + 1), until=known + 20, limit=100,
        )

    assert sorted(columns.values) == list(range(20)) and place.arrival == known + 20
    assert len([sql for sql, _ in queries if "FROM MEASURES" in sql]) == 1


def test_a_page_of_changes_ends_early_where_they_lie_far_apart(queries, storage, container, laboratory, administrator):
    experiment_id = laboratory.vibrations.experiment_id
    administrator.execute(
        "INSERT INTO SERIES (experiment_id, measure_type_id, sensor) "
        f"SELECT {experiment_id}, 3, CONCAT(series_id, '-', time) FROM MEASURES LIMIT 1001"
    )
    with storage.unit() as unit:
        known = unit.measures.arrivals(experiment_id)
        series_id = unit.series.find_or_add(experiment_id, 2, "sensor-1")
        unit.measures.add(by_origin([
            NewMeasure(series_id, YEAR + 2**number * SECOND, float(number), 1) for number in range(25)
        ]))
    place, found = Place(known + 1), []

    for _ in range(3):
        queries.clear()
        pieces, place = container.change_service().page(SAM, experiment_id, after=place, limit=1000)
        found += [value for piece in pieces for value in piece.columns.values]
        assert len([sql for sql, _ in queries if "FROM MEASURES" in sql]) <= READS_OF_A_PAGE

    assert sorted(found) == list(range(25))


def assert_ranges_of_the_key(queries, administrator):
    made = [
        (sql.removeprefix(PLAN), parameters) for sql, parameters in queries
        if "FROM MEASURES" in sql or "FROM ARRIVALS" in sql
    ]
    assert made
    for sql, parameters in made:
        for step in administrator.rows(PLAN + sql, parameters):
            shift = len(step) - 10  # MySQL tells of partitions, too, before the kind
            table, kind, key = step[2], step[3 + bool(shift)], step[5 + bool(shift)]
            if table in ("MEASURES", "ARRIVALS"):
                assert (kind in ("range", "ref", "const"), key) == (True, "PRIMARY"), (sql[:300], step)


@pytest.mark.parametrize("descending", [True, False])
def test_a_page_costs_what_it_holds_where_measures_suddenly_lie_dense(
    descending, queries, storage, laboratory, administrator
):
    administrator.rows("ANALYZE TABLE MEASURES")
    experiment_id = laboratory.vibrations.experiment_id
    with storage.unit() as unit:
        series = [one.series_id for one in unit.series.of(experiment_id, visible_to=SAM.user_id)]
        before = rows_read(administrator)

        columns = unit.measures.read(
            experiment_id, series, Selection(descending=descending),
            visible_to=SAM.user_id, after=None, limit=1000, span=1000 * EACH * SECOND,
        )

    assert len(columns) == 1000
    assert rows_read(administrator) - before < SERIES * EACH // 4
