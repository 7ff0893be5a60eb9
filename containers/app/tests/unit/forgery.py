"""Tokens of all kinds that no identity provider may accept, and who makes them."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from my_monit.identity.local import LEEWAY_SECS

ISSUER, AUDIENCE = "https://mymonit.example", "mymonit"
DAY_SECS = 24 * 3600


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header: object, claims: object, sign: Callable[[bytes], bytes]) -> str:
    """A token of these parts, signed; bytes go in as they are."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    signed = ".".join(b64(part) for part in parts)
    return f"{signed}.{b64(sign(signed.encode()))}"


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda signed: hmac.new(secret, signed, hashlib.sha256).digest()


class Forger:
    """Knows everything that is public, and signs with the true key where the fault lies elsewhere."""

    def __init__(self, key: ed25519.Ed25519PrivateKey, good: str) -> None:
        self.key = key
        self.good = good
        self.other = ed25519.Ed25519PrivateKey.generate()
        self.signed, self.signature = good.rsplit(".", 1)
        self.header, self.claims = (self._read(part) for part in self.signed.split("."))

    @staticmethod
    def _read(part: str) -> dict[str, Any]:
        return dict(json.loads(base64.urlsafe_b64decode(part + "==")))

    def with_claims(self, **changes: object) -> str:
        """Signed with the true key; a change to `...` leaves the claim out."""
        claims = {name: value for name, value in {**self.claims, **changes}.items() if value is not ...}
        return compact(self.header, claims, self.key.sign)

    def with_header(self, sign: Callable[[bytes], bytes] | None = None, /, **changes: object) -> str:
        header = {name: value for name, value in {**self.header, **changes}.items() if value is not ...}
        return compact(header, self.claims, sign or self.key.sign)

    def public_pem(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def other_jwk(self) -> dict[str, str]:
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(self.other.public_key().public_bytes_raw())}

    def rs256(self) -> Callable[[bytes], bytes]:
        key = rsa.generate_private_key(65537, 2048)
        return lambda signed: key.sign(signed, padding.PKCS1v15(), SHA256())

    def es256(self) -> Callable[[bytes], bytes]:
        key = ec.generate_private_key(ec.SECP256R1())


FORM: dict[str, Callable[[Forger], str]] = {
    "empty": lambda f: "",
    "blank": lambda f: " ",
    "only dots": lambda f: "..",
    "rubbish": lambda f: "not a token",
    "one part": lambda f: f.signed.split(".", maxsplit=1)[0],
    "two parts": lambda f: f.signed,
    "no signature": lambda f: f.signed + ".",
    "four parts": lambda f: f.good + ".AAAA",
    "five parts, encrypted": lambda f: f.good + ".AAAA.AAAA",
    "with its scheme": lambda f: "Bearer " + f.good,
    "two tokens merged by a proxy": lambda f: f"{f.good},Bearer {f.good}",
    "blank before": lambda f: " " + f.good,
    "line end after": lambda f: f.good + "\n",
    "null character after": lambda f: f.good + "\0",
    "padded": lambda f: f.good + "==",
    "signature of another alphabet": lambda f: f"{f.signed}.+{f.signature[1:]}",
    "letters beyond ASCII": lambda f: f.good + "é",
    "half a character": lambda f: f.good + "\ud800",
    "digits beyond ASCII": lambda f: f.good[:-1] + "٣",
    "longer than a header line": lambda f: f.with_claims(note="A" * 8192),
    "header no JSON": lambda f: compact(b"{", f.claims, f.key.sign),
    "header no object": lambda f: compact([f.header], f.claims, f.key.sign),
    "header null": lambda f: compact(None, f.claims, f.key.sign),
    "header nested deeply": lambda f: compact(b"[" * 5000, f.claims, f.key.sign),
    "header not UTF-8": lambda f: compact(b'{"alg":"\xff"}', f.claims, f.key.sign),
    "claims no JSON": lambda f: compact(f.header, b"{", f.key.sign),
    "claims no object": lambda f: compact(f.header, ["ada-uid"], f.key.sign),
    "claims nested deeply": lambda f: compact(f.header, b"[" * 4000, f.key.sign),
    "claims not UTF-8": lambda f: compact(f.header, b'{"sub":"\xff"}', f.key.sign),
    "claims with a huge number": lambda f: compact(f.header, b'{"exp":1' + b"0" * 4500 + b"}", f.key.sign),
}
SIGNATURE: dict[str, Callable[[Forger], str]] = {
    "signature cut": lambda f: f.good[:-2],
    "signature of zeros": lambda f: f"{f.signed}.{'A' * 86}",
    "signature of other bits at its end": lambda f: f.good[:-1] + chr(ord(f.good[-1]) + 1),
    "claims changed after signing": lambda f: f"{f.with_claims(sub='eve').rsplit('.', 1)[0]}.{f.signature}",
    "signed with another key": lambda f: compact(f.header, f.claims, f.other.sign),
    "alg none, unsigned": lambda f: f.with_header(lambda _: b"", alg="none"),
    "alg none, signed": lambda f: f.with_header(alg="none"),
    "alg NoNe": lambda f: f.with_header(alg="NoNe"),
    "alg missing": lambda f: f.with_header(alg=...),
    "alg null": lambda f: f.with_header(alg=None),
    "alg a list": lambda f: f.with_header(alg=["EdDSA"]),
    "alg in lower case": lambda f: f.with_header(alg="eddsa"),
    "alg by its newer name": lambda f: f.with_header(alg="Ed25519"),
    "HS256 with the public key": lambda f: f.with_header(hs256(f.public_pem()), alg="HS256"),
    "HS256 with the raw public key": lambda f: f.with_header(hs256(f.key.public_key().public_bytes_raw()), alg="HS256"),
    "HS256 with the key id": lambda f: f.with_header(hs256(f.header["kid"].encode()), alg="HS256"),
    "HS256 with nothing": lambda f: f.with_header(hs256(b""), alg="HS256"),
    "RS256": lambda f: f.with_header(f.rs256(), alg="RS256"),
    "ES256": lambda f: f.with_header(f.es256(), alg="ES256"),
    "kid missing": lambda f: f.with_header(kid=...),
    "kid null": lambda f: f.with_header(kid=None),
    "kid a number": lambda f: f.with_header(kid=1),
    "kid unknown": lambda f: f.with_header(f.other.sign, kid="another"),
    "kid a path": lambda f: f.with_header(hs256(b""), alg="HS256", kid="../../../../dev/null"),
    "kid SQL": lambda f: f.with_header(hs256(b"x"), alg="HS256", kid="' UNION SELECT 'x"),
    "kid a URL": lambda f: f.with_header(f.other.sign, kid="http://attacker.example/key"),
    "jwk of another key": lambda f: f.with_header(f.other.sign, jwk=f.other_jwk()),
    "jwk beside the true signature": lambda f: f.with_header(jwk=f.other_jwk()),
    "jku": lambda f: f.with_header(f.other.sign, jku="http://attacker.example/jwks.json"),
    "jku beside the true signature": lambda f: f.with_header(jku="http://attacker.example/jwks.json"),
    "x5u": lambda f: f.with_header(f.other.sign, x5u="http://attacker.example/cert.pem"),
    "x5c": lambda f: f.with_header(f.other.sign, x5c=["AAAA"]),
    "crit unknown": lambda f: f.with_header(crit=["policy"], policy="strict"),
    "crit empty": lambda f: f.with_header(crit=[]),
    "crit known": lambda f: f.with_header(crit=["b64"], b64=True),
    "payload unencoded": lambda f: f.with_header(crit=["b64"], b64=False),
    "compressed": lambda f: f.with_header(zip="DEF"),
    "nested": lambda f: f.with_header(cty="JWT"),
    "typ missing": lambda f: f.with_header(typ=...),
    "typ null": lambda f: f.with_header(typ=None),
    "typ JWT, as of ID tokens": lambda f: f.with_header(typ="JWT"),
    "typ of a refresh token": lambda f: f.with_header(typ="Refresh"),
    "typ of a logout token": lambda f: f.with_header(typ="logout+jwt"),
    "typ of another case": lambda f: f.with_header(typ="AT+JWT"),
}
CLAIMS: dict[str, dict[str, object]] = {
    "iss missing": {"iss": ...},
    "iss null": {"iss": None},
    "iss wrong": {"iss": "https://attacker.example"},
    "iss of Firebase": {"iss": "https://securetoken.google.com/mymonit"},
    "iss a prefix of ours": {"iss": ISSUER[:-1]},
    "iss with ours as prefix": {"iss": ISSUER + ".attacker.example"},
    "iss with a slash": {"iss": ISSUER + "/"},
    "iss of another case": {"iss": ISSUER.upper()},
    "iss a list with ours": {"iss": [ISSUER]},
    "iss an object": {"iss": {ISSUER: 1}},
    "aud missing": {"aud": ...},
    "aud null": {"aud": None},
    "aud empty": {"aud": ""},
    "aud wrong": {"aud": "other"},
    "aud a list with ours": {"aud": [AUDIENCE, "other"]},
    "aud a list of ours": {"aud": [AUDIENCE]},
    "aud an empty list": {"aud": []},
    "aud with ours as prefix": {"aud": AUDIENCE + "2"},
    "aud a prefix of ours": {"aud": AUDIENCE[:-1]},
    "aud of another case": {"aud": AUDIENCE.upper()},
    "sub missing": {"sub": ...},
    "sub null": {"sub": None},
    "sub empty": {"sub": ""},
    "sub blank": {"sub": " "},
    "sub with a blank at its end": {"sub": "ada-uid "},
    "sub with a line end": {"sub": "ada-uid\n"},
    "sub with a null character": {"sub": "ada\0uid"},
    "sub a number": {"sub": 7},
    "sub true": {"sub": True},
    "sub a list": {"sub": ["ada-uid"]},
    "sub an object": {"sub": {"$ne": ""}},
    "sub too long": {"sub": "a" * 129},
    "exp missing": {"exp": ...},
    "exp null": {"exp": None},
    "exp a text": {"exp": "9999999999"},
    "exp true": {"exp": True},
    "exp not a number": {"exp": float("nan")},
    "exp infinite": {"exp": float("inf")},
    "exp zero": {"exp": 0},
    "iat missing": {"iat": ...},
    "iat null": {"iat": None},
    "iat a text": {"iat": "1"},
    "iat true": {"iat": True},
    "iat infinite": {"iat": float("-inf")},
    "iat a fraction": {"iat": time.time()},
    "iat long ago": {"iat": -(10**9)},
    "nbf a text": {"nbf": "tomorrow"},
    "nbf null": {"nbf": None},
    "jti missing": {"jti": ...},
    "jti a number": {"jti": 7},
}
TIMES: dict[str, Callable[[int], dict[str, object]]] = {
    "expired": lambda now: {"iat": now - 3600, "exp": now - LEEWAY_SECS - 1},
    "expired a year ago": lambda now: {"iat": now - 366 * DAY_SECS, "exp": now - 365 * DAY_SECS},
    "issued in the future": lambda now: {"iat": now + LEEWAY_SECS + 60, "exp": now + 3600},
    "not valid yet": lambda now: {"nbf": now + LEEWAY_SECS + 60},
    "valid for ten years": lambda now: {"exp": now + 3650 * DAY_SECS},
    "valid for a second more than a day": lambda now: {"iat": now, "exp": now + DAY_SECS + 1},
    "expires before it was issued": lambda now: {"iat": now + 20, "exp": now + 10},
    "expires at a fraction": lambda now: {"exp": now + 60.5},
}


def with_changes(changes: dict[str, Any], forger: Forger) -> str:
    return forger.with_claims(**changes)


def with_times(times: Callable[[int], dict[str, object]], forger: Forger) -> str:
    return forger.with_claims(**times(int(time.time())))
