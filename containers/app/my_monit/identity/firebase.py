"""Tokens of Firebase Authentication. Import this module only where it is the provider: its libraries are large."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import firebase_admin
from firebase_admin import auth, credentials
from firebase_admin.exceptions import FirebaseError
from google.auth.exceptions import GoogleAuthError

from my_monit.errors import ConfigurationError, IdentityUnavailable
from my_monit.identity.provider import Subject, is_plain, may_live, refusal, subject_of, unverified
from my_monit.logs.logger import get_logger

#: Seconds that Google's clock and ours may differ.
LEEWAY_SECS = 30
#: Seconds for one request to Google: longer than a slow answer, shorter than a caller's patience.
TIMEOUT_SECS = 5
#: The emulator's project. Firebase keeps names that begin so for emulators: no real project has one.
EMULATED_PROJECT = "demo-mymonit"

_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
_EMULATOR = "FIREBASE_AUTH_EMULATOR_HOST"
#: In place of the signature, which the emulator leaves empty.
_UNSIGNED = "unsigned"

_log = get_logger("identity")


class FirebaseIdentity:
    def __init__(self, credentials_file: Path | None, *, emulator: str | None = None) -> None:
        """Raises ConfigurationError without a usable service account file. Does not use the network.

        With `emulator`, the host and port of Firebase's emulator, that one is asked, and no signature is verified.
        """
        # The library reads the variable by itself, whatever it is told.
        if os.environ.get(_EMULATOR, "") != (emulator or ""):
            raise ConfigurationError(
                f"{_EMULATOR} is set: tokens would be accepted without a signature; unset it (or, where nothing is at "
                "stake, set MYMONIT_MODE=development)"
            )
        self._emulated = emulator is not None
        try:
            self._app = _emulated_app() if self._emulated else _app(credentials_file)
            self._client = auth.Client(self._app)
        except OSError as error:
            raise ConfigurationError(f"{_VARIABLE}: {credentials_file} cannot be read ({error.strerror})") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"{_VARIABLE}: {credentials_file} is no service account file") from error

    def verify(self, token: str) -> Subject:
        """Asks Google about every token, so that one that was revoked is refused at once."""
        header, claims = unverified(token + _UNSIGNED if self._emulated else token)
        if not (is_plain(header, types=("jwt",)) and _is_usual(claims)):
            raise refusal()
        subject_of(claims)  # refused, if it must be, before anybody is asked about it
        try:
            verified = self._client.verify_id_token(token, check_revoked=True, clock_skew_seconds=LEEWAY_SECS)
        except (auth.InvalidIdTokenError, auth.UserDisabledError, auth.UserNotFoundError) as error:
            raise refusal() from error
        except (ValueError, TypeError, RecursionError) as error:  # what the library does with odd claims
            raise refusal() from error
        except (FirebaseError, GoogleAuthError) as error:
            raise IdentityUnavailable("Firebase cannot be asked about the token just now") from error
        return subject_of(verified)

    def forget(self, username: str) -> None:
        try:
            self._client.delete_user(username)
        except auth.UserNotFoundError:
            pass
        except (FirebaseError, GoogleAuthError) as error:
            raise IdentityUnavailable("Firebase cannot be asked to delete an account just now") from error

    def close(self) -> None:
        firebase_admin.delete_app(self._app)


def _app(credentials_file: Path | None) -> firebase_admin.App:
    if credentials_file is None:
        raise ConfigurationError(f"{_VARIABLE} is not set (Firebase's service account file)")
    certificate = credentials.Certificate(str(credentials_file))
    return firebase_admin.initialize_app(certificate, {"httpTimeout": TIMEOUT_SECS}, f"mymonit-{uuid4()}")


def _emulated_app() -> firebase_admin.App:
    _log.warning("identity_emulated")
    options = {"httpTimeout": TIMEOUT_SECS, "projectId": EMULATED_PROJECT}
    return firebase_admin.initialize_app(None, options, f"mymonit-{uuid4()}")


def _is_usual(claims: Mapping[str, Any]) -> bool:
    """What the library leaves unchecked, or leaves so where it is emulated. A project's tenants may give their users
    any uid, so theirs are not ours."""
    begins, firebase = claims.get("nbf", 0), claims.get("firebase")
    return (
        may_live(claims.get("iat"), claims.get("exp"))
        and isinstance(begins, int)
        and max(begins, claims["iat"]) - LEEWAY_SECS <= time.time() <= claims["exp"] + LEEWAY_SECS
        and isinstance(firebase, dict)
        and "tenant" not in firebase
    )
