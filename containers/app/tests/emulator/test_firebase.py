"""What can be shown only with Firebase's own code on the other side, by the ids of the list of faults.

Signatures cannot: the emulator makes none, and good tokens of its are unsigned. What is forged about them is refused in
tests/unit/test_forged_tokens.py, by the library as it works with Firebase itself, and a stand-in for Google's keys.
"""

from collections.abc import Callable, Iterator
from time import monotonic, time

import pytest
from pydantic import SecretStr

from my_monit.errors import IdentityUnavailable, Unauthenticated
from my_monit.identity.firebase import FirebaseIdentity
from my_monit.identity.firebase_password import FirebasePassword
from tests.connections import connections
from tests.firebase_emulator import Emulator
from tests.unit.forged_tokens import EMULATED
from tests.unit.forgery import Forger
from tests.unit.issuer_stand_in import Issuer, issuer_stand_in

UID, EMAIL, PASSWORD = "ada-uid", "ada@example.org", "correct horse"
REFUSED_WITHIN_SECS = 1
LEAST_KINDS = 40


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


#: What only Firebase itself can know, which is asked about them.
OF_NOBODY = ("nobody", UID.upper(), f"{UID}\u0301", UID.replace("u", "ü"))


@pytest.fixture(name="attacker", scope="module")
def issuer_that_is_not_ours() -> Iterator[Issuer]:
    with issuer_stand_in() as attacker:
        yield attacker


@pytest.fixture(name="forger")
def forger_of_tokens(token: str, attacker: Issuer) -> Forger:
    """Signs as the emulator does: not at all."""
    return Forger(lambda _: b"", token, attacker=attacker)


@pytest.mark.parametrize("kind", EMULATED)
def test_a_forged_token_is_refused_and_leads_nowhere(
    kind: str, forger: Forger, identity: FirebaseIdentity, attacker: Issuer
) -> None:
    token = EMULATED[kind](forger)

    with connections() as made, pytest.raises(Unauthenticated) as refused:
        identity.verify(token)

    assert str(refused.value) == "the token is not valid"
    assert not made and not attacker.requests


@pytest.mark.parametrize("uid", OF_NOBODY)
def test_a_token_of_nobody_leads_to_firebase_alone_and_is_refused_a4(
    uid: str, forger: Forger, identity: FirebaseIdentity, emulator: Emulator
) -> None:
    with connections() as made, pytest.raises(Unauthenticated):
        identity.verify(forger.with_claims(sub=uid, user_id=uid))

    assert set(made) <= {emulator.host}


def test_the_good_token_that_all_forged_ones_were_made_from_is_accepted(
    forger: Forger, identity: FirebaseIdentity
) -> None:
    tokens = (forger.good, forger.with_claims(), forger.with_header())

    assert len({identity.verify(token) for token in tokens}) == 1
    assert len(EMULATED) >= LEAST_KINDS


def test_an_emulator_that_is_away_is_nobodys_fault_a6(
    token: str, identity: FirebaseIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("socket.socket.connect", refuse)

    with pytest.raises(IdentityUnavailable):
        identity.verify(token)
