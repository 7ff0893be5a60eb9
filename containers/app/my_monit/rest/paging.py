"""Pages: `?limit=&cursor=`, and the next one in `Link: <path>; rel="next"` (RFC 8288). The body stays an array.

A cursor is where the page before ended. Clients must not look inside; what they send is checked like any input.
"""

import base64
import binascii
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec
from flask import request

from my_monit.errors import Fault, Invalid

#: Elements of a list's page.
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
#: The greatest number that a column holds.
_MAX_NUMBER = 2**64 - 1

_T = TypeVar("_T")


def encode_cursor(place: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def decode_cursor(cursor: str, kind: type[_T]) -> _T:
    """Raises Invalid unless it is a cursor of such a place."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        place = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=kind)
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _not_ours() from error
    numbers = place if isinstance(place, tuple) else (place,)
    if any(isinstance(number, int) and not 0 <= number <= _MAX_NUMBER for number in numbers):
        raise _not_ours()
    return place


def _not_ours() -> Invalid:
    return Invalid(Fault("cursor", "is not one of ours: take it from the Link header"))


def next_link(place: object) -> dict[str, str]:
    """The header that leads to what comes after `place`, under the same query."""
    query = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    path = quote(request.path, safe="/")
    return {"Link": f'<{path}?{urlencode([*query, ("cursor", encode_cursor(place))])}>; rel="next"'}
