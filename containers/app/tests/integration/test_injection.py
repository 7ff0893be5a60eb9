"""A11 of the list of faults: SQL in whatever people send is data, or refused, and never becomes SQL.

What the database is asked is taken from its own general log: with an attack it is asked the same, word for word outside
of texts and numbers, as with a text that breaks the same rules and means no harm.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from my_monit.model import Role, User
from my_monit.rest.application import create_app
from my_monit.rest.paging import encode_cursor
from my_monit.settings import StorageConfiguration
from my_monit.storage.connector import READ_SECS, Session
from tests.integration.laboratory import ADA, SAM
from tests.integration.rest_api import Api

#: The sleep is longer than anybody waits for the database: who slept would not get the answer that is due.
INJECTIONS = (
    "' OR '1'='1", "1; DROP TABLE USERS", "1 UNION SELECT 1", "') OR 1=1 -- ", "\\' OR 1=1#", "%' OR '1'='1",
    "${jndi:ldap://x}", "{{7*7}}", "%s%s%n", "1/**/OR/**/1", "0x31 OR 1", f"SLEEP({2 * READ_SECS})", '" OR ""="', "\\",
)
#: Those that could leave a text of SQL, or a number.
BREAKING_OUT = [text.strip() for text in INJECTIONS if set(text) & set("'\"\\") or "UNION" in text]
HARMLESS = "no harm"
TABLES = (
    "USERS", "EXPERIMENTS", "EXPERIMENT_NAMES", "USER_EXPERIMENTS", "MEASURE_TYPES", "MEASURES", "SERIES", "QUARANTINE",
)

pytestmark = pytest.mark.usefixtures("without_waiting_for_the_disk")

DESCRIPTION: dict[str, Any] = create_app().extensions["openapi"]
#: Requests that are good but for the one field that is replaced.
BODIES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/users/", {"user_id": "S001", "name": "n", "username": "u", "email": "e", "role": "SCIENTIST"}),
    ("PUT", "/users/S002", {"name": "n", "username": "canary-u", "email": "e", "role": "SCIENTIST", "active": True}),
    ("POST", "/experiments/", {"name": "black-holes"}),
    ("PUT", "/experiments/1000000", {"name": "black-holes"}),
    ("POST", "/users/S001/keys", {"label": "n", "experiment_id": None, "days": 1}),
    ("POST", "/measure-types/", {"name": "hertz", "symbol": "x", "quantity": "x"}),
    ("POST", "/scientists-experiments/1000000/S001", {"until": "2030-01-01T00:00:00Z"}),
)

Asked = Callable[[], list[str]]


@pytest.fixture(name="everything")
def everything_stored(administrator: Session) -> Callable[[], list[object]]:
    return lambda: [administrator.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES]


@pytest.fixture(name="asked")
def what_the_database_is_asked(administrator: Session, storage_configuration: StorageConfiguration) -> Iterator[Asked]:
    """The application's statements since the last time, without their texts and numbers, from the general log."""
    [before] = administrator.rows("SELECT @@GLOBAL.log_output, @@GLOBAL.general_log")
    administrator.execute("SET GLOBAL log_output = 'TABLE'")
    administrator.execute("SET GLOBAL general_log = 1")

    def since() -> list[str]:
        statements = administrator.rows(
            "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log "
            "WHERE command_type = 'Query' AND user_host LIKE %s", (f"{storage_configuration.user}[%",),
        )
        administrator.execute("TRUNCATE mysql.general_log")
        return [skeleton(sql) for [sql] in statements]

    administrator.execute("TRUNCATE mysql.general_log")
    yield since
    administrator.execute("TRUNCATE mysql.general_log")
    administrator.execute("SET GLOBAL general_log = %s", (before[1],))
    administrator.execute("SET GLOBAL log_output = %s", (before[0],))


def skeleton(sql: str) -> str:
    """A statement as the server takes it apart, without the texts and numbers in it."""
    return re.sub(r"'(?:[^'\\]|\\.|'')*'|\b[0-9]+\b", "?", sql, flags=re.DOTALL)


def send_everywhere(api: Api, text: str) -> Iterator[int]:
    """In every parameter of the description, every field of a body, headers and a token; the answers' statuses."""
    for path, operations in DESCRIPTION["paths"].items():
        who = SAM if re.match("/(measures|series)/", path) else ADA
        for name in re.findall(r"\{(\w+)\}", path):
            yield api.get(who, filled(path, **{name: quote(text, safe="")})).status_code
        for parameter in operations.get("get", {}).get("parameters", []):
            if parameter["in"] == "query":
                yield api.get(who, filled(path), query_string={parameter["name"]: text}).status_code
        yield api.get(who, filled(path), query_string={"cursor": encode_cursor(filled(path), text)}).status_code
    for method, path, body in BODIES:
        for name in body:
            yield api(ADA, method, path, json={**body, name: text}).status_code
    for name in ("If-Match", "If-None-Match", "Accept", "X-Request-ID"):
        yield api.get(ADA, "/users/S002", headers={name: text}).status_code
    stranger = User("S007", name="n", username=text, email="e", role=Role.SCIENTIST)
    yield api.get(stranger, "/users/me").status_code


def filled(path: str, **given: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda mark: given.get(mark[1], "1"), path)


@pytest.mark.parametrize(("statement", "text"), [("'%s'", "' OR '1'='1"), ("%s", "1 UNION SELECT 1"), ("'%s'", "\\")])
def test_a_text_that_became_sql_would_be_seen(statement: str, text: str) -> None:
    assert skeleton(statement % text) != skeleton(statement % "1")


def test_the_database_is_asked_with_sql_in_a_text_what_it_is_asked_without_a11(api: Api, asked: Asked) -> None:
    api.get(ADA, "/users/me")
    asked()
    harmless = list(send_everywhere(api, HARMLESS)), asked()
    assert len(harmless[1]) > len(harmless[0])

    for text in BREAKING_OUT:
        assert (list(send_everywhere(api, text)), asked()) == harmless, text


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_any_parameter_is_data_or_refused_a11(
    api: Api, text: str, everything: Callable[[], list[object]]
) -> None:
    before = everything()
    for path in ("/users/", "/experiments/", "/scientists-experiments/", "/measure-types/", "/users/S001/associations"):
        for name in ("limit", "cursor", "sort", "filter", "order"):
            assert api.get(ADA, path, query_string={name: text}).status_code == 422
    for path in ("/users/{}", "/experiments/{}", "/users/{}/associations", "/users/S001/experiments/{}/access"):
        assert api.get(ADA, path.format(quote(text, safe=""))).status_code == 404
    assert api.post(ADA, "/experiments/", json={"name": text}).status_code == 422
    assert everything() == before

    stored = {"name": text.strip(), "username": f"canary-{text.strip()}", "email": text.strip()}
    answer = api.put(ADA, "/users/S002", json=stored)
    assert answer.status_code == 200 and answer.json["name"] == text.strip()
    assert api.get(ADA, "/users/S002").json == answer.json
