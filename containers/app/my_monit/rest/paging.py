"""Pages: `?limit=&cursor=`, and the next one in `Link: <path>; rel="next"` (RFC 8288). The body stays an array.

A cursor is where the page before ended, and of which list: another list's would skip what nobody has seen. Clients must
not look inside; what they send is checked like any input.
"""

import base64
import binascii
from types import GenericAlias
from typing import TypeVar, cast
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


def encode_cursor(path: str, place: object) -> str:
    """`path` is the list's."""
    return base64.urlsafe_b64encode(msgspec.json.encode((path, place))).decode().rstrip("=")


def decode_cursor(cursor: str, kind: type[_T]) -> _T:
    """Raises Invalid unless it is a cursor of such a place in the list that is asked for."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        decoded = base64.b64decode(padded, altchars=b"-_", validate=True)
        path, place = msgspec.json.decode(decoded, type=GenericAlias(tuple, (str, kind)))
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _not_ours() from error
    numbers = place if isinstance(place, tuple) else (place,)
    if any(isinstance(number, int) and not 0 <= number <= _MAX_NUMBER for number in numbers):
        raise _not_ours()
    # Only whole ones, for a shorter tuple would be filled up with defaults: all of it was written here, as it is.
    if path != request.path or encode_cursor(path, place) != cursor:
        raise _not_ours()
    return cast(_T, place)


def _not_ours() -> Invalid:
    return Invalid(Fault("cursor", "is not one of ours for this list: take it from the Link header"))


def next_link(place: object) -> dict[str, str]:
    """The header that leads to what comes after `place`, under the same query."""
    query = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    path = quote(request.path, safe="/")
    return {"Link": f'<{path}?{urlencode([*query, ("cursor", encode_cursor(request.path, place))])}>; rel="next"'}
