"""Signing in at an OpenID Connect issuer: authorization code with PKCE (RFC 6749, RFC 7636).

Import this module only where it is used: Authlib takes its time.
"""

import hashlib
from hmac import compare_digest
from typing import Any, NamedTuple

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from itsdangerous import BadData, URLSafeTimedSerializer
from pydantic import SecretStr

from my_monit.errors import IdentityUnavailable, Unauthenticated
from my_monit.identity.oidc import OidcIdentity
from my_monit.identity.sign_in import VISIT_SECS
from my_monit.logs.logger import get_logger

#: Seconds for one request to the issuer.
TIMEOUT_SECS = 5

#: Characters; RFC 7636 wants 43 to 128 of the verifier.
_RANDOM_CHARS = 48
#: What a token endpoint may complain of (RFC 6749); only these words reach the log.
_COMPLAINTS = frozenset({
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope",
})

_log = get_logger("identity")


class _Visit(NamedTuple):
    """One user's way to the issuer and back to `page`. Signed and kept by the browser, so not here."""

    page: str
    state: str
    nonce: str
    verifier: str


class OidcCode:
    def __init__(
        self, identity: OidcIdentity, *, client_id: str, client_secret: SecretStr | None, scope: str, key: SecretStr
    ) -> None:
        self._identity = identity
        self._client_id = client_id
        self._client_secret = client_secret
        self._scope = scope
        # The library's own choice is SHA-1.
        self._visits = URLSafeTimedSerializer(
            key.get_secret_value(), salt="visit", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def begin(self, page: str) -> tuple[str, str]:
        visit = _Visit(page, *(generate_token(_RANDOM_CHARS) for _ in range(3)))
        with self._session(page) as session:
            location, _ = session.create_authorization_url(
                self._identity.keys.endpoint("authorization"),
                state=visit.state, nonce=visit.nonce, code_verifier=visit.verifier,
            )
        return location, str(self._visits.dumps(visit))

    def finish(self, kept: str, *, state: str, code: str) -> str:
        visit = self._visit(kept)
        if not _same(state, visit.state):
            raise Unauthenticated("signing in began elsewhere: begin again")
        answer = self._exchange(visit, code)
        id_token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise _refused("token_missing")
        return self._checked(id_token, access_token, visit.nonce)

    def _visit(self, kept: str) -> _Visit:
        try:
            return _Visit(*self._visits.loads(kept, max_age=VISIT_SECS))
        except BadData as error:
            raise Unauthenticated("signing in took too long, or began elsewhere: begin again") from error

    def _exchange(self, visit: _Visit, code: str) -> dict[str, Any]:
        try:
            with self._session(visit.page) as session:
                return dict(session.fetch_token(
                    self._identity.keys.endpoint("token"), code=code, code_verifier=visit.verifier,
                    timeout=TIMEOUT_SECS, allow_redirects=False, verify=str(self._identity.ca or "") or True,
                ))
        except AuthlibBaseError as error:
            raise _refused(error.error if error.error in _COMPLAINTS else "other") from error
        except (requests.RequestException, ValueError, TypeError) as error:
            raise IdentityUnavailable("the identity provider does not answer, or not as it should") from error

    def _checked(self, id_token: str, access_token: str, nonce: str) -> str:
        """The access token, when both are of this visit and of the same person."""
        claims = self._identity.signed_claims(id_token, audience=self._client_id)
        if not _same(str(claims.get("nonce")), nonce):
            raise _refused("other_nonce")
        if claims.get("azp", self._client_id) != self._client_id:  # it may have further audiences
            raise _refused("other_client")
        try:
            subject = self._identity.verify(access_token)
        except Unauthenticated:
            raise _refused("access_token_not_for_us") from None
        if subject.username != claims["sub"]:
            raise _refused("other_subject")
        return access_token

    def _session(self, page: str) -> OAuth2Session:
        secret = self._client_secret.get_secret_value() if self._client_secret else None
        return OAuth2Session(
            self._client_id, secret, scope=self._scope, redirect_uri=page, code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
        )


def _same(given: str, expected: str) -> bool:
    return compare_digest(given.encode(errors="replace"), expected.encode())


def _refused(reason: str) -> Unauthenticated:
    """The log says why, for whoever sets it up; the page does not."""
    _log.warning("sign_in_refused", reason=reason)
    return Unauthenticated("the identity provider's answer cannot be used: begin again, and tell your administrator")
