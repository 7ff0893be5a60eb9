"""Access tokens of an OpenID Connect issuer: Keycloak, or a laboratory's single sign-on."""

from pathlib import Path
from typing import Any

import jwt

from my_monit.errors import ConfigurationError
from my_monit.identity.issuer_keys import IssuerKeys
from my_monit.identity.provider import Subject, is_plain, may_live, refusal, subject_of, unverified

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
        self._audience = audience
        self.issuer = issuer
        self.ca = ca
        self.keys = IssuerKeys(issuer, ca=str(ca) if ca else None)

    def verify(self, token: str) -> Subject:
        claims = self.signed_claims(token, audience=self._audience, strict_aud=True)
        if not _is_access_token(claims):
            raise refusal()
        return subject_of(claims)

    def signed_claims(self, token: str, *, audience: str, strict_aud: bool = False) -> dict[str, Any]:
        """What the issuer says now, for this audience; for no other, too, when that is `strict_aud`.

        Raises Unauthenticated, or IdentityUnavailable.
        """
        header, _ = unverified(token)
        if not _is_usual(header):
            raise refusal()
        key = self.keys.find(header["kid"], header["alg"])
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[header["alg"]],
                issuer=self.issuer,
                audience=audience,
                leeway=LEEWAY_SECS,
                options={"require": _CLAIMS, "strict_aud": strict_aud},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise refusal() from error

    def forget(self, username: str) -> None:
        """An issuer's accounts are not ours to delete."""

    def close(self) -> None:
        self.keys.close()


def _is_usual(header: dict[str, Any]) -> bool:
    return (
        header.get("alg") in ALGORITHMS and isinstance(header.get("kid"), str) and is_plain(header, types=_TYPES)
    )


def _is_access_token(claims: dict[str, Any]) -> bool:
    return (
        may_live(claims["iat"], claims["exp"])
        and claims.get("typ") in _KINDS
        and not claims.keys() & _FOREIGN_CLAIMS
    )
