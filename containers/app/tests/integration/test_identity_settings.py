"""A7 of the list of faults: `mymonit rest` does not start with an identity provider that could be fooled.

Which keys are no good is told in tests/unit/test_identity_keys.py; here is what the process says and ends with.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.console import Mymonit, refused
from tests.unit.issuer_stand_in import Issuer, issuer_stand_in
from tests.unit.test_identity_keys import UNFIT

UNSET: dict[str, str | None] = dict.fromkeys((
    "OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_CLIENT_ID", "SIGN_IN_KEY", "FIREBASE_AUTH_EMULATOR_HOST", "MYMONIT_MODE",
    "GOOGLE_APPLICATION_CREDENTIALS",
))
#: Settings, with a good issuer in place of `{issuer}`, and what the line names.
WEAK: dict[str, tuple[dict[str, str], str]] = {
    "oidc-without-an-issuer": ({"IDENTITY": "oidc", "OIDC_AUDIENCE": "mymonit"}, "OIDC_ISSUER"),
    "oidc-for-any-audience": ({"IDENTITY": "oidc", "OIDC_ISSUER": "{issuer}"}, "OIDC_AUDIENCE"),
    "oidc-without-TLS": ({"IDENTITY": "oidc", "OIDC_ISSUER": "http://sso.example"}, "OIDC_ISSUER"),
    "oidc-issuer-of-another-name": (
        {"IDENTITY": "oidc", "OIDC_ISSUER": "{issuer}/", "OIDC_AUDIENCE": "mymonit"}, "OIDC_ISSUER"
    ),
    "oidc-page-without-a-key": (
        {"IDENTITY": "oidc", "OIDC_ISSUER": "{issuer}", "OIDC_AUDIENCE": "mymonit", "OIDC_CLIENT_ID": "page"},
        "SIGN_IN_KEY",
    ),
    "oidc-page-with-a-short-key": ({"IDENTITY": "oidc", "SIGN_IN_KEY": "secret-4eb0f3a5d8c1"}, "SIGN_IN_KEY"),
    "oidc-page-with-a-typed-key": ({"IDENTITY": "oidc", "SIGN_IN_KEY": "secret" * 7}, "SIGN_IN_KEY"),
    "firebase-emulated-in-production": (
        {"IDENTITY": "firebase", "FIREBASE_AUTH_EMULATOR_HOST": "localhost:9"}, "FIREBASE_AUTH_EMULATOR_HOST"
    ),
    "firebase-without-an-account": ({"IDENTITY": "firebase"}, "GOOGLE_APPLICATION_CREDENTIALS"),
    "firebase-with-a-foreign-account": (
        {"IDENTITY": "firebase", "GOOGLE_APPLICATION_CREDENTIALS": __file__}, "GOOGLE_APPLICATION_CREDENTIALS"
    ),
}


@pytest.fixture(name="said")
def what_the_start_says(mymonit: Mymonit, closed_port: int) -> Callable[..., str]:
    """The port is taken, so that a start that ought to fail does so in any case, and says something else."""
    return lambda **settings: refused(mymonit("rest", **{**UNSET, **settings}, REST_PORT=str(closed_port)))


def test_with_good_settings_it_is_the_port_that_the_start_complains_of(said: Callable[..., str]) -> None:
    assert "REST_PORT" in said()


@pytest.fixture(name="issuer", scope="module")
def issuer_of_tokens() -> Iterator[Issuer]:
    with issuer_stand_in() as issuer:
        yield issuer


@pytest.mark.parametrize("kind", UNFIT)
def test_a_weak_or_foreign_key_of_local_tokens_stops_the_start_a7(
    said: Callable[..., str], tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "weak.pem"
    file.write_bytes(UNFIT[kind]())
    file.chmod(0o600)

    assert said(IDENTITY_KEY_FILE=str(file)).startswith(f"Error: {file}: ")


@pytest.mark.parametrize(("settings", "named"), WEAK.values(), ids=WEAK)
def test_settings_with_which_a_provider_could_be_fooled_stop_the_start_a7(
    said: Callable[..., str], issuer: Issuer, settings: dict[str, str], named: str
) -> None:
    line = said(**{name: value.format(issuer=issuer.url) for name, value in settings.items()})

    assert named in line and "secret" not in line
