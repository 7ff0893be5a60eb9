"""What an OpenID Connect issuer publishes, above all its keys: found by discovery, kept, and read again when it may
have changed.

Only the issuer that the settings name is ever asked, and never because of what a token says about where keys are: a
token can at most cause one reading a minute, by naming a key that nobody knows.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from my_monit.errors import ConfigurationError, IdentityUnavailable
from my_monit.identity.provider import refusal
from my_monit.logs.logger import get_logger

#: Seconds for one answer of the issuer: longer than a slow one, shorter than a caller's patience.
TIMEOUT_SECS = 5
#: Bytes of one answer; the largest known issuers have some ten thousand.
MAX_BYTES = 1_000_000
#: Seconds between two readings, at least, whatever arrives.
RETRY_SECS = 60
#: Seconds after which keys are read again although they are all known.
FRESH_SECS = 3600
#: Seconds after which keys are not believed any more when the issuer has not been reached since.
MAX_AGE_SECS = 24 * 3600

_PART_BYTES = 65_536
_DISCOVERY = "/.well-known/openid-configuration"
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}
#: Bits of an RSA key; fewer can be broken.
_LEAST_RSA_BITS = 2048

_log = get_logger("identity")


class _Published(NamedTuple):
    discovery: dict[str, Any]
    keys_by_id: dict[str, dict[str, Any]]
    read_at: float


class IssuerKeys:
    def __init__(self, issuer: str, *, ca: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Asks the issuer once. Raises ConfigurationError when it answers as no issuer of this name may; one that
        does not answer may come back."""
        self._issuer = issuer
        self._clock = clock
        self._session = requests.Session()
        # Told with each request: a session's own would give way to REQUESTS_CA_BUNDLE.
        self._verify = ca or True
        self._lock = threading.Lock()
        self._published = _Published({}, {}, -MAX_AGE_SECS)
        self._tried_at = -float(RETRY_SECS)
        try:
            self._read()
        except IdentityUnavailable as error:
            _log.warning("issuer_unavailable", error=error)

    def find(self, key_id: str, algorithm: str) -> Any:
        """The key of this id, made for this algorithm. Raises Unauthenticated, or IdentityUnavailable when the issuer
        has not been reached for too long."""
        if key_id not in self._published.keys_by_id or self._age() > FRESH_SECS:
            self._refresh()
        if self._age() > MAX_AGE_SECS:
            raise IdentityUnavailable("the identity provider's keys cannot be read just now")
        found = self._published.keys_by_id.get(key_id)
        if found is None or not _fits(found, algorithm):
            raise refusal()
        return _public_key(found, algorithm)

    def endpoint(self, kind: str) -> str:
        """Where the issuer does it: "authorization", "token". Raises IdentityUnavailable when that is not known."""
        if self._age() > FRESH_SECS:
            self._refresh()
        address = self._published.discovery.get(f"{kind}_endpoint")
        if not isinstance(address, str) or not _as_safe(address, as_=self._issuer):
            raise IdentityUnavailable("the identity provider cannot be reached, or does not say where to sign in")
        return address

    def close(self) -> None:
        self._session.close()

    def _age(self) -> float:
        return self._clock() - self._published.read_at

    def _refresh(self) -> None:
        """By one thread at a time, and seldom; the others go on with the keys that there are."""
        if self._lock.locked() and self._published.keys_by_id:
            return
        with self._lock:
            if self._clock() - self._tried_at < RETRY_SECS:
                return
            try:
                self._read()
            except (IdentityUnavailable, ConfigurationError) as error:
                _log.warning("issuer_unavailable", error=error)

    def _read(self) -> None:
        self._tried_at = self._clock()
        found = self._get(self._issuer.rstrip("/") + _DISCOVERY)
        if found.get("issuer") != self._issuer:
            raise ConfigurationError("OIDC_ISSUER: what answers there calls itself by another name")
        address = found.get("jwks_uri")
        if not isinstance(address, str) or not _as_safe(address, as_=self._issuer):
            raise ConfigurationError("OIDC_ISSUER: it names no place of its keys, or one without TLS")
        keys = self._get(address).get("keys")
        by_id = {key["kid"]: key for key in keys if _usable(key)} if isinstance(keys, list) else {}
        if not by_id:
            raise ConfigurationError("OIDC_ISSUER: it has no key that signatures could be verified with")
        self._published = _Published(found, by_id, self._clock())

    def _get(self, address: str) -> dict[str, Any]:
        try:
            with self._session.get(
                address, timeout=TIMEOUT_SECS, allow_redirects=False, stream=True, verify=self._verify
            ) as answer:
                found = json.loads(_bounded(answer)) if answer.status_code == requests.codes.ok else None
        except requests.exceptions.SSLError as error:
            raise IdentityUnavailable("the identity provider's certificate is not trusted: see OIDC_CA") from error
        except requests.RequestException as error:
            raise IdentityUnavailable("the identity provider cannot be reached") from error
        except (ValueError, RecursionError) as error:
            raise IdentityUnavailable("the identity provider does not answer with JSON, or with too much") from error
        if not isinstance(found, dict):
            raise IdentityUnavailable("the identity provider does not answer as it should")
        return found


def _public_key(key: dict[str, Any], algorithm: str) -> Any:
    try:
        public = jwt.PyJWK(key, algorithm).key
    except (jwt.PyJWTError, ValueError) as error:
        raise refusal() from error
    if isinstance(public, RSAPublicKey) and public.key_size < _LEAST_RSA_BITS:
        raise refusal()
    return public


def _bounded(answer: requests.Response) -> bytes:
    body = b""
    for part in answer.iter_content(_PART_BYTES):
        body += part
        if len(body) > MAX_BYTES:
            raise ValueError
    return body


def _as_safe(address: str, *, as_: str) -> bool:
    """Keys come over TLS wherever the issuer does; without it, which only this machine may do, from the same place."""
    keys, issuer = urlsplit(address), urlsplit(as_)
    return keys.scheme == "https" or (keys.scheme, keys.netloc) == (issuer.scheme, issuer.netloc)


def _usable(key: object) -> bool:
    """Whether it is a public key to verify signatures with; symmetric ones and those of other uses are none."""
    return (
        isinstance(key, dict)
        and isinstance(key.get("kid"), str)
        and key.get("kty") in ("RSA", "EC", "OKP")
        and key.get("use", "sig") == "sig"
    )


def _fits(key: dict[str, Any], algorithm: str) -> bool:
    if key.get("alg", algorithm) != algorithm:
        return False
    if algorithm in _CURVES:
        return bool(key.get("crv") == _CURVES[algorithm])
    return bool(key["kty"] == "RSA")
