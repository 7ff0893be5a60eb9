"""What holds for every resource: who may do what, and what is answered to whatever is not right."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from dependency_injector import providers
from werkzeug.test import TestResponse

from my_monit.identity.local import LocalIdentity
from my_monit.model import Quarantined, Reason
from my_monit.storage.connector import Session
from my_monit.storage.storage import Storage
from my_monit.wiring import Container
from tests.integration.laboratory import ADA, CANARY, INA, SAM, Laboratory
from tests.integration.log_lines import LogLines
from tests.integration.rest_api import Api, minted_by, next_of, pointers
from tests.rights import KEYS, Cells, matrix

Audited = Callable[[], tuple[str, str, str, str]]

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/users/"): {
        "user_id": "S100", "name": "Canary", "username": "canary-1", "email": "canary-1@example.org", "role": "ADMIN"
    },
    ("PUT", "/users/S001"): {"name": "Canary", "username": SAM.username, "email": "canary-2@example.org"},
    ("PUT", "/users/A001"): {"name": "Canary", "username": ADA.username, "email": "canary-3@example.org"},
    ("POST", "/experiments/"): {"name": "dark-matter"},
    ("PUT", "/experiments/{own}"): {"name": "tremors"},
    ("POST", "/measure-types/"): {"name": "mole per kilogram", "symbol": "mol/kg", "quantity": "molality"},
}

#: What takes a JSON object.
WRITES = [*BODIES, ("POST", "/scientists-experiments/{other}/S001"), ("DELETE", "/scientists-experiments/{own}/S001")]
LISTS = ["/users/", "/experiments/", "/measure-types/", "/quarantine/"]
MEASURES = ["/measures/{own}", "/measures/{own}/changes"]


@pytest.fixture(name="path")
def filled_path(laboratory: Laboratory) -> Callable[[str], str]:
    own, other = laboratory.vibrations.experiment_id, laboratory.black_holes.experiment_id
    return lambda template: template.format(own=own, other=other)


@pytest.fixture(name="everything")
def everything_stored(administrator: Session) -> Callable[[], list[object]]:
    tables = ("USERS", "EXPERIMENTS", "EXPERIMENT_NAMES", "USER_EXPERIMENTS", "MEASURE_TYPES", "MEASURES", "SERIES")
    return lambda: [administrator.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


class TestTokens:
    """What holds for those of every provider is in test_callers.py."""

    @pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
    def test_the_scheme_is_the_same_in_any_case(self, api: Api, scheme: str) -> None:
        headers = {"Authorization": f"{scheme} {api.token(SAM)}"}

        assert api.get(None, "/users/me", headers=headers).status_code == 200

    @pytest.mark.parametrize("changes", [{"iss": "other"}, {"aud": "other"}, {"sub": "S001"}, {"exp": 1}], ids=str)
    def test_a_token_that_was_changed_is_refused(self, api: Api, changes: dict[str, object]) -> None:
        header, claims, signature = api.token(SAM).split(".")
        fields = {**json.loads(base64.urlsafe_b64decode(claims + "==")), **changes}
        forged = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")

        answer = api.get(None, "/users/me", headers={"Authorization": f"Bearer {header}.{forged}.{signature}"})

        assert answer.status_code == 401

    def test_a_token_of_another_key_is_refused(self, api: Api, tmp_path: Path) -> None:
        stranger = LocalIdentity(tmp_path / "other.pem", issuer="mymonit", audience="mymonit")
        token = stranger.mint(SAM.username, lifetime=timedelta(hours=1))

        assert api.get(None, "/users/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401

    def test_a_user_who_is_not_active_is_nobody_and_that_is_audited(self, api: Api, audited: Audited) -> None:
        assert api.get(INA, "/users/me").status_code == 401
        assert audited() == ("S009", "session.open", "user:S009", "denied")


class TestIdsInPaths:
    ODD = (
        "{own}abc", "0{own}", "%2B{own}", "+{own}", "{own}.0", "-{own}", "{own}%20", "%20{own}", "{own};", "{own}'--",
        "{own},{own}", "{own}%00", "{own}e0", "0x{own}", "0", "-1", "2147483648", "4294967296", "9999999999",
        "99999999999999999999", "1" * 5000, "%D9%A1", "%EF%BC%91", "%E2%80%8B{own}", "device-vibrations", "%FF", "null",
    )

    @pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd[:20])
    @pytest.mark.parametrize("resource", ["experiments", "measures", "series"])
    def test_an_id_has_one_way_to_be_written(
        self, api: Api, path: Callable[[str], str], resource: str, odd: str
    ) -> None:
        assert api.get(SAM, f"/{resource}/{path(odd)}").status_code == 404

    def test_so_it_is_in_associations(self, api: Api, path: Callable[[str], str]) -> None:
        for odd in self.ODD:
            assert api.post(ADA, f"/scientists-experiments/{path(odd)}/S001").status_code == 404

    def test_a_digit_in_percents_is_a_digit(self, api: Api, laboratory: Laboratory) -> None:
        def percents(number: int) -> str:
            return "".join(f"%{ord(digit):02x}" for digit in str(number))

        assert api.get(SAM, f"/measures/{percents(laboratory.vibrations.experiment_id)}").status_code == 200
        assert api.get(SAM, f"/measures/{percents(laboratory.black_holes.experiment_id)}").status_code == 404


class TestRubbish:
    BODIES = {
        "empty": b"",
        "no json": b"{",
        "form": b"name=x",
        "null": b"null",
        "number": b"17",
        "string": b'"text"',
        "array": b"[]",
        "array of objects": b'[{"name": "x"}]',
        "not utf-8": b'{"name": "\xff\xfe"}',
        "utf-16": '{"name": "x"}'.encode("utf-16"),
        "byte order mark": b'\xef\xbb\xbf{"name": "x"}',
        "NaN": b'{"name": NaN}',
        "infinite": b'{"name": 1e999}',
        "a number of 5000 digits": b'{"name": ' + b"9" * 5000 + b"}",
        "half a character": b'{"name": "\\ud800"}',
        "half a character as a field": b'{"\\ud800": 1}',
        "control characters": b'{"name": "a\\u0000\\u001b[31m\\r\\nSet-Cookie: x"}',
        "raw control characters": b'{"name": "a\x00\x1b"}',
        "deep array": b"[" * 100_000 + b"]" * 100_000,
        "deep object": b'{"name":' * 50_000 + b"1" + b"}" * 50_000,
        "deep below the limit": b'{"name":' * 400 + b"1" + b"}" * 400,
        "ten thousand fields": json.dumps({f"field{number}": number for number in range(10_000)}).encode(),
        "text after the object": b'{"name": "x"} {"name": "x"}',
    }

    @pytest.mark.parametrize("kind", BODIES)
    def test_a_rubbish_body_is_refused_and_changes_nothing(
        self, api: Api, path: Callable[[str], str], kind: str, everything: Callable[[], list[object]]
    ) -> None:
        before = everything()
        for method, template in WRITES:
            if kind == "empty" and "scientists" in template:
                continue  # there an empty body is right
            answer = api(ADA, method, path(template), data=self.BODIES[kind], content_type="application/json")
            assert answer.status_code in (400, 422), (method, template)
        assert everything() == before

    def test_a_body_that_is_too_large_is_refused(self, api: Api, path: Callable[[str], str]) -> None:
        body = json.dumps({"name": "x" * 1024 * 1024}).encode()
        for method, template in WRITES:
            answer = api(ADA, method, path(template), data=body, content_type="application/json")
            assert answer.status_code == 413

    @pytest.mark.parametrize(
        "content_type",
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", ""],
    )
    def test_a_body_must_be_told_to_be_json(
        self, api: Api, path: Callable[[str], str], content_type: str, everything: Callable[[], list[object]]
    ) -> None:
        before = everything()
        for (method, template), body in BODIES.items():
            answer = api(ADA, method, path(template), data=json.dumps(body), content_type=content_type)
            assert answer.status_code == 415
        assert everything() == before

    def test_a_field_may_have_a_name_that_a_pointer_escapes(self, api: Api) -> None:
        answer = api.post(ADA, "/experiments/", json={"name": "x", "a/b~c": 1})

        assert pointers(answer) == ["/a~1b~0c"]

    def test_a_field_that_is_given_twice_is_named_and_neither_counts(
        self, api: Api, everything: Callable[[], list[object]]
    ) -> None:
        before = everything()
        twice = b'{"name": "polonium", "a/b": 1, "n\\u0061me": "radium", "a/b": [{"a": 1, "a": 2}], "x": {}}'

        answer = api.post(ADA, "/experiments/", data=twice, content_type="application/json")

        assert (answer.status_code, pointers(answer)) == (422, ["/name", "/a~1b"])
        assert everything() == before

    @pytest.mark.parametrize("field", ["query", "json", "_schema/x", "errors"])
    def test_a_field_may_have_a_name_that_means_something_to_us(self, api: Api, field: str) -> None:
        answer = api.post(ADA, "/experiments/", json={"name": "x", field: 1})

        assert pointers(answer) == ["/" + field.replace("/", "~1")]

    @pytest.mark.parametrize("place", LISTS)
    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            *[(f"limit={value}", "limit") for value in ("", "0", "-1", "1.0", "1001", "x", "1_0", "%2B1", "9" * 5000)],
            *[(name + "=1", name) for name in ("offset", "page", "Limit", "sort")],
            ("%FF=1", "%FF"),
            ("%00=1", "\0"),
        ],
        ids=lambda value: value[:12],
    )
    def test_a_parameter_that_breaks_a_rule_is_named(self, api: Api, place: str, query: str, pointer: str) -> None:
        answer = api.get(ADA, f"{place}?{query}")

        assert (answer.status_code, pointers(answer)) == (422, [pointer])


def cursor(path: str, place: object) -> str:
    """As they are made for a list; a `place` that is a text stands there as it is."""
    text = place if isinstance(place, str) else json.dumps(place, separators=(",", ":"))
    return encoded(f'["{path}",{text}]')


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode(errors="surrogatepass")).decode().rstrip("=")


class TestCursors:
    FORGED = [
        "x", "%00", "%FF", "é", "=", "====", "a" * 9, "!!!!", "e30=extra", "a" * 5000,
        *map(encoded, ("[]", "{}", "7", '"S001"', "[7]", "[1,2,3]", "[null,7]", '["/users/"]', "[" * 50_000)),
    ]
    PLACES = [
        "{", "nul", "[", "[" * 50_000, [], {}, None, True, 1.5, [1], [1, 2], ["1", "2", "3"], [1, 2, 3, 4],
        "1 OR 1=1", "[1, 2, 3", "NaN", "1e999", "9" * 5000, '"\\ud800"', '"\ud800"', "7,7", "7 ", " 7",
        -(10**400), 10**400, [10**30, 1, 1], [1, -(10**30), 1], [1, 1, 10**400],
    ]

    @pytest.mark.parametrize("forged", FORGED, ids=lambda text: text[:16])
    def test_a_forged_cursor_is_refused(self, api: Api, path: Callable[[str], str], forged: str) -> None:
        for who, place in [*((ADA, place) for place in LISTS), (SAM, path("/measures/{own}"))]:
            answer = api.get(who, f"{place}?cursor={forged}")
            assert answer.status_code == 422 and pointers(answer) == ["cursor"], place

    @pytest.mark.parametrize("place", PLACES, ids=lambda place: repr(place)[:16])
    def test_a_forged_place_in_the_right_list_is_refused(
        self, api: Api, path: Callable[[str], str], place: object
    ) -> None:
        for who, kind in [*((ADA, kind) for kind in LISTS), *((SAM, path(kind)) for kind in MEASURES)]:
            answer = api.get(who, f"{kind}?cursor={cursor(kind, place)}")
            assert answer.status_code == 422 and pointers(answer) == ["cursor"], kind

    @pytest.mark.parametrize(
        "place", [0, 2**31, 2**32, 2**63, -1, -(2**63), [0, 0, 0], [-1, -1, -1], [2**63 - 1] * 3, '"\'"']
    )
    def test_a_cursor_that_leads_astray_finds_nothing_else(
        self, api: Api, path: Callable[[str], str], place: object
    ) -> None:
        for who, kind in [*((ADA, kind) for kind in LISTS), (SAM, path("/measures/{own}"))]:
            answer = api.get(who, f"{kind}?cursor={cursor(kind, place)}")
            assert answer.status_code in (200, 422)
            assert len(answer.json if answer.status_code == 200 else []) <= 30

    def test_a_cursor_of_one_list_is_refused_in_every_other(
        self, api: Api, path: Callable[[str], str], storage: Storage, laboratory: Laboratory
    ) -> None:
        other = laboratory.black_holes.experiment_id
        with storage.unit() as unit:
            unit.associations.add(other, SAM.user_id, until=None)
            unit.quarantine.add([Quarantined(Reason.BAD_JSON, b"", "m", None, None, None, "{}", b"")] * 2)
        lists = [(ADA, one) for one in (*LISTS, "/scientists-experiments/", "/users/S001/associations")]
        lists += [(SAM, path(one)) for one in MEASURES]
        cursors = {kind: following(api.get(who, f"{kind}?limit=1")) for who, kind in lists}

        for who, kind in [*lists, *((SAM, path(one.replace("own", "other"))) for one in MEASURES)]:
            for origin, given in cursors.items():
                answer = api.get(who, f"{kind}?cursor={given}")
                assert answer.status_code == (200 if origin == kind else 422), (origin, kind)
                assert origin == kind or pointers(answer) == ["cursor"]


def following(answer: TestResponse) -> str:
    [found] = parse_qs(urlsplit(next_of(answer) or "").query)["cursor"]
    return found


class TestMethods:
    def test_a_method_that_there_is_not_is_told_with_those_that_there_are(
        self, api: Api, path: Callable[[str], str]
    ) -> None:
        answer = api(ADA, "DELETE", path("/experiments/{own}"))

        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "PUT"}

    @pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "PATCH", "\N{SNOWMAN}"])
    def test_odd_methods_are_refused(self, api: Api, method: str) -> None:
        assert api(ADA, method, "/users/").status_code == 405

    def test_a_head_is_a_get_without_its_body(self, api: Api) -> None:
        assert api(ADA, "HEAD", "/users/").status_code == 200
        assert api(ADA, "HEAD", "/users/S999").status_code == 404
        assert api(None, "HEAD", "/users/").status_code == 401

    def test_a_method_cannot_be_overridden(self, api: Api, everything: Callable[[], list[object]]) -> None:
        before = everything()
        api.get(ADA, "/users/S001", headers={"X-HTTP-Method-Override": "PUT"}, json=BODIES["PUT", "/users/S001"])
        assert everything() == before


@pytest.fixture(name="away", scope="class")
def api_without_a_database(rest_container: Container, closed_port: int) -> Iterator[Api]:
    """Tokens are good, but nobody answers at the database's port."""
    container = Container()
    nowhere = rest_container.storage_configuration().model_copy(update={"port": closed_port})
    container.storage_configuration.override(providers.Object(nowhere))
    container.identity.override(rest_container.identity)
    container.wire()
    yield Api(container.rest_application(), minted_by(container.identity()))
    container.unwire()
    rest_container.wire()


class TestWhenTheDatabaseIsAway:
    @pytest.mark.parametrize("cells", matrix(), ids=lambda cells: f"{cells.method} {cells.path}")
    def test_whoever_calls_is_asked_to_come_back(self, away: Api, log_lines: LogLines, cells: Cells) -> None:
        path = cells.path.format(own=1, other=2, item=1, absent=3, **KEYS)
        answer = away(ADA, cells.method, path, json=BODIES.get((cells.method, cells.path)))

        if cells.statuses["A001"] == 405:
            assert answer.status_code == 405
        elif path == "/health/live" or path.startswith(("/openapi.json", "/docs", "/static/", "/sign-in/")):
            assert answer.status_code == cells.statuses["A001"]
        else:
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert log_lines.of("request_failed")[0]["trace"]["id"] == answer.json["trace_id"]
        assert CANARY not in log_lines.text.lower()

    def test_a_bad_token_is_still_refused(self, away: Api) -> None:
        assert away.get(None, "/users/me", headers={"Authorization": "Bearer a.b.c"}).status_code == 401


def test_health_is_told_to_anyone(api: Api) -> None:
    for place in ("/health/live", "/health/ready"):
        assert api.get(None, place).json == {"status": "ok"}


def test_the_api_describes_itself_to_anyone(api: Api) -> None:
    description = api.get(None, "/openapi.json").json

    assert description["openapi"] == "3.1.0"
    assert {"/users/", "/users/{user_id}", "/experiments/{experiment_id}", "/measures/{experiment_id}"} <= set(
        description["paths"]
    )


def test_a_problem_its_log_line_and_its_audit_row_bear_one_trace_id(
    api: Api, log_lines: LogLines, storage: Storage
) -> None:
    answer = api.get(SAM, "/users/")

    line = log_lines.of("request")[-1]
    with storage.unit() as unit:
        row = unit.audit.newest(1)[0]
    assert answer.json["instance"] == "/users/"
    assert answer.json["trace_id"] == line["trace"]["id"] == row.trace_id
    assert line["mymonit"] == {
        "method": "GET", "route": "/users/", "status": 403, "seconds": line["mymonit"]["seconds"], "actor": "S001",
        "key_id": None,
    }


def test_two_requests_have_two_trace_ids(api: Api) -> None:
    assert len({api.get(None, "/users/").json["trace_id"] for _ in range(3)}) == 3


def test_what_nobody_expected_is_a_500_that_tells_nothing(
    rest_container: Container, laboratory: Laboratory, log_lines: LogLines
) -> None:
    class Broken:
        def page(self, *_: object, **__: object) -> None:
            raise RuntimeError(f"{CANARY}@example.org is in this text")

    token = minted_by(rest_container.identity())(ADA.username)
    with rest_container.quarantine_service.override(providers.Object(Broken())):
        client = rest_container.rest_application().test_client()
        answer = client.get("/quarantine/", headers={"Authorization": f"Bearer {token}"})

    (line,) = log_lines.of("request_crashed")
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert answer.json["trace_id"] == line["trace"]["id"]
    assert line["error"]["type"] == "RuntimeError"
    assert CANARY not in answer.text + log_lines.text
