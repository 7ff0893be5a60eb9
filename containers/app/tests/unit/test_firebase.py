import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256

import my_monit
from my_monit.errors import ConfigurationError, IdentityUnavailable, Unauthenticated
from my_monit.identity import firebase
from my_monit.identity.choice import open_identity
from my_monit.identity.firebase import LEEWAY_SECS, FirebaseIdentity
from my_monit.identity.provider import Subject
from my_monit.settings import IdentityConfiguration, load
from tests.unit.google_stand_in import PROJECT, UID, Google, compact, google_stand_in, new_key
from tests.unit.forgery import CLAIMS, FORM, TIMES, Forger, with_changes, with_times

SharedGoogle = tuple[Google, FirebaseIdentity]


@pytest.fixture(name="google")
def google_on_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    monkeypatch.delenv("FIREBASE_AUTH_EMULATOR_HOST", raising=False)
    with google_stand_in(monkeypatch) as google:
        yield google


@pytest.fixture(name="credentials_file")
def service_account_file(google: Google, tmp_path: Path) -> Path:
    file = tmp_path / "service-account.json"
    file.write_text(json.dumps(google.service_account()), encoding="utf-8")
    return file


@pytest.fixture(name="identity")
def firebase_identity(credentials_file: Path) -> Iterator[FirebaseIdentity]:
    identity = FirebaseIdentity(credentials_file)
    yield identity
    identity.close()


def token_of(google: Google, **claims: object) -> str:
    """Signed by Google; a claim that is `...` is left out."""
    return compact(google.header(), without_gaps({**google.claims(), **claims}), google=google)


def without_gaps(fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not ...}


def with_header(google: Google, **header: object) -> str:
    return compact(without_gaps({**google.header(), **header}), google.claims(), google=google)


def test_a_good_token_speaks_for_its_uid(google: Google, identity: FirebaseIdentity) -> None:
    claims = google.claims()

    assert identity.verify(compact(google.header(), claims, google=google)) == Subject(UID, claims["iat"])


def of_another_key(google: Google, **header: object) -> str:
    signed = compact({**google.header(), **header}, google.claims()).rstrip(".")
    signature = new_key("another").sign(signed.encode(), padding.PKCS1v15(), SHA256())
    return compact({**google.header(), **header}, google.claims(), signature)


def of_the_certificate_as_a_secret(google: Google) -> str:
    header = {**google.header(), "alg": "HS256"}
    signed = compact(header, google.claims()).rstrip(".")
    signature = hmac.new(google.certificate.encode(), signed.encode(), hashlib.sha256).digest()
    return compact(header, google.claims(), signature)


def alone(forge: Callable[[Forger], str]) -> Callable[[Google], str]:
    """What is forged from a good token of Google's, with its key where that is not what is wrong."""
    return lambda google: forge(Forger(google, token_of(google)))  # type: ignore[arg-type]


#: What those of the other providers are, too; an issuer and an audience are told below, a token's id is not read.
OTHERS: dict[str, Callable[[Forger], str]] = {
    **FORM,
    **{
        kind: partial(with_changes, changes) for kind, changes in CLAIMS.items()
        if not kind.startswith(("iss ", "aud ", "jti "))
    },
    **{kind: partial(with_times, times) for kind, times in TIMES.items()},
}
FORGED: dict[str, Callable[[Google], str]] = {
    **{f"as elsewhere: {kind}": alone(forge) for kind, forge in OTHERS.items()},
    "empty": lambda g: "",
    "rubbish": lambda g: "a.b.c",
    "header no object": lambda g: compact([], g.claims(), google=g),
    "header nested deeply": lambda g: compact(b"[" * 4000, g.claims(), google=g),
    "claims no object": lambda g: compact(g.header(), [UID], google=g),
    "unsigned": lambda g: compact({**g.header(), "alg": "none"}, g.claims()),
    "alg none, signed": lambda g: with_header(g, alg="none"),
    "no signature": lambda g: compact(g.header(), g.claims(), b"\0"),
    "kid missing": lambda g: with_header(g, kid=...),
    "kid unknown": lambda g: with_header(g, kid="../../dev/null"),
    "kid a number": lambda g: with_header(g, kid=1),
    "another key": of_another_key,
    "HS256 with the certificate": of_the_certificate_as_a_secret,
    "jku": lambda g: of_another_key(g, jku=f"{g.url}/jwks"),
    "x5u": lambda g: of_another_key(g, x5u=f"{g.url}/x5u"),
    "jwk": lambda g: of_another_key(g, jwk=Forger(g, token_of(g)).other_jwk()),  # type: ignore[arg-type]
    "jku beside the true signature": lambda g: with_header(g, jku=f"{g.url}/jwks"),
    "crit unknown": lambda g: with_header(g, crit=["policy"], policy="strict"),
    "payload unencoded": lambda g: with_header(g, crit=["b64"], b64=False),
    "alg NoNe": lambda g: with_header(g, alg="NoNe"),
    "alg missing": lambda g: with_header(g, alg=...),
    "ES256 with Google's key": lambda g: with_header(g, alg="ES256"),
    "typ of a refresh token": lambda g: with_header(g, typ="Refresh"),
    "typ of an access token": lambda g: with_header(g, typ="at+jwt"),
    "typ missing": lambda g: with_header(g, typ=...),
    "typ an object": lambda g: with_header(g, typ={"a": 1}),
    "aud missing": lambda g: token_of(g, aud=...),
    "aud with ours as prefix": lambda g: token_of(g, aud=PROJECT + "2"),
    "aud of another case": lambda g: token_of(g, aud=PROJECT.upper()),
    "aud of another project": lambda g: token_of(g, aud="other"),
    "aud a list with ours": lambda g: token_of(g, aud=[PROJECT]),
    "aud of a custom token": lambda g: token_of(
        g, aud="https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"
    ),
    "iss of another project": lambda g: token_of(g, iss="https://securetoken.google.com/other"),
    "iss of session cookies": lambda g: token_of(g, iss=f"https://session.firebase.google.com/{PROJECT}"),
    "iss with ours as prefix": lambda g: token_of(g, iss=f"https://securetoken.google.com/{PROJECT}.attacker.example"),
    "iss without TLS": lambda g: token_of(g, iss=f"http://securetoken.google.com/{PROJECT}"),
    "iss of our own tokens": lambda g: token_of(g, iss="mymonit"),
    "of a tenant, whose uids are the tenant's": lambda g: token_of(g, firebase={"tenant": "lab-1"}),
    "of no sign-in": lambda g: token_of(g, firebase=...),
    "iss missing": lambda g: token_of(g, iss=...),
    "sub missing": lambda g: token_of(g, sub=...),
    "sub empty": lambda g: token_of(g, sub=""),
    "sub a list": lambda g: token_of(g, sub=[UID]),
    "expired": lambda g: token_of(g, exp=g.claims()["iat"] - LEEWAY_SECS),
    "exp missing": lambda g: token_of(g, exp=...),
    "exp a text": lambda g: token_of(g, exp="tomorrow"),
    "issued in the future": lambda g: token_of(g, iat=g.claims()["exp"]),
    "iat missing": lambda g: token_of(g, iat=...),
    "iat a text": lambda g: token_of(g, iat="yesterday"),
}


@pytest.fixture(name="shared", scope="module")
def google_and_identity_of_the_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedGoogle]:
    """For tests that change nothing of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FIREBASE_AUTH_EMULATOR_HOST", raising=False)
        with google_stand_in(patch) as google:
            file = tmp_path_factory.mktemp("firebase") / "service-account.json"
            file.write_text(json.dumps(google.service_account()), encoding="utf-8")
            identity = FirebaseIdentity(file)
            yield google, identity
            identity.close()


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_refused_and_leads_nowhere_but_to_the_certificates_a2_a3_a4(
    forge: Callable[[Google], str], shared: SharedGoogle
) -> None:
    google, identity = shared

    with pytest.raises(Unauthenticated) as refused:
        identity.verify(forge(google))

    assert str(refused.value) == "the token is not valid"
    assert set(google.requests) <= {"/certs"}


@pytest.mark.parametrize(
    "record",
    [None, {"localId": UID, "disabled": True}, {"localId": UID, "validSince": "99999999999"}],
    ids=["deleted", "disabled", "revoked"],
)
def test_a_user_who_was_shut_out_is_refused_at_once_a5(
    record: dict[str, Any] | None, google: Google, identity: FirebaseIdentity
) -> None:
    token = token_of(google)
    assert identity.verify(token).username == UID

    google.users = {UID: record} if record else {}

    with pytest.raises(Unauthenticated):
        identity.verify(token)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("certs", HTTPStatus.SERVICE_UNAVAILABLE),
        ("token", HTTPStatus.FORBIDDEN),
        ("accounts:lookup", HTTPStatus.BAD_GATEWAY),
        ("accounts:lookup", HTTPStatus.TOO_MANY_REQUESTS),
        ("accounts:lookup", HTTPStatus.FORBIDDEN),
    ],
)
def test_a_fault_of_google_is_not_the_callers_a6(
    path: str, status: HTTPStatus, google: Google, identity: FirebaseIdentity
) -> None:
    google.statuses[path] = status

    with pytest.raises(IdentityUnavailable) as unavailable:
        identity.verify(token_of(google))

    assert unavailable.value.transient
    assert UID not in str(unavailable.value)


def test_a_google_that_does_not_answer_is_waited_for_only_so_long(
    google: Google, credentials_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firebase, "TIMEOUT_SECS", 0.2)
    identity = FirebaseIdentity(credentials_file)
    google.may_answer.clear()

    with pytest.raises(IdentityUnavailable):
        identity.verify(token_of(google))

    identity.close()


def test_without_a_network_nobody_is_let_in_a6(google: Google, identity: FirebaseIdentity) -> None:
    token = token_of(google)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socket.socket.connect", refuse_connection)

        with pytest.raises(IdentityUnavailable):
            identity.verify(token)

    assert identity.verify(token).username == UID


def refuse_connection(*_: object) -> None:
    raise ConnectionRefusedError


def test_starting_asks_nobody_and_two_can_start_side_by_side(google: Google, credentials_file: Path) -> None:
    identities = [FirebaseIdentity(credentials_file) for _ in range(2)]

    assert not google.requests
    for identity in identities:
        identity.close()


SENSELESS = {
    "empty": "",
    "no JSON": "changeme",
    "a list": "[]",
    "null": "null",
    "another kind": '{"type": "authorized_user"}',
    "without a key": '{"type": "service_account", "project_id": "p", "client_email": "e", "token_uri": "u"}',
    "a key that is none": json.dumps(
        {"type": "service_account", "project_id": "p", "client_email": "e", "token_uri": "u", "private_key": "x"}
    ),
    "a key that is a number": json.dumps(
        {"type": "service_account", "project_id": "p", "client_email": "e", "token_uri": "u", "private_key": 5}
    ),
    "not UTF-8": "\udcff",
}


@pytest.mark.parametrize("content", SENSELESS.values(), ids=SENSELESS.keys())
def test_a_senseless_service_account_file_stops_the_start_with_one_line(content: str, tmp_path: Path) -> None:
    file = tmp_path / "service-account.json"
    file.write_bytes(content.encode(errors="surrogateescape"))

    assert complaint(file) == f"GOOGLE_APPLICATION_CREDENTIALS: {file} is no service account file"


def test_a_missing_service_account_file_stops_the_start_with_one_line(tmp_path: Path) -> None:
    assert complaint(None).startswith("GOOGLE_APPLICATION_CREDENTIALS is not set")
    assert complaint(tmp_path / "missing").endswith("missing cannot be read (No such file or directory)")
    assert complaint(tmp_path).endswith("cannot be read (Is a directory)")


def complaint(credentials_file: Path | None) -> str:
    with pytest.raises(ConfigurationError) as refused:
        FirebaseIdentity(credentials_file)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_the_emulator_stops_the_start_because_it_takes_unsigned_tokens(
    credentials_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "localhost:9099")

    assert complaint(credentials_file).startswith("FIREBASE_AUTH_EMULATOR_HOST")


@pytest.mark.parametrize("mode", [None, "production", "development"])
def test_only_development_takes_tokens_of_the_emulator(mode: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "localhost:9099")
    monkeypatch.setenv("IDENTITY", "firebase")
    if mode:
        monkeypatch.setenv("MYMONIT_MODE", mode)
    configuration = load(IdentityConfiguration)

    if mode == "development":
        open_identity(configuration).close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(ConfigurationError, match="FIREBASE_AUTH_EMULATOR_HOST is set"):
            open_identity(configuration)


def test_an_emulator_that_the_library_would_not_ask_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIREBASE_AUTH_EMULATOR_HOST", raising=False)

    with pytest.raises(ConfigurationError):
        FirebaseIdentity(None, emulator="localhost:9099")


def test_firebase_is_not_loaded_where_it_is_not_the_provider() -> None:
    script = "import sys, my_monit.identity.local; sys.exit('firebase_admin' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], cwd=Path(my_monit.__file__).parents[1], check=False)

    assert done.returncode == 0


def test_an_account_is_deleted_and_that_it_is_gone_already_is_fine(google: Google, identity: FirebaseIdentity) -> None:
    identity.forget(UID)
    assert UID not in google.users
    with pytest.raises(Unauthenticated):
        identity.verify(token_of(google))

    google.statuses["accounts:delete"] = HTTPStatus.BAD_REQUEST  # so Google answers when there is no such account
    identity.forget(UID)


def test_an_account_that_cannot_be_deleted_now_can_be_later(google: Google, identity: FirebaseIdentity) -> None:
    google.statuses["accounts:delete"] = HTTPStatus.FORBIDDEN
    with pytest.raises(IdentityUnavailable):
        identity.forget(UID)
