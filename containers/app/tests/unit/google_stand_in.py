"""As much of Google as firebase-admin asks when it verifies a token: certificates, an access token, a user's record."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

PROJECT = "mymonit-test"
KEY_ID = "key-1"
UID = "ada-uid"
DAY = timedelta(days=1)
#: Seconds for which Google lets its certificates be kept; it says some hours.
MAX_AGE_SECS = 3600


class Google:
    def __init__(self, url: str) -> None:
        self.url = url
        self.rotate(KEY_ID)
        #: By e-mail address: whose it is, and the password.
        self.passwords: dict[str, tuple[str, str]] = {}
        self.users: dict[str, dict[str, Any]] = {UID: {"localId": UID, "validSince": "1"}}
        self.requests: list[str] = []
        self.api_keys: list[str | None] = []
        #: The status of an answer by the last part of its path, where it is not 200.
        self.statuses: dict[str, HTTPStatus] = {}
        self.may_answer = Event()
        self.may_answer.set()

    def rotate(self, key_id: str) -> None:
        """Sign with this key from now on, and publish it alone."""
        self.key_id, self.key = key_id, new_key(key_id)
        self.certificate = _certificate(self.key)

    def service_account(self) -> dict[str, str]:
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": self.key_id,
            "private_key": key,
            "client_email": f"stand-in@{PROJECT}.example",
            "token_uri": f"{self.url}/token",
        }

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, padding.PKCS1v15(), SHA256())

    def token(self, **claims: object) -> str:
        return compact(self.header(), {**self.claims(), **claims}, google=self)

    def header(self) -> dict[str, Any]:
        return {"alg": "RS256", "kid": self.key_id, "typ": "JWT"}

    @staticmethod
    def claims() -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": f"https://securetoken.google.com/{PROJECT}",
            "aud": PROJECT,
            "sub": UID,
            "user_id": UID,
            "auth_time": now - 10,
            "iat": now,
            "exp": now + 3600,
            "firebase": {"sign_in_provider": "password"},
        }

    def answer(self, path: str, body: bytes) -> dict[str, Any]:
        match path.rsplit("/", 1)[-1]:
            case "certs":
                return {self.key_id: self.certificate}
            case "token":
                return {"access_token": "access", "expires_in": 3600, "token_type": "Bearer"}
            case "accounts:lookup":
                return {"users": [self.users[uid] for uid in json.loads(body)["localId"] if uid in self.users]}
            case "accounts:delete":
                if self.statuses.get("accounts:delete") is HTTPStatus.FORBIDDEN:
                    return {"error": {"message": "INSUFFICIENT_PERMISSION"}}
                known = self.users.pop(json.loads(body)["localId"], None)
                return {"kind": "x"} if known else {"error": {"message": "USER_NOT_FOUND"}}
            case "accounts:signInWithPassword":
                return self._signed_in(**json.loads(body))
        raise AssertionError(f"firebase-admin asked for {path}")

    def _signed_in(self, email: str, password: str, **_: object) -> dict[str, Any]:
        uid, right = self.passwords.get(email, ("", None))
        if password != right:
            self.statuses["accounts:signInWithPassword"] = HTTPStatus.BAD_REQUEST
            return {"error": {"message": "INVALID_LOGIN_CREDENTIALS"}}
        return {"idToken": self.token(sub=uid, user_id=uid), "refreshToken": "refresh", "expiresIn": "3600"}


@cache
def new_key(_name: str) -> rsa.RSAPrivateKey:
    """One key for each name: making one takes longer than all the rest."""
    return rsa.generate_private_key(65537, 2048)


def _certificate(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - DAY).not_valid_after(now + DAY)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


class _Handler(BaseHTTPRequestHandler):
    google: Google

    def do_GET(self) -> None:  # pylint: disable=invalid-name  # http.server's name
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.google.requests.append(self.path)
        self.google.api_keys.append(self.headers.get("X-Goog-Api-Key"))
        self.google.may_answer.wait()
        answer = json.dumps(self.google.answer(self.path, body)).encode()
        self.send_response(self.google.statuses.get(self.path.rsplit("/", 1)[-1], HTTPStatus.OK))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        if self.path == "/certs":
            self.send_header("Cache-Control", f"public, max-age={MAX_AGE_SECS}, must-revalidate, no-transform")
        self.end_headers()
        with suppress(BrokenPipeError):  # who asked has given up, as a test wants it
            self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:  # pylint: disable=arguments-differ  # it would go to standard error
        pass


@contextmanager
def google_stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        google = Google(f"http://127.0.0.1:{server.server_port}")
        setattr(handler, "google", google)
        # The library has no setting for these two.
        monkeypatch.setattr("firebase_admin._token_gen.ID_TOKEN_CERT_URI", f"{google.url}/certs")
        monkeypatch.setattr("firebase_admin._user_mgt.UserManager.ID_TOOLKIT_URL", f"{google.url}/v1")
        # It also asks Google, in a thread of its own, where the service account may be used; without an address not.
        regions = "google.auth._regional_access_boundary_utils.get_service_account_rab_endpoint"
        monkeypatch.setattr(regions, lambda account: "")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield google
        finally:
            google.may_answer.set()
            server.shutdown()
            thread.join()


def compact(header: object, claims: object, signature: bytes | None = None, *, google: Google | None = None) -> str:
    """A token of these parts, signed by Google unless a signature is given; bytes go in as they are."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    if google:
        signature = google.sign(signed)
    return (signed + b"." + base64.urlsafe_b64encode(signature or b"").rstrip(b"=")).decode()
