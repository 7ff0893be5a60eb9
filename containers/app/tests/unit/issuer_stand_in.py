"""An OpenID Connect issuer: discovery and keys over HTTP, tokens signed by those keys, and signing in with a code."""

import base64
import hashlib
import json
import secrets
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

AUDIENCE = "mymonit"
UID = "ada-uid"
CLIENT = "mymonit-page"


class Issuer:
    def __init__(self, url: str) -> None:
        self.url = url
        self.ed = ed25519.Ed25519PrivateKey.generate()
        self.keys: dict[str, tuple[str, Any]] = {
            "ed": ("EdDSA", self.ed),
            "rsa": ("RS256", rsa.generate_private_key(65537, 2048)),
            "ec": ("ES256", ec.generate_private_key(ec.SECP256R1())),
        }
        self.discovery: dict[str, object] = {
            "issuer": url, "jwks_uri": f"{url}/keys", "authorization_endpoint": f"{url}/authorize",
            "token_endpoint": f"{url}/token",
        }
        #: Who is signed in there.
        self.subject = UID
        #: What was asked for, by the code that was given for it.
        self.visits: dict[str, dict[str, str]] = {}
        self.exchanges: list[tuple[dict[str, str], str | None]] = []
        #: Changes to what the token endpoint answers; a value of `...` leaves the field out.
        self.answer_changes: dict[str, object] = {}
        #: The token endpoint's status and body, where it is out of order.
        self.exchange_fault: tuple[int, bytes] | None = None
        #: Published beside the true keys.
        self.more_keys: list[object] = []
        self.requests: list[str] = []
        self.answers = True
        self.may_answer = threading.Event()
        self.may_answer.set()

    def claims(self) -> dict[str, Any]:
        now = int(time.time())
        return {"iss": self.url, "aud": AUDIENCE, "sub": UID, "iat": now, "exp": now + 3600}

    def token(self, key_id: str = "ed", /, *, typ: str | None = "JWT", **claims: object) -> str:
        algorithm, key = self.keys[key_id]
        header = {"kid": key_id, "typ": typ}
        return jwt.encode({**self.claims(), **claims}, key, algorithm, header)

    def key_set(self) -> dict[str, object]:
        return {"keys": [*(public_jwk(kid, *key) for kid, key in self.keys.items()), *self.more_keys]}

    def authorize(self, query: str) -> str:
        """Where the browser goes back to: whoever is signed in here agrees to everything."""
        asked = dict(parse_qsl(query))
        code = secrets.token_urlsafe()
        self.visits[code] = {**asked, "sub": self.subject}
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.url})}"

    def exchange(self, form: dict[str, str], authorization: str | None) -> tuple[int, bytes]:
        self.exchanges.append((form, authorization))
        if self.exchange_fault:
            return self.exchange_fault
        asked = self.visits.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or [asked["code_challenge"], asked["redirect_uri"]] != [
            challenge.rstrip(b"=").decode(), form.get("redirect_uri")
        ]:
            return 400, b'{"error": "invalid_grant", "error_description": "a text that nobody may see"}'
        own = {"sub": asked["sub"]}
        answer = {
            "access_token": self.token(**own), "token_type": "Bearer", "expires_in": 3600,
            "id_token": self.token(**own, aud=CLIENT, nonce=asked["nonce"]), **self.answer_changes,
        }
        return 200, json.dumps({name: value for name, value in answer.items() if value is not ...}).encode()

    def answer(self, path: str) -> bytes | None:
        self.requests.append(path)
        self.may_answer.wait()
        found = {"/.well-known/openid-configuration": self.discovery, "/keys": self.key_set()}.get(path)
        return json.dumps(found).encode() if found and self.answers else None


def public_jwk(key_id: str, algorithm: str, key: Any) -> dict[str, object]:
    public = key.public_key()
    own: dict[str, object] = jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True)
    return {**own, "kid": key_id, "use": "sig", "alg": algorithm}


@contextmanager
def issuer_stand_in(*, tls: ssl.SSLContext | None = None) -> Iterator[Issuer]:
    issuer: Issuer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # pylint: disable=invalid-name  # http.server's name
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                self._send(302, b"", location=issuer.authorize(parts.query))
            else:
                body = issuer.answer(self.path)
                self._send(503 if body is None else 200, body or b"")

        def do_POST(self) -> None:  # pylint: disable=invalid-name  # http.server's name
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._send(*issuer.exchange(dict(parse_qsl(form)), self.headers.get("Authorization")))

        def _send(self, status: int, body: bytes, *, location: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if location:
                self.send_header("Location", location)
            with suppress(ConnectionError):  # who asked has given up, as a test wants it
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        issuer = Issuer(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield issuer
        finally:
            issuer.may_answer.set()
            server.shutdown()


def octet_jwk(key_id: str, secret: bytes) -> dict[str, object]:
    return {"kty": "oct", "kid": key_id, "k": base64.urlsafe_b64encode(secret).decode(), "alg": "HS256", "use": "sig"}
