"""An OpenID Connect issuer: discovery and keys over HTTP, and tokens signed by those keys."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

AUDIENCE = "mymonit"
UID = "ada-uid"


class Issuer:
    def __init__(self, url: str) -> None:
        self.url = url
        self.ed = ed25519.Ed25519PrivateKey.generate()
        self.keys: dict[str, tuple[str, Any]] = {
            "ed": ("EdDSA", self.ed),
            "rsa": ("RS256", rsa.generate_private_key(65537, 2048)),
            "ec": ("ES256", ec.generate_private_key(ec.SECP256R1())),
        }
        self.discovery: dict[str, object] = {"issuer": url, "jwks_uri": f"{url}/keys"}
        #: Published beside the true keys.
        self.more_keys: list[object] = []
        self.requests: list[str] = []
        self.answers = True

    def claims(self) -> dict[str, Any]:
        now = int(time.time())
        return {"iss": self.url, "aud": AUDIENCE, "sub": UID, "iat": now, "exp": now + 3600}

    def token(self, key_id: str = "ed", /, *, typ: str | None = "JWT", **claims: object) -> str:
        algorithm, key = self.keys[key_id]
        header = {"kid": key_id, "typ": typ}
        return jwt.encode({**self.claims(), **claims}, key, algorithm, header)

    def key_set(self) -> dict[str, object]:
        return {"keys": [*(public_jwk(kid, *key) for kid, key in self.keys.items()), *self.more_keys]}

    def answer(self, path: str) -> bytes | None:
        self.requests.append(path)
        found = {"/.well-known/openid-configuration": self.discovery, "/keys": self.key_set()}.get(path)
        return json.dumps(found).encode() if found and self.answers else None


def public_jwk(key_id: str, algorithm: str, key: Any) -> dict[str, object]:
    public = key.public_key()
    own: dict[str, object] = jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True)
    return {**own, "kid": key_id, "use": "sig", "alg": algorithm}


@contextmanager
def issuer_stand_in() -> Iterator[Issuer]:
    answer: Callable[[str], bytes | None]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # pylint: disable=invalid-name  # http.server's name
            body = answer(self.path)
            self.send_response(503 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
        answer = issuer.answer
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield issuer
        finally:
            server.shutdown()


def octet_jwk(key_id: str, secret: bytes) -> dict[str, object]:
    return {"kty": "oct", "kid": key_id, "k": base64.urlsafe_b64encode(secret).decode(), "alg": "HS256", "use": "sig"}
