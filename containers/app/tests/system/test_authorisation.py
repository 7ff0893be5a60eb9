"""The table of rights through nginx: what is read and what is refused. Integration tests change things, too."""

import pytest

from tests.rights import CALLERS, KEYS, body, matrix

READ_OR_REFUSED = [
    (cells, user_id)
    for cells in matrix()
    for user_id in CALLERS
    if cells.method == "GET" or cells.statuses[user_id] in (401, 403, 405)
]


@pytest.fixture(name="ids", scope="module")
def numbers_of_the_demonstration(admin) -> dict[str, int]:
    names = {one["name"]: one["experiment_id"] for one in admin("GET", "/experiments/?limit=1000").json()}
    return {"own": names["device-vibrations"], "other": names["black-holes"], "item": 1, "absent": 4_000_000_000, **KEYS}


@pytest.mark.parametrize(
    ("cells", "user_id"), READ_OR_REFUSED,
    ids=[f"{cells.method} {cells.path} {user_id or 'nobody'}" for cells, user_id in READ_OR_REFUSED],
)
def test_a_cell_of_the_table_of_rights_holds_at_the_edge(as_user, ids, cells, user_id):
    answer = as_user(user_id)(cells.method, cells.path.format(**ids), json=body(*cells[:2], {}))

    assert answer.status_code == cells.statuses[user_id]
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code == 405) == ("Allow" in answer.headers)
