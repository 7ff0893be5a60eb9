from collections.abc import Callable
from typing import Any

import pytest

from my_monit.model import Role, User
from tests.integration.laboratory import ADA, INA, SAM, SUE, UMA, person
from tests.integration.rest_api import Api, pointers

PAT = person("S100", Role.SCIENTIST)

Audited = Callable[[], tuple[str, str, str, str]]


def record(user: User) -> dict[str, Any]:
    return {
        "user_id": user.user_id, "name": user.name, "username": user.username, "email": user.email,
        "role": user.role.value, "active": user.active,
    }


def given(user: User, **changes: object) -> dict[str, Any]:
    """What a request says to make this user; a change to `...` leaves the field out."""
    fields = {**record(user), **changes}
    return {name: value for name, value in fields.items() if name in changes or name != "active" if value is not ...}


def changed(user: User, **changes: object) -> dict[str, Any]:
    return {"name": user.name, "username": user.username, "email": user.email, **changes}


def test_an_admin_makes_a_user_and_reads_it_back(api: Api, audited: Audited) -> None:
    answer = api.post(ADA, "/users/", json=given(PAT))

    assert (answer.status_code, answer.json) == (201, record(PAT))
    assert answer.headers["Location"] == "/users/S100"
    assert audited() == ("A001", "user.create", "user:S100", "success")
    assert api.get(ADA, answer.headers["Location"]).json == record(PAT)
    assert audited() == ("A001", "user.read", "user:S100", "success")


def test_users_are_listed_by_id_and_in_full(api: Api, audited: Audited) -> None:
    answer = api.get(ADA, "/users/")

    assert answer.json == [record(user) for user in (ADA, SAM, SUE, INA, UMA)]
    assert "Link" not in answer.headers
    assert audited() == ("A001", "user.list", "user", "success")


@pytest.mark.parametrize("limit", [1, 2, 5, 1000])
def test_pages_of_users_have_no_gaps_and_no_repeats(api: Api, limit: int) -> None:
    pages = api.pages(ADA, f"/users/?limit={limit}")

    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert [user["user_id"] for page in pages for user in page] == ["A001", "S001", "S002", "S009", "U001"]


@pytest.mark.parametrize("who", [ADA, SAM, UMA], ids=lambda user: user.role)
def test_everybody_reads_their_own_record(api: Api, who: User) -> None:
    assert api.get(who, "/users/me").json == record(who)
    assert api.get(who, f"/users/{who.user_id}").json == record(who)


def test_nobody_but_an_admin_learns_who_exists(api: Api) -> None:
    of_another, of_nobody = api.get(SAM, "/users/S002"), api.get(SAM, "/users/S999")

    assert of_another.status_code == of_nobody.status_code == 403
    assert of_another.json["detail"] == of_nobody.json["detail"]


def test_a_user_that_is_missing_is_not_found(api: Api, audited: Audited) -> None:
    assert api.get(ADA, "/users/S999").status_code == 404
    assert audited() == ("A001", "user.read", "user:S999", "not_found")
    assert api.put(ADA, "/users/S999", json=changed(PAT)).status_code == 404
    assert audited() == ("A001", "user.change", "user:S999", "not_found")


@pytest.mark.parametrize("staff_id", ["s001", "S001%20", "%20S001", "S00%31%31", "S001%00", "é", "S" * 31, "S001;"])
def test_a_staff_id_is_compared_byte_for_byte(api: Api, staff_id: str) -> None:
    assert api.get(ADA, f"/users/{staff_id}").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("user_id", value) for value in ("", "a b", "S" * 31, "é", "S100\n", "S\0", "me", 7, None, ["S100"], ...)],
        *[("name", value) for value in ("", " Pat", "Pat\n", "P\0t", "P\x1bt", "x" * 129, 7, None, {}, ...)],
        *[("name", value) for value in ("a\u202eb", "a\u2028b")],
        *[("username", value) for value in ("", "uid ", "u\td", "x" * 129, True, ...)],
        *[("email", value) for value in ("", " p@example.org", "p@\0", "x" * 255, 1.5, ...)],
        *[("role", value) for value in ("admin", "ROOT", "", 1, None, ...)],
        *[("active", value) for value in (True, False)],
        ("shoe_size", 43),
    ],
)
def test_a_field_that_breaks_a_rule_is_named(api: Api, field: str, value: object) -> None:
    answer = api.post(ADA, "/users/", json=given(PAT, **{field: value}))

    assert answer.status_code == 422
    assert pointers(answer) == [f"/{field}"]
    assert api.get(ADA, "/users/S100").status_code == 404


def test_all_faults_are_told_at_once(api: Api) -> None:
    answer = api.post(ADA, "/users/", json=given(PAT, user_id="?", role="?", colour="red"))

    assert sorted(pointers(answer)) == ["/colour", "/role", "/user_id"]


@pytest.mark.parametrize("field", ["user_id", "username"])
def test_an_id_and_a_username_are_given_once(api: Api, field: str, audited: Audited) -> None:
    answer = api.post(ADA, "/users/", json=given(PAT, **{field: record(SAM)[field]}))

    assert answer.status_code == 409
    assert audited()[1::2] == ("user.create", "refused")


def test_usernames_that_differ_in_case_or_accent_are_two_people(api: Api) -> None:
    lower, upper, accent = (person(f"S10{number}", Role.SCIENTIST) for number in range(3))
    for user, username in ((lower, "uid-e"), (upper, "uid-E"), (accent, "uid-é")):
        assert api.post(ADA, "/users/", json=given(user, username=username)).status_code == 201

    stranger = person("S103", Role.SCIENTIST)
    assert api.get(stranger, "/users/me").status_code == 401
    for user, username in ((lower, "uid-e"), (upper, "uid-E"), (accent, "uid-é")):
        known_as = User(user.user_id, name="", username=username, email="", role=user.role)
        assert api.get(known_as, "/users/me").json["user_id"] == user.user_id


def test_an_admin_changes_everything_about_another(api: Api, audited: Audited) -> None:
    answer = api.put(ADA, "/users/S001", json=changed(PAT, role="AUDITOR", active=False))

    assert answer.json == {**record(PAT), "user_id": "S001", "role": "AUDITOR", "active": False}
    assert audited() == ("A001", "user.change", "user:S001", "success")
    assert api.get(SAM, "/users/me").status_code == 401


def test_role_and_activity_stay_when_a_change_does_not_name_them(api: Api) -> None:
    assert api.put(ADA, "/users/S009", json=changed(INA, name="Canary-Ina")).json == {
        **record(INA), "name": "Canary-Ina"
    }


@pytest.mark.parametrize("who", [ADA, SAM, UMA], ids=lambda user: user.role)
def test_everybody_changes_their_own_name_and_address(api: Api, who: User) -> None:
    answer = api.put(who, f"/users/{who.user_id}", json=changed(who, name="Canary-New", email="canary-new@example.org"))

    assert answer.json == {**record(who), "name": "Canary-New", "email": "canary-new@example.org"}


@pytest.mark.parametrize("change", [{"username": "canary-other"}, {"role": "ADMIN"}, {"active": False}], ids=str)
def test_nobody_gives_themselves_rights(api: Api, change: dict[str, object], audited: Audited) -> None:
    assert api.put(SAM, "/users/S001", json=changed(SAM, **change)).status_code == 403
    assert audited() == ("S001", "user.change", "user:S001", "denied")
    assert api.get(ADA, "/users/S001").json == record(SAM)


@pytest.mark.parametrize("change", [{"role": "SCIENTIST"}, {"active": False}], ids=str)
def test_the_last_active_admin_cannot_be_lost(api: Api, change: dict[str, object], audited: Audited) -> None:
    assert api.put(ADA, "/users/A001", json=changed(ADA, **change)).status_code == 409
    assert audited() == ("A001", "user.change", "user:A001", "refused")

    second = person("A002", Role.ADMIN)
    assert api.post(ADA, "/users/", json=given(second)).status_code == 201
    assert api.put(second, "/users/A001", json=changed(ADA, **change)).status_code == 200
    assert api.put(second, "/users/A002", json=changed(second, **change)).status_code == 409


def test_a_username_of_another_cannot_be_taken_by_a_change(api: Api) -> None:
    assert api.put(ADA, "/users/S001", json=changed(SAM, username=SUE.username)).status_code == 409


@pytest.mark.parametrize("field", ["user_id", "password", "user_role"])
def test_a_change_takes_no_other_field(api: Api, field: str) -> None:
    answer = api.put(SAM, "/users/S001", json=changed(SAM, **{field: "S001"}))

    assert (answer.status_code, pointers(answer)) == (422, [f"/{field}"])


@pytest.mark.parametrize("value", ["true", 1, 0, "", "yes"], ids=repr)
def test_activity_is_true_or_false(api: Api, value: object) -> None:
    answer = api.put(ADA, "/users/S001", json=changed(SAM, active=value))

    assert (answer.status_code, pointers(answer)) == (422, ["/active"])


def test_a_role_that_is_taken_away_is_gone_at_the_next_request(api: Api) -> None:
    assert api.get(SAM, "/experiments/").status_code == 200
    assert api.put(ADA, "/users/S001", json=changed(SAM, role="AUDITOR")).status_code == 200
    assert api.get(SAM, "/experiments/").status_code == 403
