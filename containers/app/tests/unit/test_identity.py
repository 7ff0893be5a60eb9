"""Which tokens of our own are believed, and which are made; forged ones are in test_forged_tokens.py."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from my_monit.errors import Invalid, Unauthenticated
from my_monit.identity.local import LEEWAY_SECS, LocalIdentity
from my_monit.identity.provider import Subject
from tests.unit.forgery import AUDIENCE, DAY_SECS, ISSUER, Forger, b64

HOUR = timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("no_connections")


def key_of(key_file: Path) -> ed25519.Ed25519PrivateKey:
    key = load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    return key


@pytest.fixture(name="forger")
def forger_of_tokens(identity: LocalIdentity, key_file: Path) -> Forger:
    return Forger(key_of(key_file).sign, identity.mint("ada-uid", lifetime=HOUR))


@pytest.mark.parametrize("seconds", [-3600, -LEEWAY_SECS + 10, LEEWAY_SECS - 10])
def test_clocks_may_differ_a_little(seconds: int, forger: Forger, identity: LocalIdentity) -> None:
    now = int(time.time())
    issued = now + seconds

    token = forger.with_claims(iat=issued, exp=max(issued + 60, now - LEEWAY_SECS + 10))

    assert identity.verify(token).issued_at == issued


def test_a_token_that_was_valid_expires_all_the_same(
    forger: Forger, identity: LocalIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = forger.claims["exp"] + LEEWAY_SECS
    assert identity.verify(forger.good) == identity.verify(forger.good)

    monkeypatch.setattr(time, "time", lambda: last - 0.1)
    assert identity.verify(forger.good)
    monkeypatch.setattr(time, "time", lambda: last)
    with pytest.raises(Unauthenticated):
        identity.verify(forger.good)


def test_a_token_may_live_a_day(forger: Forger, identity: LocalIdentity) -> None:
    assert identity.verify(forger.with_claims(exp=forger.claims["iat"] + DAY_SECS))


def test_what_a_token_says_beyond_who_it_is_counts_nothing(forger: Forger, identity: LocalIdentity) -> None:
    token = forger.with_claims(role="ADMIN", admin=True, scope="*", username="eve")

    assert identity.verify(token).username == "ada-uid"


@pytest.mark.parametrize("username", ["ADA-UID", "ada-uíd", "ada_uid", "a" * 128])
def test_a_username_is_passed_on_letter_by_letter_a10(username: str, identity: LocalIdentity) -> None:
    assert identity.verify(identity.mint(username, lifetime=HOUR)).username == username


@pytest.mark.parametrize(("issuer", "audience"), [("other", AUDIENCE), (ISSUER, "other")])
def test_tokens_of_another_deployment_are_refused_even_with_the_same_key(
    issuer: str, audience: str, key_file: Path, forger: Forger
) -> None:
    with pytest.raises(Unauthenticated):
        LocalIdentity(key_file, issuer=issuer, audience=audience).verify(forger.good)


def test_no_single_letter_of_a_token_can_be_changed(forger: Forger, identity: LocalIdentity) -> None:
    assert identity.verify(forger.good)  # a similar one is remembered
    for index, letter in enumerate(forger.good):
        changed = forger.good[:index] + ("B" if letter != "B" else "C") + forger.good[index + 1 :]
        with pytest.raises(Unauthenticated):
            identity.verify(changed)


@pytest.fixture(name="shared_identity", scope="module")
def identity_of_the_module(tmp_path_factory: pytest.TempPathFactory) -> LocalIdentity:
    return LocalIdentity(tmp_path_factory.mktemp("keys") / "identity.pem", issuer=ISSUER, audience=AUDIENCE)


@given(token=st.one_of(st.text(max_size=80), st.lists(st.binary(max_size=40), min_size=3, max_size=3).map(
    lambda parts: ".".join(b64(part) for part in parts)
)))
def test_whatever_is_no_token_is_refused_and_raises_nothing_else(shared_identity: LocalIdentity, token: str) -> None:
    with pytest.raises(Unauthenticated):
        shared_identity.verify(token)


def test_a_subject_does_not_show_whom_it_means() -> None:
    assert "ada" not in f"{Subject('ada-uid', 1)!r}"


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=-1), timedelta(hours=24, seconds=1)])
def test_a_token_without_a_sensible_lifetime_is_not_minted(lifetime: timedelta, identity: LocalIdentity) -> None:
    with pytest.raises(Invalid, match="lifetime"):
        identity.mint("ada-uid", lifetime=lifetime)


@pytest.mark.parametrize("username", ["", " ", "ada ", "a\nb", "a" * 129])
def test_a_token_for_nobody_is_not_minted(username: str, identity: LocalIdentity) -> None:
    with pytest.raises(Invalid, match="username"):
        identity.mint(username, lifetime=HOUR)


def test_each_token_has_an_id_of_its_own(identity: LocalIdentity, key_file: Path) -> None:
    tokens = [Forger(key_of(key_file).sign, identity.mint("ada-uid", lifetime=HOUR)) for _ in range(2)]

    assert tokens[0].claims["jti"] != tokens[1].claims["jti"]
