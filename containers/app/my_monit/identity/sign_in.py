"""How people sign in on the page, if they can: what each way offers."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

#: Seconds that signing in elsewhere may take.
VISIT_SECS = 600


class ByPassword(Protocol):
    def token(self, email: str, password: SecretStr) -> str:
        """Raises Unauthenticated, or IdentityUnavailable."""


class ByCode(Protocol):
    def begin(self, page: str) -> tuple[str, str]:
        """Where the browser goes now, to come back to `page`; and what it alone is to keep for VISIT_SECS.

        Raises IdentityUnavailable.
        """

    def finish(self, kept: str, *, state: str, code: str) -> str:
        """The token, for what the browser kept and came back with. Raises Unauthenticated, or IdentityUnavailable."""


@dataclass(frozen=True)
class SignIn:
    """The provider, and at most one way to sign in: without one, tokens are had elsewhere."""

    provider: str
    by_password: ByPassword | None = None
    by_code: ByCode | None = None
