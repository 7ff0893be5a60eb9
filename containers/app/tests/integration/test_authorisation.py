"""A8 and A9 of the list of faults: every cell of the table of rights, and nothing that betrays what others have."""

import os
import re
from collections.abc import Callable
from random import Random
from statistics import median
from time import perf_counter

import pytest

from my_monit.model import Quarantined, Reason, Role, User
from my_monit.rest.application import create_app
from my_monit.storage.connector import Session
from my_monit.storage.storage import Storage
from tests.integration.database import empty_tables
from tests.integration.keys import add_key
from tests.integration.laboratory import ADA, MORNING, SAM, SUE, UMA, Laboratory, furnish, person
from tests.integration.rest_api import Api
from tests.measures import NewMeasure, by_origin
from tests.rights import KEYS, METHODS, Cells, body, matrix

USERS = {user.user_id: user for user in (ADA, SAM, SUE, UMA)}
USERNAMES = {user_id: user.username for user_id, user in USERS.items()}
IDS = {"own": 1, "other": 2, "item": 1, "absent": 4_000_000_000, **KEYS}
#: `./run-checks.sh contract` asks for more of everything that takes its time.
BY_NAME = "CONTRACT_EXAMPLES" in os.environ
PAIRS = 10_000 if BY_NAME else 1000
REFUSALS = 1000

pytestmark = pytest.mark.usefixtures("without_waiting_for_the_disk")

Audited = Callable[[], tuple[str, str, str, str]]


@pytest.fixture(name="renew")
def world_anew(administrator: Session, storage: Storage) -> Callable[[], Laboratory]:
    """Everything as it was before, under the same numbers."""

    def renew() -> Laboratory:
        empty_tables(administrator)
        for table in ("EXPERIMENTS", "QUARANTINE"):
            administrator.execute(f"ALTER TABLE {table} AUTO_INCREMENT = 1")
        with storage.unit() as unit:
            unit.quarantine.add([Quarantined(Reason.BAD_JSON, b"", "measures", None, None, None, "{}", b"{")])
            laboratory = furnish(unit)
            add_key(unit, KEYS["key"], SAM)
            return laboratory

    return renew


@pytest.fixture(name="laboratory")
def numbered_laboratory(renew: Callable[[], Laboratory]) -> Laboratory:
    return renew()


@pytest.fixture(name="everything")
def everything_stored(administrator: Session) -> Callable[[], list[object]]:
    tables = (
        "USERS", "API_KEYS", "EXPERIMENTS", "EXPERIMENT_NAMES", "USER_EXPERIMENTS", "MEASURE_TYPES", "MEASURES",
        "SERIES", "QUARANTINE",
    )
    return lambda: [administrator.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


@pytest.mark.parametrize("cells", matrix(), ids=lambda cells: f"{cells.method} {cells.path}")
def test_every_cell_of_the_table_of_rights_a8(
    api: Api, cells: Cells, everything: Callable[[], list[object]], audited: Audited, renew: Callable[[], Laboratory]
) -> None:
    before = everything()
    # What is refused comes first: it must change nothing.
    for user_id, status in sorted(cells.statuses.items(), key=lambda cell: cell[1] < 400):
        answer = api(
            USERS.get(user_id), cells.method, cells.path.format(**IDS), json=body(*cells[:2], USERNAMES)
        )
        assert answer.status_code == status, user_id
        if status >= 400 or cells.method == "GET":
            assert everything() == before
        else:
            assert everything() != before
            renew()
        if status == 403:
            assert audited()[::3] == (user_id, "denied")


@pytest.mark.parametrize(("method", "path", "subject"), [
    ("GET", "/users/S002/experiments/1/access", "experiment:1 user:S002"),
    ("POST", "/scientists-experiments/1/S002", "experiment:1 user:S002"),
    ("DELETE", "/scientists-experiments/1/S002", "experiment:1 user:S002"),
    ("DELETE", "/users/S002/keys/{key}", "user:S002 key:{key}"),
    ("GET", "/users/S002/associations", "user:S002"),
    ("POST", "/quarantine/1/replay", "quarantine:1"),
])
def test_what_was_denied_bears_the_name_in_the_audit_that_it_has_when_it_is_done(
    api: Api, method: str, path: str, subject: str, audited: Audited
) -> None:
    subjects = []
    for who, status in ((SAM, 403), (ADA, None)):
        answer = api(who, method, path.format(**IDS))
        assert status in (None, answer.status_code)
        subjects.append(audited()[2])

    assert subjects == [subject.format(**IDS)] * 2


def test_every_path_and_method_is_in_the_table_of_rights() -> None:
    def pattern(rule: str) -> str:
        return re.sub(r"<[^>]*>", "[^/]+", rule)

    served = {
        (method, pattern(rule.rule)) for rule in create_app().url_map.iter_rules()
        for method in (rule.methods or set()) & set(METHODS)
    }
    tried = [(cells.method, cells.path.partition("?")[0]) for cells in matrix() if 405 not in cells.statuses.values()]

    missing = [
        (method, path) for method, path in served
        if not any(method == other and re.fullmatch(path, one) for other, one in tried)
    ]
    assert not missing


@pytest.mark.parametrize("changes", [
    {"user_id": "A001"}, {"role": "ADMIN"}, {"active": False}, {"username": "canary-uid-A001"}, {"is_admin": True},
    {"role": "ADMIN", "user_id": "S001"},
], ids=str)
def test_nobody_is_promoted_by_a_field_too_many_a8(
    api: Api, changes: dict[str, object], everything: Callable[[], list[object]]
) -> None:
    before = everything()

    answer = api.put(SAM, "/users/S001", json={"name": "n", "username": SAM.username, "email": "e@x", **changes})

    assert answer.status_code in (403, 422)
    assert everything() == before


@pytest.mark.parametrize("headers", [
    {"X-HTTP-Method-Override": "DELETE"}, {"X-HTTP-Method": "DELETE"}, {"X-Method-Override": "DELETE"},
    {"X-User-Id": "A001"}, {"X-Forwarded-User": "A001"}, {"X-Original-URL": "/users/S002"},
], ids=str)
def test_no_header_makes_a_request_another_one_a8(
    api: Api, headers: dict[str, str], everything: Callable[[], list[object]]
) -> None:
    before = everything()

    assert api.get(SAM, "/users/S001", headers=headers).status_code == 200
    assert api.post(SAM, "/users/", headers=headers).status_code == 403
    assert everything() == before


@pytest.fixture(name="crowd")
def many_of_everything(storage: Storage, laboratory: Laboratory) -> tuple[list[User], dict[str, set[int]]]:
    """20 scientists, 50 experiments with a measure each whose value is the experiment's number; who may see which."""
    random = Random(9)
    people = [person(f"X{number:03}", Role.SCIENTIST) for number in range(20)]
    visible: dict[str, set[int]] = {}
    with storage.unit() as unit:
        numbers = [unit.experiments.add(f"crowd-{number}").experiment_id for number in range(50)]
        for number in numbers:
            series_id = unit.series.find_or_add(number, 1, f"sensor-{number}")
            unit.measures.add(by_origin([NewMeasure(series_id, MORNING + number, number, laboratory.publisher_id)]))
        for user in people:
            unit.users.add(user)
            visible[user.user_id] = set(random.sample(numbers, 5))
            for number in sorted(visible[user.user_id]):
                unit.associations.add(number, user.user_id, until=None)
    return people, visible


def test_thousands_of_pairs_of_a_scientist_and_an_experiment_yield_nothing_foreign_a9(
    api: Api, crowd: tuple[list[User], dict[str, set[int]]]
) -> None:
    people, visible = crowd
    random = Random(10)
    highest = max(number for numbers in visible.values() for number in numbers)
    absent = api.get(people[0], "/measures/4000000000")

    for _ in range(PAIRS):
        who, number = random.choice(people), random.randint(1, highest + 5)
        answer = api.get(who, f"/{random.choice(('measures', 'series', 'experiments'))}/{number}")
        if number in visible[who.user_id]:
            assert answer.status_code == 200 and f"{number}" in answer.text
        else:
            assert answer.status_code == 404
            assert known(answer.json) == known(absent.json) and set(answer.headers.keys()) == set(absent.headers.keys())

    for who in people:
        listed = [one["experiment_id"] for page in api.pages(who, "/experiments/?limit=2") for one in page]
        assert listed == sorted(visible[who.user_id])


def known(problem: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in problem.items() if name not in ("instance", "trace_id")}


@pytest.mark.skipif(not BY_NAME, reason="by name: ./run-checks.sh contract")
@pytest.mark.parametrize("resource", ["experiments", "measures"])
def test_what_is_absent_is_refused_as_slowly_as_what_is_forbidden_a9(api: Api, resource: str) -> None:
    """In turns, so that whatever else the machine does meets both; the medians differ by less than a tenth."""
    paths = {"absent": f"/{resource}/{IDS['absent']}", "forbidden": f"/{resource}/{IDS['other']}"}

    def ratio() -> float:
        seconds: dict[str, list[float]] = {"absent": [], "forbidden": []}
        for number in range(REFUSALS):
            for kind in sorted(paths, reverse=bool(number % 2)):
                begun = perf_counter()
                assert api.get(SAM, paths[kind]).status_code == 404
                seconds[kind].append(perf_counter() - begun)
        return median(seconds["absent"]) / median(seconds["forbidden"])

    assert 0.9 < ratio() < 1.1


class TestIdentifiers:
    """A10: they are compared byte by byte."""

    @pytest.mark.parametrize("user_id", ["s001", "S001%20", "%20S001", "S001%00", "%C5%9A001", "S00%EF%BC%91", "S001%E2%80%8B"])
    def test_a_user_id_that_resembles_another_is_nobody_s_a10(self, api: Api, user_id: str) -> None:
        for path in (f"/users/{user_id}", f"/users/{user_id}/associations", f"/users/{user_id}/experiments/1/access"):
            assert api.get(ADA, path).status_code == 404
        assert api.post(ADA, f"/scientists-experiments/2/{user_id}").status_code == 404
        assert api.get(ADA, "/users/S001").status_code == 200

    def test_ids_and_names_that_differ_in_case_alone_are_two_a10(self, api: Api) -> None:
        for user_id in ("x1", "X1"):
            record = {"user_id": user_id, "name": "n", "username": f"canary-{user_id}", "email": "e", "role": "SCIENTIST"}
            assert api.post(ADA, "/users/", json=record).status_code == 201
        assert api(ADA, "DELETE", "/users/x1").status_code == 204
        assert api.get(ADA, "/users/X1").status_code == 200
