"""Access tokens of an issuer, and its keys; forged ones are in test_forged_tokens.py."""

import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from my_monit.errors import ConfigurationError, IdentityUnavailable, Unauthenticated
from my_monit.identity import issuer_keys
from my_monit.identity.issuer_keys import FRESH_SECS, MAX_AGE_SECS, RETRY_SECS, TIMEOUT_SECS, IssuerKeys
from my_monit.identity.oidc import OidcIdentity
from my_monit.identity.provider import MAX_LIFETIME, Subject
from tests.conftest import Eventually
from tests.unit.forgery import compact
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


@pytest.mark.parametrize("subject", ["ADA-UID", "ada-uíd", "ada_uid", "a" * 128])
def test_a_subject_is_passed_on_letter_by_letter_a10(subject: str, issuer: Issuer, identity: OidcIdentity) -> None:
    assert identity.verify(issuer.token(sub=subject)).username == subject


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


def test_a6_a_slow_issuer_keeps_nobody_waiting_who_shows_a_known_key(
    own_issuer: Issuer, eventually: Eventually
) -> None:
    clock = Clock()
    keys = keys_of(own_issuer, clock)
    own_issuer.may_answer.clear()
    clock.now += FRESH_SECS + 1

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(keys.find, "rsa", "RS256")
        eventually(lambda: len(own_issuer.requests) > len(BOTH_READ))
        begun = time.monotonic()
        assert keys.find("rsa", "RS256")
        assert time.monotonic() - begun < TIMEOUT_SECS / 2 and not reading.done()

        own_issuer.may_answer.set()
        assert reading.result(timeout=TIMEOUT_SECS)


def test_a6_an_issuer_that_does_not_answer_is_waited_for_once_a_minute(
    own_issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    keys = keys_of(own_issuer, clock)
    monkeypatch.setattr(issuer_keys, "TIMEOUT_SECS", 0.2)
    own_issuer.may_answer.clear()
    clock.now += FRESH_SECS + 1

    for number in range(100):
        assert keys.find("rsa", "RS256")
        with pytest.raises(Unauthenticated):
            keys.find(f"unknown-{number}", "RS256")

    assert own_issuer.requests == [*BOTH_READ, BOTH_READ[0]]


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


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of this machine, which is its own authority, and its key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )
    return certificate, key


def test_the_authority_of_the_settings_counts_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    authority, key = self_signed(tmp_path, "issuer")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority, key)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(self_signed(tmp_path, "another")[0]))

    with issuer_stand_in(tls=tls) as issuer:
        identity = OidcIdentity(issuer.url, audience=AUDIENCE, ca=authority)
        assert identity.verify(issuer.token())

        with caplog.at_level("WARNING", "mymonit"), pytest.raises(IdentityUnavailable):
            OidcIdentity(issuer.url, audience=AUDIENCE).verify(issuer.token())
    assert ["OIDC_CA" in str(record.details.error) for record in caplog.records] == [True]


def test_a_number_where_a_text_is_due_is_no_stumbling_block(own_issuer: Issuer) -> None:
    identity = OidcIdentity(own_issuer.url, audience=AUDIENCE)
    header: dict[str, Any] = {"alg": {"a": 1}, "kid": "ed", "typ": {"b": 2}}

    with pytest.raises(Unauthenticated):
        identity.verify(compact(header, own_issuer.claims(), own_issuer.ed.sign))
