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

from my_monit.model import User
from my_monit.rest.application import create_app
from tests.integration.laboratory import ADA, SAM, SUE, UMA
from tests.integration.rest_api import Api

#: Generated requests for each operation, by all callers together; `./run-checks.sh contract` asks for more.
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "100"))
#: An admin, two scientists of different experiments, an auditor, and nobody.
CALLERS = (ADA, SAM, SUE, UMA, None)

#: Answers to what the description allows: besides success, a right that is missing, a conflict, a condition of If-Match.
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "412", "429"]
CONFIGURATION = {
    "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
    "operations": [
        {
            # How many measures a page may have depends on the format, which a schema of one parameter cannot say.
            "include-path": "/measures/{experiment_id}",
            "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "406", "422"]}},
        }
    ],
}


def cursor(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def printable(text: str) -> bool:
    return text.isprintable() and text == text.strip()


# What the formats of the description mean.
schemathesis.openapi.format("printable", st.text(min_size=1, max_size=40).filter(printable))
schemathesis.openapi.format("cursor", st.integers(0, 2**64 - 1).map(str).map(cursor))
schemathesis.openapi.format("user-cursor", st.from_regex(r"[A-Z0-9]{0,30}", fullmatch=True).map(json.dumps).map(cursor))
schemathesis.openapi.format(
    "date-time", st.datetimes(datetime(2027, 1, 1), datetime(2262, 1, 1), timezones=st.just(UTC)).map(
        lambda moment: moment.isoformat().replace("+00:00", "Z")
    )
)

schema = schemathesis.openapi.from_wsgi(
    "/openapi.json", create_app(), config=schemathesis.Config.from_dict(CONFIGURATION)
)


@pytest.mark.parametrize("caller", CALLERS, ids=lambda who: who.user_id if who else "nobody")
@schema.parametrize()
@settings(max_examples=EXAMPLES // len(CALLERS), deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_the_api_is_as_it_is_described(api: Api, caller: User | None, case: Any) -> None:
    headers = {} if caller is None else {"Authorization": f"Bearer {api.token(caller)}"}
    case.call_and_validate(headers=headers)
