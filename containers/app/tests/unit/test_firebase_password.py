from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from pydantic import SecretStr

from my_monit.errors import IdentityUnavailable, Unauthenticated
from my_monit.identity import firebase_password
from my_monit.identity.firebase_password import FirebasePassword
from tests.unit.google_stand_in import UID, Google, google_stand_in

EMAIL, PASSWORD = "ada@example.org", SecretStr("correct horse é")
SIGN_IN = "accounts:signInWithPassword"


@pytest.fixture(name="google")
def google_on_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    with google_stand_in(monkeypatch) as google:
        google.passwords[EMAIL] = UID, PASSWORD.get_secret_value()
        yield google


@pytest.fixture(name="by_password")
def sign_in_by_password(google: Google) -> FirebasePassword:
    return FirebasePassword(SecretStr("the-api-key"), emulator=google.url.removeprefix("http://"))


def test_the_right_password_gives_a_token(by_password: FirebasePassword) -> None:
    assert by_password.token(EMAIL, PASSWORD).count(".") == 2


def test_the_key_of_the_project_is_in_no_address(google: Google, by_password: FirebasePassword) -> None:
    by_password.token(EMAIL, PASSWORD)

    assert google.api_keys == ["the-api-key"]
    assert google.requests == [f"/identitytoolkit.googleapis.com/v1/{SIGN_IN}"]


def test_google_itself_is_asked_over_tls() -> None:
    by_password = FirebasePassword(SecretStr("key"))
    asked: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("requests.post", lambda address, **_: asked.append(address) or refuse())
        with pytest.raises(IdentityUnavailable):
            by_password.token(EMAIL, PASSWORD)

    assert asked == [f"https://identitytoolkit.googleapis.com/v1/{SIGN_IN}"]


def refuse() -> None:
    raise firebase_password.requests.ConnectionError


CALLERS_FAULTS = [
    "INVALID_LOGIN_CREDENTIALS", "EMAIL_NOT_FOUND", "INVALID_PASSWORD", "INVALID_EMAIL", "USER_DISABLED",
    "USER_DISABLED : The user account has been disabled.", "TOO_MANY_ATTEMPTS_TRY_LATER : Access was disabled.",
    "MISSING_PASSWORD",
]


def answering(google: Google, status: HTTPStatus, answer: object) -> None:
    google.statuses[SIGN_IN] = status
    google.answer = lambda path, body: answer  # type: ignore[assignment,method-assign,return-value]


@pytest.mark.parametrize("message", CALLERS_FAULTS)
def test_whatever_is_wrong_with_a_password_is_told_in_one_way_a7(
    message: str, google: Google, by_password: FirebasePassword
) -> None:
    answering(google, HTTPStatus.BAD_REQUEST, {"error": {"code": 400, "message": message}})

    with pytest.raises(Unauthenticated) as refused:
        by_password.token(EMAIL, PASSWORD)

    assert str(refused.value) == "the e-mail address or the password is wrong; after many attempts wait some minutes"


@pytest.mark.parametrize(("email", "password"), [
    (EMAIL, "wrong"), ("eve@example.org", PASSWORD.get_secret_value()), ("", ""), (EMAIL.upper(), "x" * 1000),
])
def test_a_wrong_password_gives_nothing(email: str, password: str, by_password: FirebasePassword) -> None:
    with pytest.raises(Unauthenticated):
        by_password.token(email, SecretStr(password))


def test_an_unknown_address_takes_as_many_questions_as_a_wrong_password_a7(
    google: Google, by_password: FirebasePassword
) -> None:
    """One: how long an answer takes is Google's, which no step of ours makes longer for those who exist."""
    for email in (EMAIL, "eve@example.org"):
        google.requests.clear()
        with pytest.raises(Unauthenticated):
            by_password.token(email, SecretStr("wrong"))

        assert google.requests == [f"/identitytoolkit.googleapis.com/v1/{SIGN_IN}"]


def test_a_second_factor_is_not_left_out(google: Google, by_password: FirebasePassword) -> None:
    answering(google, HTTPStatus.OK, {"mfaPendingCredential": "pending", "mfaInfo": []})

    with pytest.raises(Unauthenticated, match="second factor"):
        by_password.token(EMAIL, PASSWORD)


FAULTS: list[tuple[HTTPStatus, Any]] = [
    (HTTPStatus.BAD_REQUEST, {"error": {"message": "API key not valid. Please pass a valid API key."}}),
    (HTTPStatus.BAD_REQUEST, {"error": {"message": "OPERATION_NOT_ALLOWED"}}),
    (HTTPStatus.BAD_REQUEST, {"error": "INVALID_PASSWORD"}),
    (HTTPStatus.BAD_REQUEST, ["INVALID_PASSWORD"]),
    (HTTPStatus.FORBIDDEN, {"error": {"message": "INVALID_PASSWORD"}}),
    (HTTPStatus.TOO_MANY_REQUESTS, {}),
    (HTTPStatus.SERVICE_UNAVAILABLE, {}),
    (HTTPStatus.FOUND, {}),
]


@pytest.mark.parametrize(("status", "answer"), FAULTS, ids=str)
def test_a_fault_of_google_or_of_the_settings_is_not_the_callers(
    status: HTTPStatus, answer: Any, google: Google, by_password: FirebasePassword, caplog: pytest.LogCaptureFixture
) -> None:
    answering(google, status, answer)

    with caplog.at_level("WARNING", "mymonit"), pytest.raises(IdentityUnavailable):
        by_password.token(EMAIL, PASSWORD)

    assert [record.details.fields for record in caplog.records] == [{"status": status.value}]


def test_a_google_that_does_not_answer_is_waited_for_only_so_long(
    google: Google, by_password: FirebasePassword, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firebase_password, "TIMEOUT_SECS", 0.2)
    google.may_answer.clear()

    with pytest.raises(IdentityUnavailable):
        by_password.token(EMAIL, PASSWORD)
