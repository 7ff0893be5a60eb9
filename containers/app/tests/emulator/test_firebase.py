"""What can be shown only with Firebase's own code on the other side. Signatures cannot: the emulator makes none."""

from collections.abc import Callable
from time import monotonic, time

import pytest
from pydantic import SecretStr

from my_monit.errors import IdentityUnavailable, Unauthenticated
from my_monit.identity.firebase import FirebaseIdentity
from my_monit.identity.firebase_password import FirebasePassword
from tests.firebase_emulator import PROJECT, Emulator
from tests.unit.forgery import CLAIMS, FORM, TIMES, Forger, with_changes, with_times

UID, EMAIL, PASSWORD = "ada-uid", "ada@example.org", "correct horse"
REFUSED_WITHIN_SECS = 1


@pytest.fixture(name="token")
def token_of_somebody(emulator: Emulator) -> str:
    emulator.add(UID, EMAIL, PASSWORD)
    return emulator.token(EMAIL, PASSWORD)


@pytest.fixture(name="by_password")
def sign_in_by_password(emulator: Emulator) -> FirebasePassword:
    return FirebasePassword(SecretStr("any"), emulator=emulator.host)


def test_who_signs_in_with_a_password_gets_a_token_that_is_believed(
    token: str, by_password: FirebasePassword, identity: FirebaseIdentity
) -> None:
    subject = identity.verify(by_password.token(EMAIL, SecretStr(PASSWORD)))

    assert subject.username == UID
    assert abs(subject.issued_at - time()) < 60


@pytest.mark.parametrize(("email", "password"), [
    (EMAIL, "wrong"), (EMAIL, ""), ("eve@example.org", PASSWORD), ("no address", PASSWORD), ("", ""),
])
@pytest.mark.usefixtures("token")
def test_a_wrong_password_and_an_unknown_address_are_told_in_one_way_a7(
    email: str, password: str, by_password: FirebasePassword
) -> None:
    with pytest.raises(Unauthenticated, match="the e-mail address or the password is wrong"):
        by_password.token(email, SecretStr(password))


def test_who_was_disabled_does_not_sign_in(token: str, emulator: Emulator, by_password: FirebasePassword) -> None:
    emulator.change(UID, disableUser=True)

    with pytest.raises(Unauthenticated, match="the e-mail address or the password is wrong"):
        by_password.token(EMAIL, SecretStr(PASSWORD))


SHUT_OUT: dict[str, Callable[[Emulator, FirebaseIdentity], None]] = {
    "disabled": lambda emulator, identity: emulator.change(UID, disableUser=True),
    "revoked": lambda emulator, identity: emulator.change(UID, validSince=str(int(time()) + 1)),
    "deleted at Firebase": lambda emulator, identity: emulator.delete(UID),
    "erased here": lambda emulator, identity: identity.forget(UID),
}


@pytest.mark.parametrize("shut_out", SHUT_OUT.values(), ids=SHUT_OUT.keys())
def test_who_was_shut_out_is_refused_at_once_a5(
    shut_out: Callable[[Emulator, FirebaseIdentity], None], token: str, emulator: Emulator, identity: FirebaseIdentity
) -> None:
    assert identity.verify(token).username == UID

    shut_out(emulator, identity)
    begun = monotonic()

    with pytest.raises(Unauthenticated):
        identity.verify(token)
    assert monotonic() - begun < REFUSED_WITHIN_SECS


def test_what_is_erased_already_can_be_erased(token: str, identity: FirebaseIdentity) -> None:
    assert identity.verify(token).username == UID

    for _ in range(2):
        identity.forget(UID)

        with pytest.raises(Unauthenticated) as refused:
            identity.verify(token)
        assert str(refused.value) == "the token is not valid"


def test_uids_that_differ_in_case_alone_are_two_people_a10(emulator: Emulator, identity: FirebaseIdentity) -> None:
    for number, uid in enumerate(("AbC", "abc")):
        emulator.add(uid, f"{number}@example.org", PASSWORD)

    tokens = [emulator.token(f"{number}@example.org", PASSWORD) for number in range(2)]

    assert [identity.verify(token).username for token in tokens] == ["AbC", "abc"]


#: What the issuer and the audience of Firebase's tokens may not be, and what is a matter of the emulator's alone: its
#: good tokens have no signature, and it says nothing about a token's id.
FORGED: dict[str, Callable[[Forger], str]] = {
    **{kind: forge for kind, forge in FORM.items() if kind != "no signature"},
    **{kind: lambda f, changes=changes: with_changes(changes, f) for kind, changes in CLAIMS.items()
       if not kind.startswith("jti ")},
    **{kind: lambda f, times=times: with_times(times, f) for kind, times in TIMES.items()},
    "iss of another project": lambda f: f.with_claims(iss="https://securetoken.google.com/other"),
    "iss with ours as prefix": lambda f: f.with_claims(iss=f"https://securetoken.google.com/{PROJECT}x"),
    "aud of another project": lambda f: f.with_claims(aud="demo-other"),
    "aud with ours as prefix": lambda f: f.with_claims(aud=PROJECT + "2"),
    "aud a list with ours alone": lambda f: f.with_claims(aud=[PROJECT]),
    "sub of nobody": lambda f: f.with_claims(sub="nobody", user_id="nobody"),
    "sub of another case": lambda f: f.with_claims(sub=UID.upper(), user_id=UID.upper()),
    "of a tenant": lambda f: f.with_claims(firebase={"tenant": "lab-1"}),
    "typ of a refresh token": lambda f: f.with_header(typ="Refresh"),
    "crit unknown": lambda f: f.with_header(crit=["policy"], policy="strict"),
    "jwk": lambda f: f.with_header(jwk=f.other_jwk()),
    "jku": lambda f: f.with_header(jku="http://127.0.0.1:1/jwks"),
    "x5u": lambda f: f.with_header(x5u="http://127.0.0.1:1/x5u"),
}


class NoKey:
    """Signs as the emulator does."""

    @staticmethod
    def sign(_: bytes) -> bytes:
        return b""


@pytest.fixture(name="forger")
def forger_of_tokens(token: str) -> Forger:
    return Forger(NoKey(), token)  # type: ignore[arg-type]


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_refused_a2_a3_a4(
    forge: Callable[[Forger], str], forger: Forger, identity: FirebaseIdentity
) -> None:
    with pytest.raises(Unauthenticated) as refused:
        identity.verify(forge(forger))

    assert str(refused.value) == "the token is not valid"


def test_the_good_token_that_all_forged_ones_were_made_from_is_accepted(
    forger: Forger, identity: FirebaseIdentity
) -> None:
    tokens = (forger.good, forger.with_claims(), forger.with_header())

    assert len({identity.verify(token) for token in tokens}) == 1
    assert len(FORGED) >= 40


def test_an_emulator_that_is_away_is_nobodys_fault(
    token: str, identity: FirebaseIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("socket.socket.connect", refuse)

    with pytest.raises(IdentityUnavailable):
        identity.verify(token)
