import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from my_monit.errors import ConfigurationError, IdentityUnavailable, Unauthenticated
from my_monit.identity import issuer_keys
from my_monit.identity.issuer_keys import FRESH_SECS, MAX_AGE_SECS, RETRY_SECS, IssuerKeys
from my_monit.identity.oidc import OidcIdentity
from my_monit.identity.provider import MAX_LIFETIME, Subject
from tests.unit.forgery import CLAIMS, FORM, TIMES, Forger, compact, hs256, with_changes, with_times
from tests.unit.issuer_stand_in import AUDIENCE, UID, Issuer, issuer_stand_in, octet_jwk, public_jwk

BOTH_READ = ["/.well-known/openid-configuration", "/keys"]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(name="issuer", scope="module")
def issuer_for_reading() -> Iterator[Issuer]:
    with issuer_stand_in() as issuer:
        yield issuer


@pytest.fixture(name="own_issuer")
def issuer_to_change() -> Iterator[Issuer]:
    with issuer_stand_in() as issuer:
        yield issuer


@pytest.fixture(name="identity", scope="module")
def oidc_identity(issuer: Issuer) -> Iterator[OidcIdentity]:
    identity = OidcIdentity(issuer.url, audience=AUDIENCE)
    yield identity
    identity.close()


@pytest.fixture(name="forger")
def forger_of_tokens(issuer: Issuer) -> Forger:
    return Forger(issuer.ed, issuer.token())


@pytest.mark.parametrize("key_id", ["ed", "rsa", "ec"])
def test_an_access_token_of_the_issuer_is_accepted(key_id: str, issuer: Issuer, identity: OidcIdentity) -> None:
    claims = issuer.claims()

    assert identity.verify(issuer.token(key_id, **claims)) == Subject(UID, claims["iat"])


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt", "application/at+jwt"])
def test_issuers_call_access_tokens_by_several_names(typ: str | None, issuer: Issuer, identity: OidcIdentity) -> None:
    assert identity.verify(issuer.token(typ=typ))


def test_keycloak_says_bearer_in_a_claim(issuer: Issuer, identity: OidcIdentity) -> None:
    header = {"alg": "EdDSA", "kid": "ed", "typ": "JWT"}

    assert identity.verify(compact(header, {**issuer.claims(), "typ": "Bearer", "azp": "lab"}, issuer.ed.sign))


KEPT_CLAIMS = {kind: changes for kind, changes in CLAIMS.items() if not kind.startswith(("jti", "iss "))}
ISSUERS: dict[str, Callable[[str], object]] = {
    "missing": lambda url: ...,
    "null": lambda url: None,
    "wrong": lambda url: "https://attacker.example",
    "a prefix of ours": lambda url: url[:-1],
    "with ours as prefix": lambda url: url + ".attacker.example",
    "with a slash": lambda url: url + "/",
    "a list with ours": lambda url: [url],
    "of Firebase": lambda url: "https://securetoken.google.com/mymonit",
    "of our own tokens": lambda url: "mymonit",
}
KINDS: dict[str, dict[str, object]] = {
    "an ID token, by its nonce": {"nonce": "n-0S6"},
    "an ID token, by its hash of a code": {"c_hash": "LDktK"},
    "an ID token, by its hash of an access token": {"at_hash": "MTIzN"},
    "an ID token of Keycloak": {"typ": "ID"},
    "a refresh token of Keycloak": {"typ": "Refresh"},
    "an offline token of Keycloak": {"typ": "Offline"},
    "a logout token": {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
}


def public_pem(issuer: Issuer, key_id: str) -> bytes:
    public = issuer.keys[key_id][1].public_key()
    return bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


SIGNATURE: dict[str, Callable[[Forger, Issuer], str]] = {
    "signature cut": lambda f, i: f.good[:-2],
    "signature of zeros": lambda f, i: f"{f.signed}.{'A' * 86}",
    "claims changed after signing": lambda f, i: f"{f.with_claims(sub='eve').rsplit('.', 1)[0]}.{f.signature}",
    "another key": lambda f, i: compact(f.header, f.claims, f.other.sign),
    "alg none, unsigned": lambda f, i: f.with_header(lambda _: b"", alg="none"),
    "alg NoNe": lambda f, i: f.with_header(lambda _: b"", alg="NoNe"),
    "alg missing": lambda f, i: f.with_header(alg=...),
    "alg null": lambda f, i: f.with_header(alg=None),
    "alg a list": lambda f, i: f.with_header(alg=["EdDSA"]),
    "HS256 with the issuer's RSA key": lambda f, i: f.with_header(hs256(public_pem(i, "rsa")), alg="HS256", kid="rsa"),
    "HS256 with nothing": lambda f, i: f.with_header(hs256(b""), alg="HS256"),
    "another algorithm than the key's": lambda f, i: f.with_header(f.rs256(), alg="RS256"),
    "another key's id": lambda f, i: f.with_header(kid="ec"),
    "RS256 by another key": lambda f, i: f.with_header(f.rs256(), alg="RS256", kid="rsa"),
    "ES256 by another key": lambda f, i: f.with_header(f.es256(), alg="ES256", kid="ec"),
    "PS256 with a key for RS256": lambda f, i: f.with_header(f.rs256(), alg="PS256", kid="rsa"),
    "kid missing": lambda f, i: f.with_header(kid=...),
    "kid null": lambda f, i: f.with_header(kid=None),
    "kid a number": lambda f, i: f.with_header(kid=1),
    "kid a list": lambda f, i: f.with_header(kid=["ed"]),
    "kid unknown": lambda f, i: f.with_header(f.other.sign, kid="another"),
    "kid a path": lambda f, i: f.with_header(f.other.sign, kid="../../../../dev/null"),
    "kid SQL": lambda f, i: f.with_header(f.other.sign, kid="' UNION SELECT 'x"),
    "kid a URL": lambda f, i: f.with_header(f.other.sign, kid="http://attacker.example/key"),
    "jwk of another key": lambda f, i: f.with_header(f.other.sign, jwk=f.other_jwk()),
    "jwk beside the true signature": lambda f, i: f.with_header(jwk=f.other_jwk()),
    "jku": lambda f, i: f.with_header(f.other.sign, jku=i.url + "/attacker"),
    "jku beside the true signature": lambda f, i: f.with_header(jku=i.url + "/attacker"),
    "x5u": lambda f, i: f.with_header(f.other.sign, x5u=i.url + "/attacker"),
    "x5c": lambda f, i: f.with_header(f.other.sign, x5c=["AAAA"]),
    "crit unknown": lambda f, i: f.with_header(crit=["policy"], policy="strict"),
    "payload unencoded": lambda f, i: f.with_header(crit=["b64"], b64=False),
    "typ of a refresh token": lambda f, i: f.with_header(typ="Refresh"),
    "typ of a logout token": lambda f, i: f.with_header(typ="logout+jwt"),
    "typ a number": lambda f, i: f.with_header(typ=1),
}
Forge = Callable[[Forger, Issuer], str]


def _alone(forge: Callable[[Forger], str], forger: Forger, _: Issuer) -> str:
    return forge(forger)


def _issued_by(name: Callable[[str], object], forger: Forger, issuer: Issuer) -> str:
    return forger.with_claims(iss=name(issuer.url))


FORGED: dict[str, Forge] = {
    **SIGNATURE,
    **{kind: partial(_alone, forge) for kind, forge in FORM.items()},
    **{kind: partial(_alone, partial(with_changes, each)) for kind, each in {**KEPT_CLAIMS, **KINDS}.items()},
    **{kind: partial(_alone, partial(with_times, times)) for kind, times in TIMES.items()},
    **{f"iss {kind}": partial(_issued_by, name) for kind, name in ISSUERS.items()},
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_refused(forge: Forge, forger: Forger, issuer: Issuer, identity: OidcIdentity) -> None:
    token = forge(forger, issuer)

    with pytest.raises(Unauthenticated) as refused:
        identity.verify(token)

    assert str(refused.value) == "the token is not valid"
    assert set(issuer.requests) <= set(BOTH_READ)  # and nowhere that a token names


def test_the_good_token_that_all_forged_ones_were_made_from_is_accepted(
    forger: Forger, identity: OidcIdentity
) -> None:
    assert identity.verify(forger.good) == identity.verify(forger.with_claims()) == identity.verify(forger.with_header())


@pytest.mark.parametrize(
    "key",
    [octet_jwk("odd", b"secret"), {"kty": "RSA"}, {"kty": "RSA", "kid": 7}, "no object", None],
    ids=["symmetric", "without an id", "with a number as id", "a text", "null"],
)
def test_keys_that_verify_nothing_are_passed_over(key: object, own_issuer: Issuer) -> None:
    own_issuer.more_keys = [key]
    identity = OidcIdentity(own_issuer.url, audience=AUDIENCE)

    assert identity.verify(own_issuer.token())
    with pytest.raises(Unauthenticated):
        identity.verify(jwt.encode(own_issuer.claims(), b"secret" * 6, "HS256", {"kid": "odd"}))


@pytest.mark.parametrize("kind", ["of encryption", "too short", "broken"])
def test_a_published_key_that_is_no_good_lets_nobody_in(kind: str, own_issuer: Issuer) -> None:
    key = rsa.generate_private_key(65537, 1024 if kind == "too short" else 2048)
    published = public_jwk("odd", "RS256", key)
    own_issuer.more_keys = [
        {**published, **{"of encryption": {"use": "enc"}, "broken": {"n": "!"}}.get(kind, {})}
    ]
    identity = OidcIdentity(own_issuer.url, audience=AUDIENCE)
    header = {"alg": "RS256", "kid": "odd", "typ": "JWT"}

    with pytest.raises(Unauthenticated):
        identity.verify(compact(header, own_issuer.claims(), lambda data: key.sign(data, padding.PKCS1v15(), SHA256())))


def test_a_token_may_live_a_day_and_not_longer(issuer: Issuer, identity: OidcIdentity) -> None:
    now, day = int(time.time()), int(MAX_LIFETIME.total_seconds())

    assert identity.verify(issuer.token(iat=now, exp=now + day))
    with pytest.raises(Unauthenticated):
        identity.verify(issuer.token(iat=now, exp=now + day + 1))


# --- keys, as A6 asks


def keys_of(issuer: Issuer, clock: Clock) -> IssuerKeys:
    return IssuerKeys(issuer.url, ca=None, clock=clock)


def test_a6_keys_are_read_once_for_many_tokens(own_issuer: Issuer) -> None:
    keys = keys_of(own_issuer, Clock())

    for _ in range(100):
        assert keys.find("rsa", "RS256")

    assert own_issuer.requests == BOTH_READ


def test_a6_a_thousand_unknown_key_ids_cause_one_reading_a_minute(own_issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(own_issuer, clock)
    clock.now += RETRY_SECS

    for number in range(1000):
        with pytest.raises(Unauthenticated):
            keys.find(f"unknown-{number}", "RS256")

    assert own_issuer.requests == 2 * BOTH_READ


def test_a6_a_rotated_key_is_found(own_issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(own_issuer, clock)
    own_issuer.keys["new"] = ("RS256", rsa.generate_private_key(65537, 2048))
    del own_issuer.keys["rsa"]
    clock.now += RETRY_SECS

    assert keys.find("new", "RS256")
    with pytest.raises(Unauthenticated):
        keys.find("rsa", "RS256")


def test_a6_a_withdrawn_key_is_forgotten_within_an_hour(own_issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(own_issuer, clock)
    del own_issuer.keys["rsa"]
    clock.now += FRESH_SECS + 1

    with pytest.raises(Unauthenticated):
        keys.find("rsa", "RS256")


def test_a6_known_keys_go_on_while_the_issuer_is_away_and_are_not_believed_for_ever(own_issuer: Issuer) -> None:
    clock = Clock()
    keys = keys_of(own_issuer, clock)
    own_issuer.answers = False
    clock.now += MAX_AGE_SECS - 1
    assert keys.find("rsa", "RS256")

    clock.now += 2
    with pytest.raises(IdentityUnavailable):
        keys.find("rsa", "RS256")

    own_issuer.answers = True
    clock.now += RETRY_SECS
    assert keys.find("rsa", "RS256")


def test_an_issuer_that_is_away_at_the_start_may_come_back(own_issuer: Issuer) -> None:
    clock = Clock()
    own_issuer.answers = False
    keys = keys_of(own_issuer, clock)
    with pytest.raises(IdentityUnavailable):
        keys.find("rsa", "RS256")

    own_issuer.answers = True
    clock.now += RETRY_SECS

    assert keys.find("rsa", "RS256")


@pytest.mark.parametrize(
    ("discovery", "said"),
    [
        ({"issuer": "https://another.example"}, "by another name"),
        ({"jwks_uri": 7}, "no place of its keys"),
        ({"jwks_uri": "http://attacker.example/keys"}, "without TLS"),
        ({"jwks_uri": "file:///etc/passwd"}, "without TLS"),
    ],
    ids=["another issuer", "no address", "an address without TLS", "a file"],
)
def test_what_is_no_issuer_of_this_name_is_refused_at_the_start(
    discovery: dict[str, object], said: str, own_issuer: Issuer
) -> None:
    own_issuer.discovery.update(discovery)

    with pytest.raises(ConfigurationError, match=said):
        OidcIdentity(own_issuer.url, audience=AUDIENCE)


def test_an_answer_without_end_is_not_read(own_issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "MAX_BYTES", 1000)
    own_issuer.discovery["padding"] = "x" * 2000
    identity = OidcIdentity(own_issuer.url, audience=AUDIENCE)

    with pytest.raises(IdentityUnavailable):
        identity.verify(own_issuer.token())


def test_an_authority_that_is_no_file_is_refused_by_name(own_issuer: Issuer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="OIDC_CA"):
        OidcIdentity(own_issuer.url, audience=AUDIENCE, ca=tmp_path / "missing.pem")


def test_a_number_where_a_text_is_due_is_no_stumbling_block(own_issuer: Issuer) -> None:
    identity = OidcIdentity(own_issuer.url, audience=AUDIENCE)
    header: dict[str, Any] = {"alg": {"a": 1}, "kid": "ed", "typ": {"b": 2}}

    with pytest.raises(Unauthenticated):
        identity.verify(compact(header, own_issuer.claims(), own_issuer.ed.sign))
