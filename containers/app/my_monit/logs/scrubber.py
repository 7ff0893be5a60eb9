"""The last look at a rendered line: whatever still resembles a credential or an address is masked."""

import re

from my_monit.logs.facets import MASK

_LABEL = r"[^\s\"\\@<>()\[\]{},:;=/%*]"  # without `*`, so that a mask is not taken for a mailbox

# Before each pattern: what stands in everything that it matches. Most lines have none of it, and looking for it costs a
# hundredth of the search. No pattern ends or begins inside an escape sequence (`\"`, `\\`), so a JSON line stays one.
_PATTERNS = (
    # JSON Web Tokens, signed or not, whole or cut: base64url of '{"' is `eyJ`.
    (("eyJ",), re.compile(r"eyJ[\w-]{10,}(?:\.[\w-]*){0,2}"), MASK),
    # API keys, whole or cut, but not their public ids alone.
    (("mmk_",), re.compile(r"mmk_\w{10,}"), MASK),
    ((" ",), re.compile(r"\b(bearer|basic) +[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
    # scheme://user:password@host; a password may hold any character but white space.
    (("://",), re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://)(?:[^\s\"\\]|\\[^\s]){0,300}@", re.IGNORECASE), rf"\1{MASK}@"),
    (("=",), re.compile(r"\b(password|passwd|pwd|secret|token|api_?key)=[^\s\"\\&,;]+", re.IGNORECASE), rf"\1={MASK}"),
    # An e-mail address, also where it was quoted for a URL. Tried once for each word: long lines stay cheap.
    (("@", "%40"), re.compile(rf"(?<!{_LABEL}){_LABEL}++(?:@|%40){_LABEL}+"), MASK),
)


def scrub(line: str) -> str:
    for marks, pattern, replacement in _PATTERNS:
        if any(mark in line for mark in marks):
            line = pattern.sub(replacement, line)
    return line
