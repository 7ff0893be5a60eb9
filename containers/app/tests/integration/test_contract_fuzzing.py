"""The description against the API: generated requests, right and wrong, by everybody; every check of Schemathesis."""

import base64
import json
import os
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import ignored_auth

from my_monit.model import STAFF_ID, User
from my_monit.rest.application import create_app
from my_monit.storage.connector import Session
from my_monit.storage.storage import Storage
from tests.integration.database import empty_tables
from tests.integration.laboratory import ADA, SAM, SUE, UMA, Laboratory, furnish
from tests.integration.rest_api import Api

#: Generated requests for each operation, by all callers together; `./run-checks.sh contract` asks for more.
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "100"))
#: An admin, two scientists of different experiments, an auditor, and nobody.
CALLERS = (ADA, SAM, SUE, UMA, None)
STAFF = ("A001", "S001", "S002", "U001", "S009")

#: Answers to what the description allows: besides success, a right that is missing, a conflict, a condition of If-Match.
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "412", "429"]
CONFIGURATION = {
    "generation": {"with-security-parameters": False},  # the token is the caller's
    "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
    "operations": [
        {
            # What a limit or a range may be depends on the format, the period and the data: no schema can say it.
            "include-path-regex": "^/measures/",
            "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "406", "422"]}},
        },
        {
            # Who could see what when stays answerable when somebody was erased.
            "include-path-regex": "^/users/[^/]+/(associations|experiments)",
            "checks": {"use_after_free": {"enabled": False}},
        },
    ],
}


def cursor(place: str) -> str:
    """Of no list yet: it is made before anybody knows which one is asked for."""
    return "." + place


def printable(text: str) -> bool:
    return text.isprintable() and text == text.strip()


# What the formats of the description mean.
schemathesis.openapi.format("printable", st.text(min_size=1, max_size=40).filter(printable))
schemathesis.openapi.format("cursor", st.integers(0, 2**64 - 1).map(str).map(cursor))
schemathesis.openapi.format("user-cursor", st.from_regex(r"[A-Z0-9]{0,30}", fullmatch=True).map(json.dumps).map(cursor))
schemathesis.openapi.format(
    "date-time", st.datetimes(datetime(2100, 1, 1), datetime(2262, 1, 1), timezones=st.just(UTC)).map(
        lambda moment: moment.isoformat().replace("+00:00", "Z")
    )
)

schema = schemathesis.openapi.from_wsgi(
    "/openapi.json", create_app(), config=schemathesis.Config.from_dict(CONFIGURATION)
)




@schema.hook
def filter_query(_context: Any, parameters: dict[str, Any] | None) -> bool:
    """An empty list of values is not sent at all, so it is neither right nor wrong."""
    return all(value not in ([], {}) for value in (parameters or {}).values())


@schema.hook
def map_case(_context: Any, case: Any) -> Any:
    """A good cursor becomes one of the list that is asked for; a wrong one stays as it is."""
    given = (case.query or {}).get("cursor")
    if isinstance(given, str) and given.startswith("."):
        text = f'["{case.formatted_path}",{given[1:]}]'
        case.query["cursor"] = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return case


@schema.hook
def map_path_parameters(_context: Any, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Every other one is of something that there is; a wrong one stays as it is."""
    if parameters is None:
        return None
    experiment, user = parameters.get("experiment_id"), parameters.get("user_id")
    if isinstance(experiment, int) and 0 < experiment < 10**10 and experiment % 2:
        parameters = {**parameters, "experiment_id": 1 + experiment // 2 % 2}
    if isinstance(user, str) and len(user) % 2 and STAFF_ID.fullmatch(user):
        parameters = {**parameters, "user_id": STAFF[len(user) // 2 % len(STAFF)]}
    return parameters


pytestmark = pytest.mark.usefixtures("without_waiting_for_the_disk")


def furnish_empty(storage: Storage, administrator: Session) -> Laboratory:
    """Its experiments are 1 and 2, as in the examples of the description."""
    administrator.execute("ALTER TABLE EXPERIMENTS AUTO_INCREMENT = 1")
    with storage.unit() as unit:
        return furnish(unit)


@pytest.fixture(name="laboratory")
def laboratory_of_the_examples(storage: Storage, administrator: Session) -> Laboratory:
    return furnish_empty(storage, administrator)


def authorization(api: Api, caller: User | None) -> dict[str, str]:
    return {} if caller is None else {"Authorization": f"Bearer {api.token(caller)}"}


WHOEVER = pytest.mark.parametrize("caller", CALLERS, ids=lambda who: who.user_id if who else "nobody")


@WHOEVER
@schema.parametrize()
@settings(max_examples=EXAMPLES // len(CALLERS), deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_the_api_is_as_it_is_described(api: Api, caller: User | None, case: Any) -> None:
    case.call_and_validate(headers=authorization(api, caller))


@WHOEVER
def test_one_call_after_another_finds_the_api_as_it_is_described(
    api: Api, caller: User | None, storage: Storage, administrator: Session
) -> None:
    class Visit(schema.as_state_machine()):  # type: ignore[misc]
        """What one call answers is what the next one asks for."""

        def setup(self) -> None:
            """Each begins with the same: otherwise nobody could find again what a call led to."""
            empty_tables(administrator)
            furnish_empty(storage, administrator)

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": authorization(api, caller)}

        def validate_response(self, response: Any, case: Any, additional_checks: Any = None, **options: Any) -> None:
            """Without the check that sends no or another token: it takes the one given here for a generated one."""
            case.validate_response(
                response, additional_checks=additional_checks, excluded_checks=[ignored_auth],
                transport_kwargs=options or None, recorder=self.recorder,
            )

    Visit.run(settings=settings(
        max_examples=max(1, EXAMPLES // 20), stateful_step_count=10, deadline=None,
        suppress_health_check=list(HealthCheck), database=None,
    ))
