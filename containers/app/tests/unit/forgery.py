"""Who forges tokens: knows everything that is public, and has keys and a server of their own."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from tests.unit.issuer_stand_in import Issuer, public_jwk

Sign = Callable[[bytes], bytes]

ISSUER, AUDIENCE = "https://mymonit.example", "mymonit"
DAY_SECS = 24 * 3600

#: Which of the attacker's keys makes signatures of an algorithm; "ed", where none is named.
_KEYS = {"RS256": "rsa", "PS256": "rsa", "ES256": "ec"}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header: object, claims: object, sign: Sign) -> str:
    """A token of these parts, signed; bytes go in as they are."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    signed = ".".join(b64(part) for part in parts)
    return f"{signed}.{b64(sign(signed.encode()))}"


def hs256(secret: bytes) -> Sign:
    return lambda signed: hmac.new(secret, signed, hashlib.sha256).digest()


class Forger:
    """Changes a good token, and signs with the true key where the fault lies elsewhere."""

    def __init__(
        self, sign: Sign, good: str, *, published: Mapping[str, bytes] | None = None, attacker: Issuer | None = None
    ) -> None:
        """`published` are the true keys by their ids, as everybody gets them."""
        self.sign = sign
        self.good = good
        self.published = published or {}
        self.attacker: Any = attacker
        self.signed, self.signature = good.rsplit(".", 1)
        self.header, self.claims = (self._read(part) for part in self.signed.split("."))

    @staticmethod
    def _read(part: str) -> dict[str, Any]:
        return dict(json.loads(base64.urlsafe_b64decode(part + "==")))

    @property
    def public_key(self) -> bytes:
        """The one that verifies the good token."""
        return self.published[self.header["kid"]]

    def with_claims(self, **changes: object) -> str:
        """Signed with the true key; a change to `...` leaves the claim out."""
        return compact(self.header, changed(self.claims, changes), self.sign)

    def with_header(self, sign: Sign | None = None, /, **changes: object) -> str:
        return compact(changed(self.header, changes), self.claims, sign or self.sign)

    def by_attacker(self, algorithm: str) -> Sign:
        """With a key that only the attacker vouches for."""
        _, key = self._attackers_key(algorithm)
        return lambda signed: bytes(jwt.get_algorithm_by_name(algorithm).sign(signed, key))

    def from_attacker(self, **header: object) -> str:
        """Right in everything but the key, and with this in the header."""
        return self.with_header(self.by_attacker(self.header["alg"]), **header)

    def attackers_jwk(self) -> dict[str, object]:
        return public_jwk(self.header.get("kid", "ed"), *self._attackers_key(self.header["alg"]))

    def _attackers_key(self, algorithm: str) -> tuple[str, Any]:
        found: tuple[str, Any] = self.attacker.keys[_KEYS.get(algorithm, "ed")]
        return found


def changed(fields: Mapping[str, Any], changes: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in {**fields, **changes}.items() if value is not ...}
