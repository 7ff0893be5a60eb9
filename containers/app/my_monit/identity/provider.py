"""Who is calling: what every identity provider answers, and what holds for the tokens of all of them."""

import base64
import json
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from my_monit.errors import Unauthenticated

#: Characters; nginx takes header lines up to this size.
MAX_TOKEN_CHARS = 8192
#: Characters; Firebase's limit for a uid.
MAX_USERNAME_CHARS = 128
#: A token that lives longer was not made for callers of an API.
MAX_LIFETIME = timedelta(hours=24)

#: Fields of a header that bring keys along, or that a verifier would have to understand.
_ODD_FIELDS = frozenset({"crit", "jwk", "jku", "x5u", "x5c", "b64"})
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a valid token speaks for. `issued_at` in seconds since 1970 UTC."""

    username: str = field(repr=False)  # personal: no log shows it
    issued_at: int


class IdentityProvider(Protocol):
    def verify(self, token: str) -> Subject:
        """Raises Unauthenticated for every token that is not valid, IdentityUnavailable when that cannot be told."""

    def forget(self, username: str) -> None:
        """Delete what the provider keeps for us about this person, if anything; nothing left to delete is fine.

        Raises IdentityUnavailable.
        """


def refusal() -> Unauthenticated:
    """One text for every reason: it would only help those who try."""
    return Unauthenticated("the token is not valid")


def unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token whose form is right. Raises Unauthenticated unless it is three parts, two of them
    objects.

    Nothing that they say may be believed; their form is checked first because libraries stumble over odd ones.
    """
    if len(token) > MAX_TOKEN_CHARS or not _COMPACT.fullmatch(token):
        raise refusal()
    header, claims, _ = (_decoded(part) for part in token.split("."))
    return _object(header), _object(claims)


def _decoded(part: str) -> bytes:
    """Refused unless it is written in the one right way: bits that nobody reads would let one token look like many."""
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:
        raise refusal() from error
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part.encode():
        raise refusal()
    return data


def _object(part: bytes) -> dict[str, Any]:
    try:
        value = json.loads(part)
    except (ValueError, RecursionError) as error:
        raise refusal() from error
    if not isinstance(value, dict):
        raise refusal()
    return value


def subject_of(claims: Mapping[str, object]) -> Subject:
    """Raises Unauthenticated when `sub` is not a username or `iat` not a whole number."""
    username, issued_at = claims.get("sub"), claims.get("iat")
    if not isinstance(username, str) or not is_username(username):
        raise refusal()
    if not isinstance(issued_at, int):
        raise refusal()
    return Subject(username, issued_at)


def is_plain(header: Mapping[str, object], *, types: Container[str | None]) -> bool:
    """A type of `types` (lower case), and nothing beside the usual: embedded keys do not matter, for only the key id is
    ever used, but who sends them means no good."""
    kind = header.get("typ")
    return (kind.lower() if isinstance(kind, str) else kind) in types and not header.keys() & _ODD_FIELDS


def may_live(issued_at: object, expires: object) -> bool:
    """Both are whole seconds, and not further apart than a token may live."""
    if not (isinstance(issued_at, int) and isinstance(expires, int)):
        return False
    return 0 < expires - issued_at <= MAX_LIFETIME.total_seconds()


def is_username(text: str) -> bool:
    """Blanks at the ends are refused because MySQL's older collations would compare without them."""
    return 0 < len(text) <= MAX_USERNAME_CHARS and text == text.strip() and text.isprintable()
