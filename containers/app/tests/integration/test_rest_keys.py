"""API keys over REST, on a real database: made and told once, shown as bearer tokens, held to their scope, revoked."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from dependency_injector import providers
from werkzeug.test import TestResponse

from my_monit.errors import Unauthenticated
from my_monit.model import User
from my_monit.services.keys import MAX_KEYS
from my_monit.storage.connector import Session
from my_monit.storage.storage import Storage
from my_monit.wiring import Container
from tests.conftest import Eventually
from tests.integration.keys import add_key
from tests.integration.laboratory import ADA, SAM, SUE, UMA, Laboratory
from tests.integration.log_lines import LogLines
from tests.integration.rest_api import Api, pointers
from tests.integration.together import STUCK_SECS
from tests.rights import OPEN_TO_ALL, Cells, matrix
from tests.unit.forged_keys import FORGED, Forger

Audited = Callable[[], tuple[str, str, str, str]]

KEY_ID, OTHER_ID = "0123456789abcdef", "00112233445566aa"
ABOUT = {"label": "canary on pc-17"}
REFUSED = "the token is not valid"


def bearing(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(name="made")
def maker_of_keys(api: Api) -> Callable[..., dict[str, Any]]:
    """Makes a key over REST, for oneself unless for another."""

    def made(who: User, whose: User | None = None, **fields: object) -> dict[str, Any]:
        answer = api.post(who, f"/users/{(whose or who).user_id}/keys", json={**ABOUT, **fields})
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    return made


@pytest.fixture(name="key")
def key_of_sam(storage: Storage, laboratory: Laboratory) -> str:
    with storage.unit() as unit:
        return add_key(unit, KEY_ID, SAM)


@pytest.fixture(name="by_key")
def caller_with_a_key(api: Api) -> Callable[..., TestResponse]:
    return lambda key, path, method="GET", **options: api(None, method, path, headers=bearing(key), **options)


# Made, listed, revoked


def test_a_key_is_told_when_it_is_made_and_never_again(
    api: Api, made: Callable[..., dict[str, Any]], by_key: Callable[..., TestResponse], audited: Audited, path: str
) -> None:
    number = int(path.rpartition("/")[2])
    new = made(SAM, experiment_id=number, days=30)
    assert audited() == ("S001", "key.create", f"user:S001 key:{new['key_id']}", "success")

    assert re.fullmatch(f"mmk_{new['key_id']}_[0-9a-f]{{72}}", new.pop("key"))
    assert new.items() >= {"user_id": "S001", "experiment_id": number, "created_by": "S001", **ABOUT}.items()
    created, expires = (datetime.fromisoformat(new[name]) for name in ("created", "expires"))
    assert expires - created == timedelta(days=30)
    assert api.get(SAM, "/users/S001/keys").json == api.get(ADA, "/users/S001/keys").json == [new]
    assert audited() == ("A001", "key.list", "user:S001", "success")


def test_a_key_lives_ninety_days_and_reads_all_that_its_user_may_unless_told_otherwise(
    made: Callable[..., dict[str, Any]], by_key: Callable[..., TestResponse], path: str
) -> None:
    new = made(ADA, SAM)

    created, expires = (datetime.fromisoformat(new[name]) for name in ("created", "expires"))
    assert (expires - created, new["experiment_id"], new["created_by"]) == (timedelta(days=90), None, "A001")
    assert by_key(new["key"], path).json == by_key(new["key"], path).json != []
    assert by_key(new["key"], "/users/me").json["user_id"] == "S001"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("label", value) for value in ("", " x", "x\n", "x\0", "x" * 65, 7, None, ...)],
        *[("days", value) for value in (0, -1, 367, 10**30, 1.5, "7", True, None)],
        *[("experiment_id", value) for value in (0, -1, 2**32, 10**30, 1.5, "1", True)],
        *[(name, "x") for name in ("key", "key_id", "user_id", "expires", "created_by", "scope", "digest")],
    ],
)
def test_a_field_that_breaks_a_rule_is_named_and_no_key_is_made(api: Api, field: str, value: object) -> None:
    given = {name: one for name, one in {**ABOUT, field: value}.items() if one is not ...}

    answer = api.post(SAM, "/users/S001/keys", json=given)

    assert (answer.status_code, pointers(answer)) == (422, [f"/{field}"])
    assert api.get(SAM, "/users/S001/keys").json == []


def test_a_whole_number_may_be_written_with_a_point_as_json_schema_has_it(
    made: Callable[..., dict[str, Any]], path: str
) -> None:
    number = int(path.rpartition("/")[2])
    new = made(SAM, experiment_id=float(number), days=30.0)

    created, expires = (datetime.fromisoformat(new[name]) for name in ("created", "expires"))
    assert (new["experiment_id"], expires - created) == (number, timedelta(days=30))


@pytest.mark.parametrize("who", [SAM, ADA], ids=lambda user: user.role)
def test_a_key_for_an_experiment_that_its_user_does_not_see_is_not_made(
    api: Api, laboratory: Laboratory, who: User, audited: Audited
) -> None:
    others, absent = (
        api.post(who, "/users/S001/keys", json={**ABOUT, "experiment_id": number})
        for number in (laboratory.black_holes.experiment_id, 4_000_000_000)
    )

    assert others.status_code == absent.status_code == 409
    assert others.json["detail"] == absent.json["detail"]
    assert audited()[1::2] == ("key.create", "refused")


def test_a_revoked_key_is_nobody_s_and_can_be_revoked_once(
    api: Api, key: str, by_key: Callable[..., TestResponse], audited: Audited
) -> None:
    assert by_key(key, "/users/me").status_code == 200

    assert api(SAM, "DELETE", f"/users/S001/keys/{KEY_ID}").status_code == 204
    assert audited() == ("S001", "key.revoke", f"user:S001 key:{KEY_ID}", "success")

    assert by_key(key, "/users/me").json["detail"] == REFUSED
    assert api(SAM, "DELETE", f"/users/S001/keys/{KEY_ID}").status_code == 404


@pytest.mark.parametrize(
    "odd", [KEY_ID.upper(), KEY_ID + "0", KEY_ID[1:], KEY_ID + "%20", KEY_ID + "%00", "%", "me", "g" * 16]
)
def test_a_public_id_has_one_way_to_be_written(api: Api, key: str, odd: str) -> None:
    assert api(SAM, "DELETE", f"/users/S001/keys/{odd}").status_code == 404
    assert len(api.get(SAM, "/users/S001/keys").json) == 1


def test_an_erased_user_s_keys_are_gone_from_the_database(
    api: Api, key: str, by_key: Callable[..., TestResponse], administrator: Session
) -> None:
    assert api(ADA, "DELETE", "/users/S001").status_code == 204

    assert administrator.rows("SELECT * FROM API_KEYS") == []
    assert by_key(key, "/users/me").status_code == 401


@pytest.mark.usefixtures("without_waiting_for_the_disk")
def test_two_keys_that_are_made_at_once_are_not_one_too_many(
    api: Api, storage: Storage, administrator: Session, eventually: Eventually
) -> None:
    def is_waiting() -> bool:
        return bool(administrator.rows("SELECT 1 FROM information_schema.processlist WHERE info LIKE '%FOR UPDATE'"))

    with ThreadPoolExecutor(1) as executor:
        with storage.unit() as unit:
            unit.users.get("S001", lock=True)
            second = executor.submit(api.post, SAM, "/users/S001/keys", json=ABOUT)
            eventually(lambda: is_waiting() or second.done())
            for number in range(MAX_KEYS):
                add_key(unit, f"{number:016x}", SAM)
        assert second.result(STUCK_SECS).status_code == 409


# Shown as a bearer token


def test_forged_and_mangled_keys_are_refused_in_the_same_words(
    api: Api, rest_container: Container, storage: Storage, key: str, by_key: Callable[..., TestResponse]
) -> None:
    with storage.unit() as unit:
        add_key(unit, OTHER_ID, SUE)
    forger = Forger(key, OTHER_ID)

    for kind, forge in FORGED.items():
        forged = forge(forger)
        with pytest.raises(Unauthenticated, match=f"^{REFUSED}$"):
            rest_container.key_service().recognise(forged)
        if forged.isascii() and forged.isprintable():
            answer = by_key(forged, "/users/me")
            assert answer.status_code == 401, kind
            if forged.startswith("mmk_") and re.fullmatch("[A-Za-z0-9._~+/=-]+", forged):
                assert answer.json["detail"] == REFUSED, kind
    assert by_key(key, "/users/me").status_code == 200


@pytest.mark.parametrize("headers", [
    {"Authorization": "{key}"}, {"Authorization": "Basic {key}"}, {"Authorization": "Token {key}"},
    {"X-API-Key": "{key}"}, {"Cookie": "key={key}"},
], ids=str)
def test_a_key_is_shown_as_a_bearer_token_and_in_no_other_way(api: Api, key: str, headers: dict[str, str]) -> None:
    shown = {name: text.format(key=key) for name, text in headers.items()}

    assert api.get(None, "/users/me", headers=shown).status_code == 401
    assert api.get(None, f"/users/me?key={key}&access_token={key}").status_code == 401


def test_the_identity_provider_never_sees_a_key(api: Api, rest_container: Container, key: str) -> None:
    class Watched:
        """Would be asked over a network."""

        seen: list[str] = []

        def verify(self, token: str) -> None:
            self.seen.append(token)
            raise Unauthenticated("elsewhere")

    with rest_container.identity.override(providers.Object(Watched())):
        assert api.get(None, "/users/me", headers=bearing(key)).status_code == 200
        for forged in (forge(Forger(key, OTHER_ID)) for forge in FORGED.values()):
            if forged.startswith("mmk_") and forged.isascii() and forged.isprintable():
                assert api.get(None, "/users/me", headers=bearing(forged)).status_code == 401
    assert Watched.seen == []


def test_an_expired_key_is_refused_and_that_is_audited(
    key: str, by_key: Callable[..., TestResponse], administrator: Session, storage: Storage
) -> None:
    administrator.execute("UPDATE API_KEYS SET expires = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR")
    assert by_key(key, "/users/me").status_code == 200

    administrator.execute("UPDATE API_KEYS SET expires = UTC_TIMESTAMP(6)")

    assert by_key(key, "/users/me").json["detail"] == REFUSED
    with storage.unit() as unit:
        [row] = unit.audit.newest(1)
    assert (*row[:4], row.key_id) == ("S001", "session.open", "user:S001", "denied", KEY_ID)


def test_the_log_and_the_audit_name_the_key_by_its_public_id_alone(
    key: str, by_key: Callable[..., TestResponse], path: str, log_lines: LogLines, administrator: Session
) -> None:
    assert by_key(key, path).status_code == 200
    assert by_key(key[:-1], path).status_code == 401
    assert by_key(key, f"/nowhere/{key}").status_code == 404

    assert log_lines.of("request")[0]["mymonit"].items() >= {"actor": "S001", "key_id": KEY_ID}.items()
    rows = repr(administrator.rows("SELECT * FROM AUDIT") + administrator.rows("SELECT * FROM API_KEYS"))
    assert KEY_ID in rows
    for part in (key[21:85], key[21:53], key[53:85]):
        assert part not in log_lines.text + rows


# For what


@pytest.mark.usefixtures("without_waiting_for_the_disk")
@pytest.mark.parametrize("who", [ADA, SAM, UMA], ids=lambda user: user.role)
def test_a_key_reads_what_its_user_reads_and_does_nothing_else(
    api: Api, storage: Storage, laboratory: Laboratory, who: User, everything: Callable[[], list[object]],
    by_key: Callable[..., TestResponse],
) -> None:
    with storage.unit() as unit:
        key = add_key(unit, KEY_ID, who)
    before = everything()

    for cells in matrix():
        expected = cells.statuses[who.user_id]
        owned = cells.path != "/nowhere" and not cells.path.startswith(OPEN_TO_ALL)
        if ("/keys" in cells.path or cells.method != "GET") and expected != 405 and owned:
            expected = 403
        assert ask(by_key, key, cells, laboratory) == expected, cells
    assert everything() == before


@pytest.mark.usefixtures("without_waiting_for_the_disk")
def test_a_key_of_an_experiment_reads_its_measures_and_its_series_and_nothing_else(
    api: Api, storage: Storage, laboratory: Laboratory, everything: Callable[[], list[object]],
    by_key: Callable[..., TestResponse],
) -> None:
    with storage.unit() as unit:
        unit.associations.add(laboratory.black_holes.experiment_id, "S001", until=None)
        key = add_key(unit, KEY_ID, SAM, experiment_id=laboratory.vibrations.experiment_id)
    before = everything()

    for cells in matrix():
        expected = cells.statuses["S001"]
        public = cells.path.startswith(OPEN_TO_ALL)
        own = cells.path.startswith(("/measures/{own}", "/series/{own}"))
        if expected != 405 and not public and not own and cells.path != "/nowhere":
            expected = 403
        assert ask(by_key, key, cells, laboratory) == expected, cells
    assert everything() == before


def ask(by_key: Callable[..., TestResponse], key: str, cells: Cells, laboratory: Laboratory) -> int:
    path = cells.path.format(
        own=laboratory.vibrations.experiment_id, other=laboratory.black_holes.experiment_id, absent=4_000_000_000,
        item=1, key=KEY_ID, nokey=OTHER_ID,
    )
    return by_key(key, path, cells.method).status_code


@pytest.fixture(name="everything")
def everything_stored(administrator: Session) -> Callable[[], list[object]]:
    tables = ("USERS", "API_KEYS", "EXPERIMENTS", "USER_EXPERIMENTS", "MEASURE_TYPES", "QUARANTINE")
    return lambda: [administrator.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


def test_a_key_of_an_experiment_answers_for_others_the_same_whether_they_are_there_or_not(
    by_key: Callable[..., TestResponse], storage: Storage, laboratory: Laboratory
) -> None:
    with storage.unit() as unit:
        key = add_key(unit, KEY_ID, SAM, experiment_id=laboratory.vibrations.experiment_id)

    others, absent = (
        by_key(key, f"/measures/{number}") for number in (laboratory.black_holes.experiment_id, 4_000_000_000)
    )

    assert others.status_code == absent.status_code == 403
    assert others.json["detail"] == absent.json["detail"] == "your API key, or your role, does not allow this"
