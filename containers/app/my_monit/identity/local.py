"""Tokens of our own: signed with a key that never leaves this deployment, verified without a network."""

import base64
import hashlib
import json
import time
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from my_monit.errors import Fault, Invalid
from my_monit.identity.keys import private_key
from my_monit.identity.provider import (
    MAX_LIFETIME, MAX_USERNAME_CHARS, Subject, is_username, may_live, refusal, subject_of, unverified,
)

#: Seconds that the clocks of two hosts may differ.
LEEWAY_SECS = 30
#: Tokens that were found to be valid and are remembered, the last used ones: to check a signature costs more than to
#: look up a user.
REMEMBERED_TOKENS = 1000

_ALGORITHM = "EdDSA"
_CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti"]


class LocalIdentity:
    def __init__(self, key_file: Path, *, issuer: str, audience: str) -> None:
        """Raises ConfigurationError when the key file is not fit for use; makes it when it is missing."""
        self._key = private_key(key_file)
        self._public = self._key.public_key()
        self._issuer = issuer
        self._audience = audience
        self._header = {"alg": _ALGORITHM, "typ": "at+jwt", "kid": _thumbprint(self._public)}
        self._checked = lru_cache(REMEMBERED_TOKENS)(self._check)

    def mint(self, username: str, *, lifetime: timedelta) -> str:
        """A token that says: its bearer is `username`. Raises Invalid."""
        if not is_username(username):
            raise Invalid(Fault("username", f"must be 1 to {MAX_USERNAME_CHARS} characters without blanks at the ends"))
        if not timedelta(seconds=1) <= lifetime <= MAX_LIFETIME:
            raise Invalid(Fault("lifetime", "must be at least one second and at most 24 hours"))
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": username,
            "iat": now,
            "exp": now + int(lifetime.total_seconds()),
            "jti": str(uuid4()),
        }
        return jwt.encode(claims, self._key, _ALGORITHM, self._header)

    def verify(self, token: str) -> Subject:
        subject, expires = self._checked(token)
        # All else that makes a token valid stays as it was: the key is read once, and what is signed does not change.
        if expires + LEEWAY_SECS <= time.time():
            raise refusal()
        return subject

    def _check(self, token: str) -> tuple[Subject, int]:
        """Whom a token speaks for, and when it expires. Raises Unauthenticated, which nothing remembers."""
        # Our own header is the only right one: no other key, algorithm or type, and nothing critical or embedded.
        header, _ = unverified(token)
        if header != self._header:
            raise refusal()
        try:
            claims = jwt.decode(
                token,
                self._public,
                algorithms=[_ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECS,
                options={"require": _CLAIMS, "strict_aud": True},
            )
        except jwt.PyJWTError as error:
            raise refusal() from error
        if not may_live(claims["iat"], claims["exp"]):
            raise refusal()
        return subject_of(claims), claims["exp"]

    def forget(self, username: str) -> None:
        """Nothing is kept about anybody."""


def _thumbprint(key: Ed25519PublicKey) -> str:
    """RFC 7638: the same for the same key, whoever computes it."""
    public = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_bytes_raw())}
    return _base64url(hashlib.sha256(json.dumps(public, separators=(",", ":")).encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
