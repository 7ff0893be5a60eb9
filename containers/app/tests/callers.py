"""What holds for callers whoever vouches for them: A1, A4, A7 and A10 of the list of faults, over REST.

Asked of every identity provider on a real database, and of Firebase's emulator on storage in the process.
"""

import time
from collections.abc import Callable

from my_monit.storage.ports import StoragePort
from tests.conftest import Eventually
from tests.integration.laboratory import ADA, INA, SAM, SUE
from tests.integration.people import add_users, make_user
from tests.integration.rest_api import Api

ME = "/users/me"
#: Headers that do not show one token in its place; `{token}` is a good one.
HEADERS: dict[str, list[tuple[str, str]]] = {
    "none": [],
    "two": [("Authorization", "Bearer {token}")] * 2,
    "of a proxy": [("Proxy-Authorization", "Bearer {token}")],
    "of a name like it": [("X-Authorization", "Bearer {token}")],
    "a cookie": [("Cookie", "access_token={token}; Authorization=Bearer {token}")],
    **{
        value: [("Authorization", value)] for value in (
            "", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic dXNlcjpwYXNz", "bearer {token}x", "{token}",
            "Token {token}", "Basic {token}", "Bearer  {token}", "Bearer {token} ", "Bearer {token} {token}",
            "Bearer {token},Bearer {token}", "Bearer {token}, Bearer {token}", "Bearer {token}=", "Bearer é",
            'Bearer "{token}"', "Bearer {token}, Basic dXNlcjpwYXNz", "Bearer " + "x" * 10_000,
        )
    },
}
#: Parameters that others read a token from.
QUERIES = ("access_token", "token", "id_token", "authorization", "Authorization", "Bearer")
#: Names that a case-blind or accent-blind comparison takes for one.
RESEMBLING = ("canary-AbC", "canary-abc", "canary-ABC", "canary-ábc", "canary-a\u0301bc", "canary-àbc", "canary-abç")


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def next_second() -> Callable[[], bool]:
    """Whether it has begun: tokens tell whole seconds."""
    begun = int(time.time()) + 1
    return lambda: time.time() >= begun


class CallersContract:
    """`api` shows tokens of the provider; `storage` has the laboratory."""

    def test_without_one_good_token_in_its_place_the_caller_is_nobody_a1(self, api: Api) -> None:
        token = api.token(SAM)
        asked = {
            **{kind: (ME, [(name, text.format(token=token)) for name, text in HEADERS[kind]]) for kind in HEADERS},
            **{f"{name} in the address": (f"{ME}?{name}={token}", []) for name in QUERIES},
        }

        statuses = {kind: api.get(None, path, headers=headers).status_code for kind, (path, headers) in asked.items()}

        assert {kind: status for kind, status in statuses.items() if status != 401} == {}
        assert api.get(SAM, ME).status_code == 200

    def test_usernames_that_resemble_each_other_are_different_people_a10(self, api: Api, storage: StoragePort) -> None:
        people = [make_user(f"X{number}", username=username) for number, username in enumerate(RESEMBLING)]
        add_users(storage, *people)

        assert [api.get(one, ME).json["user_id"] for one in people] == [one.user_id for one in people]

    def test_a_subject_that_only_resembles_a_username_is_nobody_a4_a10(self, api: Api, storage: StoragePort) -> None:
        add_users(storage, make_user("X0", username=RESEMBLING[0]))

        strangers = [make_user("X1", username=username) for username in (*RESEMBLING[1:], SAM.username.upper())]

        assert {api.get(one, ME).status_code for one in strangers} == {401}

    def test_a_token_stays_behind_when_the_username_is_given_to_another_a5(
        self, api: Api, eventually: Eventually
    ) -> None:
        tokens = {user: bearing(api.token(user)) for user in (SAM, SUE)}
        assert [api.get(None, ME, headers=token).status_code for token in tokens.values()] == [200, 200]
        eventually(next_second())

        assert api(ADA, "DELETE", "/users/S001").status_code == 204
        renamed = {"name": SUE.name, "username": "canary-other", "email": SUE.email}
        assert api.put(ADA, "/users/S002", json=renamed).status_code == 200
        heirs = {"X1": SAM, "X2": SUE}
        for user_id, user in heirs.items():
            record = {"user_id": user_id, "name": "N", "username": user.username, "email": "e@x", "role": "ADMIN"}
            assert api.post(ADA, "/users/", json=record).status_code == 201

        new = [bearing(api.vouch(user.username)) for user in heirs.values()]
        assert [api.get(None, ME, headers=token).json["user_id"] for token in new] == list(heirs)
        assert {api.get(None, ME, headers=token).status_code for token in tokens.values()} == {401}

    def test_who_is_inactive_and_who_is_not_known_are_told_the_same_a7(self, api: Api) -> None:
        inactive, unknown = api.get(INA, ME), api.get(make_user("X1", username="canary-stranger"), ME)

        assert inactive.status_code == unknown.status_code == 401
        assert inactive.json["detail"] == unknown.json["detail"]
