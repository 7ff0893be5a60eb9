"""Tokens of all kinds that no identity provider may accept, by their ids in the list of faults: A1 to A4.

What only one provider could be taken in by is told beside what is the same for all. Firebase's emulator signs nothing,
so what is wrong with a signature cannot be shown with it.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_public_key

from my_monit.identity.local import LEEWAY_SECS
from tests.unit.forgery import DAY_SECS, Forger, compact, hs256

Forge = Callable[[Forger], str]
Claims = Mapping[str, Any]

#: What is sent in place of one token.
A1: dict[str, Forge] = {
    "empty": lambda f: "",
    "blank": lambda f: " ",
    "only dots": lambda f: "..",
    "rubbish": lambda f: "not a token",
    "one part": lambda f: f.signed.split(".", maxsplit=1)[0],
    "two parts": lambda f: f.signed,
    "no signature": lambda f: f.signed + ".",
    "four parts": lambda f: f.good + ".AAAA",
    "five parts, encrypted": lambda f: f.good + ".AAAA.AAAA",
    "with its scheme": lambda f: "Bearer " + f.good,
    "two tokens merged by a proxy": lambda f: f"{f.good},Bearer {f.good}",
    "blank before": lambda f: " " + f.good,
    "line end after": lambda f: f.good + "\n",
    "null character after": lambda f: f.good + "\0",
    "padded": lambda f: f.good + "==",
    "signature of another alphabet": lambda f: f"{f.signed}.+{f.signature[1:]}",
    "letters beyond ASCII": lambda f: f.good + "é",
    "half a character": lambda f: f.good + "\ud800",
    "digits beyond ASCII": lambda f: f.good[:-1] + "٣",
    "longer than a header line": lambda f: f.with_claims(note="A" * 8192),
    "header no JSON": lambda f: compact(b"{", f.claims, f.sign),
    "header no object": lambda f: compact([f.header], f.claims, f.sign),
    "header null": lambda f: compact(None, f.claims, f.sign),
    "header nested deeply": lambda f: compact(b"[" * 5000, f.claims, f.sign),
    "header not UTF-8": lambda f: compact(b'{"alg":"\xff"}', f.claims, f.sign),
    "claims no JSON": lambda f: compact(f.header, b"{", f.sign),
    "claims no object": lambda f: compact(f.header, [f.claims["sub"]], f.sign),
    "claims nested deeply": lambda f: compact(f.header, b"[" * 4000, f.sign),
    "claims not UTF-8": lambda f: compact(f.header, b'{"sub":"\xff"}', f.sign),
    "claims with a huge number": lambda f: compact(f.header, b'{"exp":1' + b"0" * 4500 + b"}", f.sign),
}
_TIMES: dict[str, Callable[[int], Claims]] = {
    "expired": lambda now: {"iat": now - 3600, "exp": now - LEEWAY_SECS - 1},
    "expired a year ago": lambda now: {"iat": now - 366 * DAY_SECS, "exp": now - 365 * DAY_SECS},
    "issued in the future": lambda now: {"iat": now + LEEWAY_SECS + 60, "exp": now + 3600},
    "not valid yet": lambda now: {"nbf": now + LEEWAY_SECS + 60},
    "valid for ten years": lambda now: {"exp": now + 3650 * DAY_SECS},
    "valid for a second more than a day": lambda now: {"iat": now, "exp": now + DAY_SECS + 1},
    "expires before it was issued": lambda now: {"iat": now + 20, "exp": now + 10},
    "expires at a fraction": lambda now: {"exp": now + 60.5},
    "exp missing": lambda now: {"exp": ...},
    "exp null": lambda now: {"exp": None},
    "exp a text": lambda now: {"exp": "9999999999"},
    "exp true": lambda now: {"exp": True},
    "exp not a number": lambda now: {"exp": float("nan")},
    "exp infinite": lambda now: {"exp": float("inf")},
    "exp zero": lambda now: {"exp": 0},
    "iat missing": lambda now: {"iat": ...},
    "iat null": lambda now: {"iat": None},
    "iat a text": lambda now: {"iat": "1"},
    "iat true": lambda now: {"iat": True},
    "iat infinite": lambda now: {"iat": float("-inf")},
    "iat a fraction": lambda now: {"iat": now - 0.5},
    "iat long ago": lambda now: {"iat": -(10**9)},
    "nbf a text": lambda now: {"nbf": "tomorrow"},
    "nbf null": lambda now: {"nbf": None},
}
A3_SIGNATURE: dict[str, Forge] = {
    "signature cut": lambda f: f.good[:-2],
    "signature of zeros": lambda f: f"{f.signed}.{'A' * len(f.signature)}",
    "signature of other bits at its end": lambda f: f.good[:-1] + chr(ord(f.good[-1]) + 1),
    "signature of another token": lambda f: f"{f.signed}.{f.with_claims(sub='eve').rsplit('.', 1)[1]}",
    "claims changed after signing": lambda f: f"{f.with_claims(sub='eve').rsplit('.', 1)[0]}.{f.signature}",
    "another key": lambda f: f.from_attacker(),
    "another issuer that calls itself ours": lambda f: f.attacker.token(**f.claims),
    "alg none, unsigned": lambda f: f.with_header(lambda _: b"", alg="none"),
    "alg none, signed": lambda f: f.with_header(alg="none"),
    "alg NoNe": lambda f: f.with_header(alg="NoNe"),
    "alg missing": lambda f: f.with_header(alg=...),
    "alg null": lambda f: f.with_header(alg=None),
    "alg a list": lambda f: f.with_header(alg=[f.header["alg"]]),
    "alg an object": lambda f: f.with_header(alg={f.header["alg"]: 1}),
    "alg in lower case": lambda f: f.with_header(alg=f.header["alg"].lower()),
    "alg by its newer name": lambda f: f.with_header(alg="Ed25519"),
    "alg of another hash": lambda f: f.with_header(alg="RS512"),
    "HS256 with the public key": lambda f: f.with_header(hs256(f.public_key), alg="HS256"),
    "HS256 with the key id": lambda f: f.with_header(hs256(f.header["kid"].encode()), alg="HS256"),
    "HS256 with nothing": lambda f: f.with_header(hs256(b""), alg="HS256"),
    "RS256 by another key": lambda f: f.with_header(f.by_attacker("RS256"), alg="RS256"),
    "PS256 by another key": lambda f: f.with_header(f.by_attacker("PS256"), alg="PS256"),
    "ES256 by another key": lambda f: f.with_header(f.by_attacker("ES256"), alg="ES256"),
    "kid missing": lambda f: f.with_header(kid=...),
    "kid null": lambda f: f.with_header(kid=None),
    "kid empty": lambda f: f.with_header(kid=""),
    "kid a number": lambda f: f.with_header(kid=1),
    "kid a list": lambda f: f.with_header(kid=[f.header["kid"]]),
    "kid unknown": lambda f: f.from_attacker(kid="another"),
    "kid a path": lambda f: f.with_header(hs256(b""), alg="HS256", kid="../../../../dev/null"),
    "kid SQL": lambda f: f.with_header(hs256(b"x"), alg="HS256", kid="' UNION SELECT 'x"),
    "kid a URL": lambda f: f.from_attacker(kid=f"{f.attacker.url}/keys"),
}
#: What brings its key along, or would have to be understood; where `with_header` makes it, the signature is right.
A3_HEADER: dict[str, Forge] = {
    "jwk": lambda f: f.from_attacker(jwk=f.attackers_jwk()),
    "jwk beside the true signature": lambda f: f.with_header(jwk=f.attackers_jwk()),
    "jku": lambda f: f.from_attacker(jku=f"{f.attacker.url}/keys"),
    "jku beside the true signature": lambda f: f.with_header(jku=f"{f.attacker.url}/keys"),
    "x5u": lambda f: f.from_attacker(x5u=f"{f.attacker.url}/certificate.pem"),
    "x5u beside the true signature": lambda f: f.with_header(x5u=f"{f.attacker.url}/certificate.pem"),
    "x5c": lambda f: f.from_attacker(x5c=["AAAA"]),
    "crit unknown": lambda f: f.with_header(crit=["policy"], policy="strict"),
    "crit empty": lambda f: f.with_header(crit=[]),
    "crit known": lambda f: f.with_header(crit=["b64"], b64=True),
    "payload unencoded": lambda f: f.with_header(crit=["b64"], b64=False),
}
_CLAIMS: dict[str, Callable[[Claims], Claims]] = {
    "iss missing": lambda good: {"iss": ...},
    "iss null": lambda good: {"iss": None},
    "iss wrong": lambda good: {"iss": "https://attacker.example"},
    "iss of Firebase": lambda good: {"iss": "https://securetoken.google.com/mymonit"},
    "iss of our own tokens": lambda good: {"iss": "mymonit"},
    "iss a prefix of ours": lambda good: {"iss": good["iss"][:-1]},
    "iss with ours as prefix": lambda good: {"iss": good["iss"] + ".attacker.example"},
    "iss with a slash": lambda good: {"iss": good["iss"] + "/"},
    "iss of another case": lambda good: {"iss": good["iss"].upper()},
    "iss a list with ours": lambda good: {"iss": [good["iss"]]},
    "iss an object": lambda good: {"iss": {good["iss"]: 1}},
    "aud missing": lambda good: {"aud": ...},
    "aud null": lambda good: {"aud": None},
    "aud empty": lambda good: {"aud": ""},
    "aud wrong": lambda good: {"aud": "other"},
    "aud a list with ours": lambda good: {"aud": [good["aud"], "other"]},
    "aud a list of ours": lambda good: {"aud": [good["aud"]]},
    "aud an empty list": lambda good: {"aud": []},
    "aud with ours as prefix": lambda good: {"aud": good["aud"] + "2"},
    "aud a prefix of ours": lambda good: {"aud": good["aud"][:-1]},
    "aud of another case": lambda good: {"aud": good["aud"].upper()},
    "sub missing": lambda good: {"sub": ...},
    "sub null": lambda good: {"sub": None},
    "sub empty": lambda good: {"sub": ""},
    "sub blank": lambda good: {"sub": " "},
    "sub with a blank at its end": lambda good: {"sub": good["sub"] + " "},
    "sub with a line end": lambda good: {"sub": good["sub"] + "\n"},
    "sub with a null character": lambda good: {"sub": good["sub"] + "\0"},
    "sub a number": lambda good: {"sub": 7},
    "sub true": lambda good: {"sub": True},
    "sub a list": lambda good: {"sub": [good["sub"]]},
    "sub an object": lambda good: {"sub": {"$ne": ""}},
    "sub too long": lambda good: {"sub": "a" * 129},
}
_TYPES: dict[str, Forge] = {
    "typ of a refresh token": lambda f: f.with_header(typ="Refresh"),
    "typ of a logout token": lambda f: f.with_header(typ="logout+jwt"),
    "typ a number": lambda f: f.with_header(typ=1),
    "typ an object": lambda f: f.with_header(typ={"a": 1}),
    "a token of another issuer": lambda f: f.attacker.token(sub=f.claims["sub"], aud=f.claims["aud"]),
}


def _with_times(times: Callable[[int], Claims], forger: Forger) -> str:
    return forger.with_claims(**times(int(time.time())))


def _with_claims(change: Callable[[Claims], Claims], forger: Forger) -> str:
    return forger.with_claims(**change(forger.claims))


def _raw_public_key(forger: Forger) -> bytes:
    return bytes(load_pem_public_key(forger.public_key).public_bytes_raw())  # type: ignore[union-attr]


A2: dict[str, Forge] = {kind: partial(_with_times, times) for kind, times in _TIMES.items()}
A4: dict[str, Forge] = {**{kind: partial(_with_claims, change) for kind, change in _CLAIMS.items()}, **_TYPES}

_CUSTOM_TOKENS = "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"
#: Of one provider alone.
OWN: dict[str, dict[str, Forge]] = {
    "local": {
        "A3-HS256 with the raw public key": lambda f: f.with_header(hs256(_raw_public_key(f)), alg="HS256"),
        "A3-compressed": lambda f: f.with_header(zip="DEF"),
        "A3-nested": lambda f: f.with_header(cty="JWT"),
        "A4-typ missing": lambda f: f.with_header(typ=...),
        "A4-typ null": lambda f: f.with_header(typ=None),
        "A4-typ JWT, as of ID tokens": lambda f: f.with_header(typ="JWT"),
        "A4-typ of another case": lambda f: f.with_header(typ="AT+JWT"),
        "A4-jti missing": lambda f: f.with_claims(jti=...),
        "A4-jti a number": lambda f: f.with_claims(jti=7),
    },
    "oidc": {
        "A3-HS256 with the issuer's RSA key": lambda f: f.with_header(
            hs256(f.published["rsa"]), alg="HS256", kid="rsa"
        ),
        "A3-the id of another key": lambda f: f.with_header(kid="ec"),
        "A3-RS256 by another key, with the id of one": lambda f: f.with_header(
            f.by_attacker("RS256"), alg="RS256", kid="rsa"
        ),
        "A3-ES256 by another key, with the id of one": lambda f: f.with_header(
            f.by_attacker("ES256"), alg="ES256", kid="ec"
        ),
        "A3-PS256 with a key for RS256": lambda f: f.with_header(f.by_attacker("PS256"), alg="PS256", kid="rsa"),
        "A4-an ID token, by its nonce": lambda f: f.with_claims(nonce="n-0S6"),
        "A4-an ID token, by its hash of a code": lambda f: f.with_claims(c_hash="LDktK"),
        "A4-an ID token, by its hash of an access token": lambda f: f.with_claims(at_hash="MTIzN"),
        "A4-an ID token of Keycloak": lambda f: f.with_claims(typ="ID"),
        "A4-a refresh token of Keycloak": lambda f: f.with_claims(typ="Refresh"),
        "A4-an offline token of Keycloak": lambda f: f.with_claims(typ="Offline"),
        "A4-a logout token": lambda f: f.with_claims(
            events={"http://schemas.openid.net/event/backchannel-logout": {}}
        ),
    },
    "firebase": {
        "A4-typ missing": lambda f: f.with_header(typ=...),
        "A4-typ of an access token": lambda f: f.with_header(typ="at+jwt"),
        "A4-iss of another project": lambda f: f.with_claims(iss="https://securetoken.google.com/other"),
        "A4-iss of session cookies": lambda f: f.with_claims(
            iss=f"https://session.firebase.google.com/{f.claims['aud']}"
        ),
        "A4-iss without TLS": lambda f: f.with_claims(iss=f.claims["iss"].replace("https:", "http:")),
        "A4-a custom token": lambda f: f.with_claims(aud=_CUSTOM_TOKENS),
        "A4-of a tenant, whose uids are the tenant's": lambda f: f.with_claims(firebase={"tenant": "lab-1"}),
        "A4-of no sign-in": lambda f: f.with_claims(firebase=...),
    },
}


def _by_id(fault: str, kinds: Mapping[str, Forge]) -> dict[str, Forge]:
    return {f"{fault}-{kind}": forge for kind, forge in kinds.items()}


def forged(provider: str) -> dict[str, Forge]:
    """All kinds that this provider must refuse."""
    common = {"A1": A1, "A2": A2, "A3": {**A3_SIGNATURE, **A3_HEADER}, "A4": A4}
    return {kind: forge for fault in common for kind, forge in _by_id(fault, common[fault]).items()} | OWN[provider]


#: Of `forged("firebase")` those that the emulator's tokens can show: its good ones are unsigned, and name no key.
EMULATED: dict[str, Forge] = {
    kind: forge for kind, forge in forged("firebase").items()
    if kind != "A1-no signature" and kind.removeprefix("A3-") not in A3_SIGNATURE
}
