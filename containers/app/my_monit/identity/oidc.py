"""Access tokens of an OpenID Connect issuer: Keycloak, or a laboratory's single sign-on."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt

from my_monit.errors import ConfigurationError
from my_monit.identity.issuer_keys import IssuerKeys
from my_monit.identity.provider import Subject, refusal, subject_of, unverified_header

#: A token that lives longer was not made for callers of an API.
MAX_LIFETIME = timedelta(hours=24)
#: Seconds that the issuer's clock and ours may differ.
LEEWAY_SECS = 30
#: Signatures by a private key that only the issuer has; never one that whoever verifies could make, and never none.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")

#: Of a header, lower case: an access token says "at+jwt" (RFC 9068), and most issuers plain "JWT".
_TYPES = (None, "jwt", "at+jwt", "application/at+jwt")
_CLAIMS = ["iss", "aud", "sub", "iat", "exp"]
#: What only ID tokens and logout tokens have: they say who signed in or out, not who may call.
_FOREIGN_CLAIMS = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "events"})
#: Keycloak names the kind of a token in a claim.
_KINDS = (None, "Bearer")


class OidcIdentity:
    def __init__(self, issuer: str, *, audience: str, ca: Path | None = None) -> None:
        """Raises ConfigurationError when there is another issuer at this address than it should be."""
        if ca is not None and not ca.is_file():
            raise ConfigurationError(f"OIDC_CA: there is no file {ca}")
        self._issuer = issuer
        self._audience = audience
        self._keys = IssuerKeys(issuer, ca=str(ca) if ca else None)

    def verify(self, token: str) -> Subject:
        header = unverified_header(token)
        if not _is_usual(header):
            raise refusal()
        key = self._keys.find(header["kid"], header["alg"])
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[header["alg"]],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECS,
                options={"require": _CLAIMS, "strict_aud": True},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise refusal() from error
        if not _is_access_token(claims):
            raise refusal()
        return subject_of(claims)

    def forget(self, username: str) -> None:
        """An issuer's accounts are not ours to delete."""

    def close(self) -> None:
        self._keys.close()


def _is_usual(header: dict[str, Any]) -> bool:
    """Known algorithm and type, and nothing that a verifier would have to understand; embedded keys do not matter,
    for only the key id is ever used, but who sends them means no good."""
    kind = header.get("typ")
    return (
        header.get("alg") in ALGORITHMS
        and isinstance(header.get("kid"), str)
        and (kind.lower() if isinstance(kind, str) else kind) in _TYPES
        and not header.keys() & {"crit", "jwk", "jku", "x5u", "x5c", "b64"}
    )


def _is_access_token(claims: dict[str, Any]) -> bool:
    issued, expires = claims["iat"], claims["exp"]
    whole = isinstance(issued, int) and isinstance(expires, int)
    return (
        whole
        and 0 < expires - issued <= MAX_LIFETIME.total_seconds()
        and claims.get("typ") in _KINDS
        and not claims.keys() & _FOREIGN_CLAIMS
    )
