"""Firebase's tokens, by its own library and a stand-in for Google; forged ones are in test_forged_tokens.py."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

import my_monit
from my_monit.errors import ConfigurationError, IdentityUnavailable, Unauthenticated
from my_monit.identity import firebase
from my_monit.identity.choice import open_identity
from my_monit.identity.firebase import FirebaseIdentity
from my_monit.identity.provider import Subject
from my_monit.settings import IdentityConfiguration, load
from tests.unit.google_stand_in import MAX_AGE_SECS, UID, Google, compact, google_stand_in


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


def test_a_good_token_speaks_for_its_uid(google: Google, identity: FirebaseIdentity) -> None:
    issued_at = google.claims()["iat"]

    assert identity.verify(google.token(iat=issued_at)) == Subject(UID, issued_at)


@pytest.mark.parametrize("uid", ["ADA-UID", "ada-uíd", "ada_uid", "a" * 128])
def test_a_uid_is_passed_on_letter_by_letter_a10(uid: str, google: Google, identity: FirebaseIdentity) -> None:
    google.users[uid] = {"localId": uid, "validSince": "1"}

    assert identity.verify(google.token(sub=uid)).username == uid


@pytest.mark.parametrize(
    "record",
    [None, {"localId": UID, "disabled": True}, {"localId": UID, "validSince": "99999999999"}],
    ids=["deleted", "disabled", "revoked"],
)
def test_a_user_who_was_shut_out_is_refused_at_once_a5(
    record: dict[str, Any] | None, google: Google, identity: FirebaseIdentity
) -> None:
    token = google.token()
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
        identity.verify(google.token())

    assert unavailable.value.transient
    assert UID not in str(unavailable.value)


def test_a_google_that_does_not_answer_is_waited_for_only_so_long_a6(
    google: Google, credentials_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firebase, "TIMEOUT_SECS", 0.2)
    identity = FirebaseIdentity(credentials_file)
    google.may_answer.clear()

    with pytest.raises(IdentityUnavailable):
        identity.verify(google.token())

    identity.close()


def test_without_a_network_nobody_is_let_in_a6(google: Google, identity: FirebaseIdentity) -> None:
    token = google.token()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socket.socket.connect", refuse_connection)

        with pytest.raises(IdentityUnavailable):
            identity.verify(token)

    assert identity.verify(token).username == UID


def refuse_connection(*_: object) -> None:
    raise ConnectionRefusedError


@pytest.fixture(name="later")
def library_s_clock_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Calls that certificates were kept for as long as Google lets them."""

    class Later:
        @staticmethod
        def time() -> float:
            return time.time() + MAX_AGE_SECS + 1

    return lambda: monkeypatch.setattr("cachecontrol.controller.time", Later)


def test_certificates_are_read_once_for_many_tokens_also_with_a_thousand_unknown_keys_a6(
    google: Google, identity: FirebaseIdentity
) -> None:
    good = google.token()
    for _ in range(20):
        assert identity.verify(good)

    for number in range(1000):
        with pytest.raises(Unauthenticated):
            identity.verify(compact({**google.header(), "kid": f"unknown-{number}"}, google.claims(), bytes(256)))

    assert google.requests.count("/certs") == 1


def test_known_certificates_go_on_while_there_are_none_to_be_had_and_are_not_believed_for_ever_a6(
    google: Google, identity: FirebaseIdentity, later: Callable[[], None]
) -> None:
    assert identity.verify(google.token())
    google.statuses["certs"] = HTTPStatus.SERVICE_UNAVAILABLE
    assert identity.verify(google.token())

    later()
    with pytest.raises(IdentityUnavailable):
        identity.verify(google.token())

    google.statuses.clear()
    assert identity.verify(google.token())


def test_a_rotated_certificate_is_found_and_the_old_one_is_forgotten_a6(
    google: Google, identity: FirebaseIdentity, later: Callable[[], None]
) -> None:
    old = google.token()
    assert identity.verify(old)

    google.rotate("key-2")
    later()

    assert identity.verify(google.token())
    with pytest.raises(Unauthenticated):
        identity.verify(old)


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
        identity.verify(google.token())

    google.statuses["accounts:delete"] = HTTPStatus.BAD_REQUEST  # so Google answers when there is no such account
    identity.forget(UID)


def test_an_account_that_cannot_be_deleted_now_can_be_later(google: Google, identity: FirebaseIdentity) -> None:
    google.statuses["accounts:delete"] = HTTPStatus.FORBIDDEN
    with pytest.raises(IdentityUnavailable):
        identity.forget(UID)
