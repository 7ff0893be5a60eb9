"""Tokens of Firebase Authentication. Import this module only where it is the provider: its libraries are large."""

import os
from pathlib import Path
from uuid import uuid4

import firebase_admin
from firebase_admin import auth, credentials
from firebase_admin.exceptions import FirebaseError
from google.auth.exceptions import GoogleAuthError

from my_monit.errors import ConfigurationError, IdentityUnavailable
from my_monit.identity.provider import Subject, refusal, subject_of, unverified_header

#: Seconds that Google's clock and ours may differ.
LEEWAY_SECS = 30
#: Seconds for one request to Google: longer than a slow answer, shorter than a caller's patience.
TIMEOUT_SECS = 5

_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
_EMULATOR = "FIREBASE_AUTH_EMULATOR_HOST"


class FirebaseIdentity:
    def __init__(self, credentials_file: Path | None) -> None:
        """Raises ConfigurationError without a usable service account file. Does not use the network."""
        if os.environ.get(_EMULATOR):
            raise ConfigurationError(f"{_EMULATOR} is set: tokens would be accepted without a signature; unset it")
        if credentials_file is None:
            raise ConfigurationError(f"{_VARIABLE} is not set (Firebase's service account file)")
        try:
            certificate = credentials.Certificate(str(credentials_file))
            self._app = firebase_admin.initialize_app(certificate, {"httpTimeout": TIMEOUT_SECS}, f"mymonit-{uuid4()}")
            self._client = auth.Client(self._app)
        except OSError as error:
            raise ConfigurationError(f"{_VARIABLE}: {credentials_file} cannot be read ({error.strerror})") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"{_VARIABLE}: {credentials_file} is no service account file") from error

    def verify(self, token: str) -> Subject:
        """Asks Google about every token, so that one that was revoked is refused at once."""
        unverified_header(token)
        try:
            claims = self._client.verify_id_token(token, check_revoked=True, clock_skew_seconds=LEEWAY_SECS)
        except (auth.InvalidIdTokenError, auth.UserDisabledError, auth.UserNotFoundError) as error:
            raise refusal() from error
        except (ValueError, TypeError, RecursionError) as error:  # what the library does with odd claims
            raise refusal() from error
        except (FirebaseError, GoogleAuthError) as error:
            raise IdentityUnavailable("Firebase cannot be asked about the token just now") from error
        return subject_of(claims)

    def forget(self, username: str) -> None:
        try:
            self._client.delete_user(username)
        except auth.UserNotFoundError:
            pass
        except (FirebaseError, GoogleAuthError) as error:
            raise IdentityUnavailable("Firebase cannot be asked to delete an account just now") from error

    def close(self) -> None:
        firebase_admin.delete_app(self._app)
