"""The form of API keys, which programs show where people show a token.

    mmk_0123456789abcdef_ 64 digits of the secret, 8 of the checksum, all of them small hexadecimal ones

The first sixteen are the public id. The prefix and the checksum (CRC-32 of everything before it) let a secret scanner
tell a key that was left lying about from anything else, without asking us.
"""

import hashlib
import re
import secrets
from zlib import crc32

from my_monit.identity.provider import refusal
from my_monit.model import KEY_ID

PREFIX = "mmk_"
#: Bytes, of which two digits each are made. The secret is as hard to guess as its hash is to invert.
_ID_BYTES = 8
_SECRET_BYTES = 32

_FORM = re.compile(rf"({PREFIX}({KEY_ID.pattern})_[0-9a-f]{{{2 * _SECRET_BYTES}}})([0-9a-f]{{8}})")


def is_api_key(bearer: str) -> bool:
    """Whether it is to be judged as an API key and nothing else.

    No token of an identity provider begins so: the first part of one is a JSON object in base64url.
    """
    return bearer.startswith(PREFIX)


def make() -> tuple[str, str]:
    """A new public id, and the whole key."""
    key_id = secrets.token_hex(_ID_BYTES)
    return key_id, assemble(key_id, secrets.token_hex(_SECRET_BYTES))


def assemble(key_id: str, secret: str) -> str:
    """The whole key, from its parts in hexadecimal digits."""
    text = f"{PREFIX}{key_id}_{secret}"
    return text + _checksum(text)


def key_id_of(bearer: str) -> str:
    """The public id of what has the form of a key. Raises Unauthenticated."""
    found = _FORM.fullmatch(bearer)
    if found is None or found[3] != _checksum(found[1]):
        raise refusal()
    return found[2]


def digest(bearer: str) -> bytes:
    """What is kept of a key. A quick hash will do: nobody tries out 256 random bits."""
    return hashlib.sha256(bearer.encode()).digest()


def _checksum(text: str) -> str:
    return f"{crc32(text.encode()):08x}"
