"""Who is calling: what every identity provider answers, and what holds for the tokens of all of them."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from my_monit.errors import Unauthenticated

#: Characters; nginx takes header lines up to this size.
MAX_TOKEN_CHARS = 8192
#: Characters; Firebase's limit for a uid.
MAX_USERNAME_CHARS = 128

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


def unverified_header(token: str) -> dict[str, Any]:
    """The header of a token whose form is right. Raises Unauthenticated unless it is three parts, two of them objects.

    Nothing that it says may be believed; its form is checked first because libraries stumble over odd ones.
    """
    if len(token) > MAX_TOKEN_CHARS or not _COMPACT.fullmatch(token):
        raise refusal()
    header, claims, _ = token.split(".")
    _object(claims)
    return _object(header)


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
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


def is_username(text: str) -> bool:
    """Blanks at the ends are refused because MySQL's older collations would compare without them."""
    return 0 < len(text) <= MAX_USERNAME_CHARS and text == text.strip() and text.isprintable()
