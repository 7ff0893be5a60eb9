"""Erasure, versions, the history of associations and why somebody sees something: over REST, on a real database."""

import threading
import time
from collections.abc import Callable

import jwt
import pytest

from my_monit.model import Role, User
from my_monit.storage.connector import Session
from my_monit.storage.storage import Storage
from my_monit.wiring import Container
from tests.integration.laboratory import ADA, CANARY, SAM, SUE, UMA, Laboratory, person
from tests.integration.rest_api import Api, minted_by, pointers

Audited = Callable[[], tuple[str, str, str, str]]


@pytest.fixture(name="vibrations")
def vibrations_id(laboratory: Laboratory) -> int:
    return laboratory.vibrations.experiment_id


@pytest.fixture(name="audit_rows")
def everything_audited(storage: Storage) -> Callable[[], list[tuple[str, ...]]]:
    """Oldest first."""

    def rows() -> list[tuple[str, ...]]:
        with storage.unit() as unit:
            return [tuple(row[:4]) for row in unit.audit.newest(1000)[::-1]]

    return rows


def record(user: User, **changes: object) -> dict[str, object]:
    return {"name": user.name, "username": user.username, "email": user.email, **changes}


class TestErasure:
    def test_nothing_personal_is_left_and_the_audit_keeps_the_staff_id(
        self, api: Api, administrator: Session, audit_rows: Callable[[], list[tuple[str, ...]]], vibrations: int
    ) -> None:
        before = len(audit_rows())

        answer = api(ADA, "DELETE", "/users/S001")

        assert (answer.status_code, answer.data) == (204, b"")
        assert audit_rows()[before:] == [
            ("A001", "association.end", f"experiment:{vibrations} user:S001", "success"),
            ("A001", "user.erase", "user:S001", "success"),
        ]
        left = repr([administrator.rows(f"SELECT * FROM {table}") for table in ("USERS", "USER_EXPERIMENTS", "AUDIT")])
        assert "S001" in left
        assert not [text for text in (SAM.name, SAM.username, SAM.email) if text in left]

    def test_an_erased_user_s_token_is_refused_at_once(self, api: Api, vibrations: int) -> None:
        assert api.get(SAM, f"/measures/{vibrations}").status_code == 200
        api(ADA, "DELETE", "/users/S001")
        assert api.get(SAM, f"/measures/{vibrations}").status_code == 401

    def test_an_erased_user_is_in_no_list_and_nowhere_to_be_found(self, api: Api) -> None:
        api(ADA, "DELETE", "/users/S001")

        assert "S001" not in [user["user_id"] for user in api.get(ADA, "/users/").json]
        assert api.get(ADA, "/users/S001").status_code == 404
        assert api.put(ADA, "/users/S001", json=record(SAM)).status_code == 404
        assert api(ADA, "DELETE", "/users/S001").status_code == 404
        assert api.get(ADA, "/scientists-experiments/").json.get("S001") is None

    def test_a_staff_id_is_never_given_again_and_a_username_may_be(self, api: Api) -> None:
        api(ADA, "DELETE", "/users/S001")
        again = {"user_id": "S001", **record(SAM), "role": "SCIENTIST"}

        assert api.post(ADA, "/users/", json=again).status_code == 409
        assert api.post(ADA, "/users/", json={**again, "user_id": "S007"}).status_code == 201

    @pytest.mark.parametrize("who", [SAM, UMA], ids=lambda user: user.role)
    def test_people_erase_themselves(self, api: Api, who: User, audited: Audited) -> None:
        assert api(who, "DELETE", f"/users/{who.user_id}").status_code == 204
        assert audited() == (who.user_id, "user.erase", f"user:{who.user_id}", "success")

    @pytest.mark.parametrize(("age", "status"), [(290, 204), (310, 403)])
    def test_a_token_of_more_than_five_minutes_is_too_old_for_that(
        self, api: Api, rest_container: Container, administrator: Session, age: int, status: int, audited: Audited
    ) -> None:
        administrator.execute("UPDATE USERS SET username_since = username_since - INTERVAL 1 HOUR")

        answer = api(None, "DELETE", "/users/S001", headers={"Authorization": f"Bearer {aged(rest_container, age)}"})

        assert answer.status_code == status
        assert audited()[1::2] == ("user.erase", "success" if status == 204 else "denied")

    def test_the_last_active_admin_cannot_be_erased(self, api: Api) -> None:
        assert api(ADA, "DELETE", "/users/A001").status_code == 409
        assert api.post(ADA, "/users/", json={
            "user_id": "A002", "name": "Canary", "username": "canary-a2", "email": "canary@example.org", "role": "ADMIN"
        }).status_code == 201
        assert api(ADA, "DELETE", "/users/A001").status_code == 204

    def test_two_admins_who_erase_each_other_at_once_leave_one(
        self, rest_container: Container, storage: Storage, laboratory: Laboratory
    ) -> None:
        with storage.unit() as unit:
            unit.users.add(person("A002", Role.ADMIN))
        apis = [Api(rest_container.rest_application(), minted_by(rest_container.identity())) for _ in range(2)]
        pairs = [(ADA, "A002"), (person("A002", Role.ADMIN), "A001")]
        statuses: list[int] = []
        start = threading.Barrier(2)

        def erase(api: Api, who: User, whom: str) -> None:
            start.wait()
            statuses.append(api(who, "DELETE", f"/users/{whom}").status_code)

        threads = [threading.Thread(target=erase, args=(one, *pair)) for one, pair in zip(apis, pairs, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        with storage.unit() as unit:
            assert len(unit.users.lock_active(Role.ADMIN)) == 1
        assert sorted(statuses)[0] == 204 and sorted(statuses)[1] in (401, 409)


def aged(container: Container, seconds: int) -> str:
    """A token of SAM's that was made some time ago, by the deployment's own key."""
    identity = container.identity()
    now = int(time.time())
    claims = {
        "iss": "mymonit", "aud": "mymonit", "sub": SAM.username, "iat": now - seconds, "exp": now + 600, "jti": "x"
    }
    return jwt.encode(claims, identity._key, "EdDSA", identity._header)


class TestRoles:
    def test_who_stops_being_a_scientist_loses_the_associations_for_good(self, api: Api, vibrations: int) -> None:
        assert api.put(ADA, "/users/S001", json=record(SAM, role="AUDITOR")).status_code == 200
        assert str(vibrations) not in api.get(ADA, "/scientists-experiments/").json

        assert api.put(ADA, "/users/S001", json=record(SAM, role="SCIENTIST")).status_code == 200
        assert api.get(SAM, f"/measures/{vibrations}").status_code == 404

    def test_who_is_set_inactive_comes_back_to_the_same_experiments(self, api: Api, vibrations: int) -> None:
        api.put(ADA, "/users/S001", json=record(SAM, active=False))
        assert api.get(SAM, f"/measures/{vibrations}").status_code == 401
        api.put(ADA, "/users/S001", json=record(SAM, active=True))
        assert api.get(SAM, f"/measures/{vibrations}").status_code == 200


class TestVersions:
    def test_a_record_has_a_version_that_changes_with_it(self, api: Api) -> None:
        first = api.get(ADA, "/users/S001")
        assert first.headers["ETag"] == api.get(SAM, "/users/me").headers["ETag"]
        changed = api.put(ADA, "/users/S001", json=record(SAM, name="Canary-New"))
        assert changed.headers["ETag"] != first.headers["ETag"]
        assert api.get(ADA, "/users/S001").headers["ETag"] == changed.headers["ETag"]

    def test_a_change_to_what_was_seen_is_made_once(self, api: Api, audited: Audited) -> None:
        seen = {"If-Match": api.get(ADA, "/users/S001").headers["ETag"]}

        assert api.put(ADA, "/users/S001", json=record(SAM, name="Canary-1"), headers=seen).status_code == 200
        assert api.put(ADA, "/users/S001", json=record(SAM, name="Canary-2"), headers=seen).status_code == 412
        assert audited() == ("A001", "user.change", "user:S001", "refused")
        assert api(ADA, "DELETE", "/users/S001", headers=seen).status_code == 412
        assert api.get(ADA, "/users/S001").json["name"] == "Canary-1"

    @pytest.mark.parametrize(
        ("condition", "status"),
        [
            ("*", 200), ("{etag}", 200), ('"other", {etag}', 200), ('{etag},W/"other"', 200), ("W/{etag}", 412),
            ('"other"', 412), ('W/"other", "another"', 412), ("", 412), ("rubbish", 412), ('"', 412),
        ],
    )
    def test_a_condition_is_a_star_or_a_list_and_weak_versions_are_none(
        self, api: Api, vibrations: int, condition: str, status: int
    ) -> None:
        for path, body in ((f"/experiments/{vibrations}", {"name": "tremors"}), ("/users/S001", record(SAM))):
            etag = api.get(ADA, path).headers["ETag"]
            answer = api.put(ADA, path, json=body, headers={"If-Match": condition.format(etag=etag)})
            assert answer.status_code == status

    def test_a_change_to_what_must_not_be_there_yet_is_refused(self, api: Api, vibrations: int) -> None:
        only_new = {"If-None-Match": "*"}

        assert api.put(ADA, "/users/S001", json=record(SAM), headers=only_new).status_code == 412
        assert api.put(ADA, f"/experiments/{vibrations}", json={"name": "x"}, headers=only_new).status_code == 412
        assert api.put(ADA, "/users/S999", json=record(SAM), headers=only_new).status_code == 404

    def test_an_association_has_a_version_too(self, api: Api, laboratory: Laboratory) -> None:
        path = f"/scientists-experiments/{laboratory.black_holes.experiment_id}/S001"
        seen = {"If-Match": api.post(ADA, path).headers["ETag"]}

        changed = api(ADA, "DELETE", path, json={"until": "2040-01-01T00:00:00Z"}, headers=seen)
        assert (changed.status_code, changed.data) == (204, b"")
        assert api(ADA, "DELETE", path, headers=seen).status_code == 412
        ended = api(ADA, "DELETE", path, headers={"If-Match": changed.headers["ETag"]})
        assert ended.status_code == 204 and "ETag" not in ended.headers

    def test_who_may_not_or_finds_nothing_learns_nothing_of_versions(self, api: Api, vibrations: int) -> None:
        wrong = {"If-Match": '"other"'}

        assert api.put(SAM, "/users/S002", json=record(SUE), headers=wrong).status_code == 403
        assert api.put(ADA, "/users/S999", json=record(SUE), headers=wrong).status_code == 404
        assert api(ADA, "DELETE", f"/scientists-experiments/{vibrations}/S002", headers=wrong).status_code == 404

    def test_a_record_that_the_client_has_is_not_sent_again(self, api: Api, vibrations: int) -> None:
        for path in (f"/experiments/{vibrations}", "/users/me"):
            etag = api.get(SAM, path).headers["ETag"]
            for condition in (etag, f'"other", W/{etag}', "*"):
                answer = api.get(SAM, path, headers={"If-None-Match": condition})
                assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", etag)
            assert api.get(SAM, path, headers={"If-None-Match": '"other"'}).status_code == 200

    def test_of_two_changes_at_once_to_one_version_one_is_made(
        self, rest_container: Container, api: Api, vibrations: int
    ) -> None:
        etag = api.get(ADA, f"/experiments/{vibrations}").headers["ETag"]
        statuses: list[int] = []
        start = threading.Barrier(4)

        def rename(number: int) -> None:
            one = Api(rest_container.rest_application(), minted_by(rest_container.identity()))
            start.wait()
            answer = one.put(
                ADA, f"/experiments/{vibrations}", json={"name": f"name-{number}"}, headers={"If-Match": etag}
            )
            statuses.append(answer.status_code)

        threads = [threading.Thread(target=rename, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(statuses) == [200, 412, 412, 412]


class TestAssociations:
    def test_pages_of_associations_go_by_experiment_without_gaps(self, api: Api, vibrations: int) -> None:
        numbers = [api.post(ADA, "/experiments/", json={"name": f"x-{one}"}).json["experiment_id"] for one in range(5)]
        for number in numbers:
            for user in ("S001", "S002"):
                assert api.post(ADA, f"/scientists-experiments/{number}/{user}").status_code == 201

        pages = api.pages(ADA, "/scientists-experiments/?limit=3")

        assert [len(page) for page in pages] == [3, 3, 1]
        assert [int(number) for page in pages for number in page] == [vibrations, vibrations + 1, *numbers]
        assert all(page[str(number)] == {"users": ["S001", "S002"]} for page in pages for number in numbers
                   if str(number) in page)

    def test_the_history_of_a_user_s_associations_is_read_page_by_page(
        self, api: Api, vibrations: int, audited: Audited
    ) -> None:
        path = f"/scientists-experiments/{vibrations}/S001"
        for _ in range(2):
            assert api(ADA, "DELETE", path).status_code == 204
            assert api.post(ADA, path).status_code == 201

        pages = api.pages(ADA, "/users/S001/associations?limit=2")

        assert audited() == ("A001", "association.list", "user:S001", "success")
        history = sum(pages, [])
        assert [len(page) for page in pages] == [2, 1]
        assert [one["until"] is None for one in history] == [False, False, True]
        assert all(one["since"] < (one["until"] or "3") for one in history)

    def test_the_history_outlives_the_user(self, api: Api, vibrations: int) -> None:
        api(ADA, "DELETE", "/users/S001")

        (association,) = api.get(ADA, "/users/S001/associations").json

        assert (association["experiment_id"], association["until"] is None) == (vibrations, False)
        assert api.get(ADA, "/users/S999/associations").status_code == 404


class TestAccess:
    def holds(self, api: Api, user_id: str, experiment_id: int) -> dict[str, bool]:
        answer = api.get(ADA, f"/users/{user_id}/experiments/{experiment_id}/access").json
        assert answer["allowed"] == all(finding["holds"] for finding in answer["findings"])
        return {finding["check"]: finding["holds"] for finding in answer["findings"]}

    def test_it_says_of_each_check_whether_it_holds(self, api: Api, laboratory: Laboratory, audited: Audited) -> None:
        vibrations, holes = laboratory.vibrations.experiment_id, laboratory.black_holes.experiment_id
        yes = {"user": True, "active": True, "role": True, "association": True}

        assert self.holds(api, "S001", vibrations) == yes
        assert audited() == ("A001", "access.read", f"experiment:{vibrations} user:S001", "success")
        assert self.holds(api, "S001", holes) == {**yes, "association": False}
        assert self.holds(api, "S009", holes) == {**yes, "active": False, "association": False}
        assert self.holds(api, "U001", holes) == {**yes, "role": False, "association": False}
        api(ADA, "DELETE", "/users/S002")
        assert self.holds(api, "S002", holes) == {"user": False, "association": False}

    def test_what_it_says_is_what_happens(self, api: Api, laboratory: Laboratory) -> None:
        for who in (ADA, SAM, SUE, UMA):
            for experiment in (laboratory.vibrations, laboratory.black_holes):
                status = api.get(who, f"/measures/{experiment.experiment_id}").status_code
                told = api.get(ADA, f"/users/{who.user_id}/experiments/{experiment.experiment_id}/access").json
                assert told["allowed"] == (status == 200)
                assert CANARY not in repr(told).lower()

    def test_what_never_was_is_not_found(self, api: Api, vibrations: int) -> None:
        for path in (f"/users/S999/experiments/{vibrations}/access", "/users/S001/experiments/4000000000/access"):
            assert api.get(ADA, path).status_code == 404


class TestQueries:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/users/me"), ("GET", "/users/S001"), ("POST", "/users/"), ("PUT", "/users/S001"),
            ("DELETE", "/users/S001"), ("GET", "/experiments/{id}"), ("POST", "/experiments/"),
            ("POST", "/scientists-experiments/{id}/S002"), ("DELETE", "/scientists-experiments/{id}/S001"),
            ("GET", "/users/S001/experiments/{id}/access"), ("POST", "/measure-types/"), ("GET", "/health/live"),
            ("GET", "/health/ready"), ("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/docs/start.js"),
        ],
    )
    def test_a_parameter_that_nobody_reads_is_named(self, api: Api, vibrations: int, method: str, path: str) -> None:
        answer = api(ADA, method, path.format(id=vibrations) + "?limit=1&Dry-Run=1&limit=2", json={})

        assert (answer.status_code, pointers(answer)) == (422, ["limit", "Dry-Run"])

    @pytest.mark.parametrize("path", ["/users/", "/experiments/", "/scientists-experiments/", "/users/S001/associations"])
    def test_a_parameter_that_counts_once_is_given_once(self, api: Api, path: str) -> None:
        answer = api.get(ADA, f"{path}?limit=1&limit=1")

        assert (answer.status_code, pointers(answer)) == (422, ["limit"])

    def test_who_may_not_learns_nothing_of_parameters(self, api: Api) -> None:
        assert api.get(SAM, "/users/?page=2").status_code == 403
        assert api.get(SAM, "/users/S002?page=2").status_code == 403
        assert api.get(None, "/users/me?page=2").status_code == 401
