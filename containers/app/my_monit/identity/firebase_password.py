"""Signing in to Firebase with e-mail address and password, through Google's REST interface: no script of Google's."""

from typing import Any

import requests
from pydantic import SecretStr

from my_monit.errors import IdentityUnavailable, Unauthenticated
from my_monit.logs.logger import get_logger

#: Seconds for one request to Google: it checks the password slowly on purpose.
TIMEOUT_SECS = 10

_SIGN_IN = "identitytoolkit.googleapis.com/v1/accounts:signInWithPassword"
#: What Google says when it is the caller who is wrong. Whatever else it says is a matter of the setting-up.
_CALLERS_FAULTS = frozenset({
    "EMAIL_NOT_FOUND", "INVALID_EMAIL", "INVALID_LOGIN_CREDENTIALS", "INVALID_PASSWORD", "MISSING_EMAIL",
    "MISSING_PASSWORD", "TOO_MANY_ATTEMPTS_TRY_LATER", "USER_DISABLED",
})
#: One text for all of these: which it was would tell who has an account.
_WRONG = "the e-mail address or the password is wrong; after many attempts wait some minutes"

_log = get_logger("identity")


class FirebasePassword:
    def __init__(self, api_key: SecretStr, *, emulator: str | None = None) -> None:
        self._address = f"http://{emulator}/{_SIGN_IN}" if emulator else f"https://{_SIGN_IN}"
        self._api_key = api_key

    def token(self, email: str, password: SecretStr) -> str:
        """An ID token. Raises Unauthenticated, or IdentityUnavailable when Google cannot be asked."""
        question = {"email": email, "password": password.get_secret_value(), "returnSecureToken": True}
        status, answer = self._ask(question)
        if status == requests.codes.bad_request and _complaint(answer) in _CALLERS_FAULTS:
            raise Unauthenticated(_WRONG)
        if status != requests.codes.ok:
            _log.warning("sign_in_unavailable", status=status)
            raise IdentityUnavailable("Firebase does not let anybody sign in just now")
        if not isinstance(answer.get("idToken"), str):
            raise Unauthenticated("this account needs a second factor, which this page cannot ask for")
        return str(answer["idToken"])

    def _ask(self, question: dict[str, object]) -> tuple[int, dict[str, Any]]:
        """Status and body. The key goes in a header, since addresses are written down in many places."""
        headers = {"X-Goog-Api-Key": self._api_key.get_secret_value()}
        try:
            with requests.post(
                self._address, json=question, headers=headers, timeout=TIMEOUT_SECS, allow_redirects=False
            ) as response:
                answer = response.json()
        except requests.RequestException as error:  # also what is no JSON
            raise IdentityUnavailable("Firebase cannot be reached just now") from error
        return response.status_code, answer if isinstance(answer, dict) else {}


def _complaint(answer: dict[str, Any]) -> str:
    """The code of an error, which a text may follow: `USER_DISABLED : ...`."""
    error = answer.get("error")
    message = error.get("message") if isinstance(error, dict) else None
    return message.split(" ")[0] if isinstance(message, str) else ""
