import base64
import hashlib
import hmac
import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

import my_monit
from my_monit.errors import ConfigurationError, Invalid, Unauthenticated
from my_monit.identity.local import LEEWAY_SECS, LocalIdentity
from my_monit.identity.provider import Subject

ISSUER, AUDIENCE = "https://mymonit.example", "mymonit"
HOUR = timedelta(hours=1)
DAY_SECS = 24 * 3600
WAIT_SECS = 60


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header: object, claims: object, sign: Callable[[bytes], bytes]) -> str:
    """A token of these parts, signed; bytes go in as they are."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    signed = ".".join(b64(part) for part in parts)
    return f"{signed}.{b64(sign(signed.encode()))}"


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda signed: hmac.new(secret, signed, hashlib.sha256).digest()


class Forger:
    """Knows everything that is public, and signs with the true key where the fault lies elsewhere."""

    def __init__(self, key: ed25519.Ed25519PrivateKey, good: str) -> None:
        self.key = key
        self.good = good
        self.other = ed25519.Ed25519PrivateKey.generate()
        self.signed, self.signature = good.rsplit(".", 1)
        self.header, self.claims = (self._read(part) for part in self.signed.split("."))

    @staticmethod
    def _read(part: str) -> dict[str, Any]:
        return dict(json.loads(base64.urlsafe_b64decode(part + "==")))

    def with_claims(self, **changes: object) -> str:
        """Signed with the true key; a change to `...` leaves the claim out."""
        claims = {name: value for name, value in {**self.claims, **changes}.items() if value is not ...}
        return compact(self.header, claims, self.key.sign)

    def with_header(self, sign: Callable[[bytes], bytes] | None = None, /, **changes: object) -> str:
        header = {name: value for name, value in {**self.header, **changes}.items() if value is not ...}
        return compact(header, self.claims, sign or self.key.sign)

    def public_pem(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def other_jwk(self) -> dict[str, str]:
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(self.other.public_key().public_bytes_raw())}

    def rs256(self) -> Callable[[bytes], bytes]:
        key = rsa.generate_private_key(65537, 2048)
        return lambda signed: key.sign(signed, padding.PKCS1v15(), SHA256())

    def es256(self) -> Callable[[bytes], bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        return lambda signed: key.sign(signed, ec.ECDSA(SHA256()))


def key_of(key_file: Path) -> ed25519.Ed25519PrivateKey:
    key = load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    return key


@pytest.fixture(name="key_file")
def path_of_a_key(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "identity.pem"


@pytest.fixture(name="identity")
def local_identity(key_file: Path) -> LocalIdentity:
    return LocalIdentity(key_file, issuer=ISSUER, audience=AUDIENCE)


@pytest.fixture(name="forger")
def forger_of_tokens(identity: LocalIdentity, key_file: Path) -> Forger:
    return Forger(key_of(key_file), identity.mint("ada-uid", lifetime=HOUR))


@pytest.fixture(autouse=True)
def no_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No token may make us connect to anything."""
    attempts: list[object] = []

    def refuse(*args: object, **_: object) -> None:
        attempts.append(args)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert not attempts


FORM: dict[str, Callable[[Forger], str]] = {
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
    "header no JSON": lambda f: compact(b"{", f.claims, f.key.sign),
    "header no object": lambda f: compact([f.header], f.claims, f.key.sign),
    "header null": lambda f: compact(None, f.claims, f.key.sign),
    "header nested deeply": lambda f: compact(b"[" * 5000, f.claims, f.key.sign),
    "header not UTF-8": lambda f: compact(b'{"alg":"\xff"}', f.claims, f.key.sign),
    "claims no JSON": lambda f: compact(f.header, b"{", f.key.sign),
    "claims no object": lambda f: compact(f.header, ["ada-uid"], f.key.sign),
    "claims nested deeply": lambda f: compact(f.header, b"[" * 4000, f.key.sign),
    "claims not UTF-8": lambda f: compact(f.header, b'{"sub":"\xff"}', f.key.sign),
    "claims with a huge number": lambda f: compact(f.header, b'{"exp":1' + b"0" * 4500 + b"}", f.key.sign),
}
SIGNATURE: dict[str, Callable[[Forger], str]] = {
    "signature cut": lambda f: f.good[:-2],
    "signature of zeros": lambda f: f"{f.signed}.{'A' * 86}",
    "signature of other bits at its end": lambda f: f.good[:-1] + chr(ord(f.good[-1]) + 1),
    "claims changed after signing": lambda f: f"{f.with_claims(sub='eve').rsplit('.', 1)[0]}.{f.signature}",
    "signed with another key": lambda f: compact(f.header, f.claims, f.other.sign),
    "alg none, unsigned": lambda f: f.with_header(lambda _: b"", alg="none"),
    "alg none, signed": lambda f: f.with_header(alg="none"),
    "alg NoNe": lambda f: f.with_header(alg="NoNe"),
    "alg missing": lambda f: f.with_header(alg=...),
    "alg null": lambda f: f.with_header(alg=None),
    "alg a list": lambda f: f.with_header(alg=["EdDSA"]),
    "alg in lower case": lambda f: f.with_header(alg="eddsa"),
    "alg by its newer name": lambda f: f.with_header(alg="Ed25519"),
    "HS256 with the public key": lambda f: f.with_header(hs256(f.public_pem()), alg="HS256"),
    "HS256 with the raw public key": lambda f: f.with_header(hs256(f.key.public_key().public_bytes_raw()), alg="HS256"),
    "HS256 with the key id": lambda f: f.with_header(hs256(f.header["kid"].encode()), alg="HS256"),
    "HS256 with nothing": lambda f: f.with_header(hs256(b""), alg="HS256"),
    "RS256": lambda f: f.with_header(f.rs256(), alg="RS256"),
    "ES256": lambda f: f.with_header(f.es256(), alg="ES256"),
    "kid missing": lambda f: f.with_header(kid=...),
    "kid null": lambda f: f.with_header(kid=None),
    "kid a number": lambda f: f.with_header(kid=1),
    "kid unknown": lambda f: f.with_header(f.other.sign, kid="another"),
    "kid a path": lambda f: f.with_header(hs256(b""), alg="HS256", kid="../../../../dev/null"),
    "kid SQL": lambda f: f.with_header(hs256(b"x"), alg="HS256", kid="' UNION SELECT 'x"),
    "kid a URL": lambda f: f.with_header(f.other.sign, kid="http://attacker.example/key"),
    "jwk of another key": lambda f: f.with_header(f.other.sign, jwk=f.other_jwk()),
    "jwk beside the true signature": lambda f: f.with_header(jwk=f.other_jwk()),
    "jku": lambda f: f.with_header(f.other.sign, jku="http://attacker.example/jwks.json"),
    "jku beside the true signature": lambda f: f.with_header(jku="http://attacker.example/jwks.json"),
    "x5u": lambda f: f.with_header(f.other.sign, x5u="http://attacker.example/cert.pem"),
    "x5c": lambda f: f.with_header(f.other.sign, x5c=["AAAA"]),
    "crit unknown": lambda f: f.with_header(crit=["policy"], policy="strict"),
    "crit empty": lambda f: f.with_header(crit=[]),
    "crit known": lambda f: f.with_header(crit=["b64"], b64=True),
    "payload unencoded": lambda f: f.with_header(crit=["b64"], b64=False),
    "compressed": lambda f: f.with_header(zip="DEF"),
    "nested": lambda f: f.with_header(cty="JWT"),
    "typ missing": lambda f: f.with_header(typ=...),
    "typ null": lambda f: f.with_header(typ=None),
    "typ JWT, as of ID tokens": lambda f: f.with_header(typ="JWT"),
    "typ of a refresh token": lambda f: f.with_header(typ="Refresh"),
    "typ of a logout token": lambda f: f.with_header(typ="logout+jwt"),
    "typ of another case": lambda f: f.with_header(typ="AT+JWT"),
}
CLAIMS: dict[str, dict[str, object]] = {
    "iss missing": {"iss": ...},
    "iss null": {"iss": None},
    "iss wrong": {"iss": "https://attacker.example"},
    "iss of Firebase": {"iss": "https://securetoken.google.com/mymonit"},
    "iss a prefix of ours": {"iss": ISSUER[:-1]},
    "iss with ours as prefix": {"iss": ISSUER + ".attacker.example"},
    "iss with a slash": {"iss": ISSUER + "/"},
    "iss of another case": {"iss": ISSUER.upper()},
    "iss a list with ours": {"iss": [ISSUER]},
    "iss an object": {"iss": {ISSUER: 1}},
    "aud missing": {"aud": ...},
    "aud null": {"aud": None},
    "aud empty": {"aud": ""},
    "aud wrong": {"aud": "other"},
    "aud a list with ours": {"aud": [AUDIENCE, "other"]},
    "aud a list of ours": {"aud": [AUDIENCE]},
    "aud an empty list": {"aud": []},
    "aud with ours as prefix": {"aud": AUDIENCE + "2"},
    "aud a prefix of ours": {"aud": AUDIENCE[:-1]},
    "aud of another case": {"aud": AUDIENCE.upper()},
    "sub missing": {"sub": ...},
    "sub null": {"sub": None},
    "sub empty": {"sub": ""},
    "sub blank": {"sub": " "},
    "sub with a blank at its end": {"sub": "ada-uid "},
    "sub with a line end": {"sub": "ada-uid\n"},
    "sub with a null character": {"sub": "ada\0uid"},
    "sub a number": {"sub": 7},
    "sub true": {"sub": True},
    "sub a list": {"sub": ["ada-uid"]},
    "sub an object": {"sub": {"$ne": ""}},
    "sub too long": {"sub": "a" * 129},
    "exp missing": {"exp": ...},
    "exp null": {"exp": None},
    "exp a text": {"exp": "9999999999"},
    "exp true": {"exp": True},
    "exp not a number": {"exp": float("nan")},
    "exp infinite": {"exp": float("inf")},
    "exp zero": {"exp": 0},
    "iat missing": {"iat": ...},
    "iat null": {"iat": None},
    "iat a text": {"iat": "1"},
    "iat true": {"iat": True},
    "iat infinite": {"iat": float("-inf")},
    "iat a fraction": {"iat": time.time()},
    "iat long ago": {"iat": -(10**9)},
    "nbf a text": {"nbf": "tomorrow"},
    "nbf null": {"nbf": None},
    "jti missing": {"jti": ...},
    "jti a number": {"jti": 7},
}
TIMES: dict[str, Callable[[int], dict[str, object]]] = {
    "expired": lambda now: {"iat": now - 3600, "exp": now - LEEWAY_SECS - 1},
    "expired a year ago": lambda now: {"iat": now - 366 * DAY_SECS, "exp": now - 365 * DAY_SECS},
    "issued in the future": lambda now: {"iat": now + LEEWAY_SECS + 60, "exp": now + 3600},
    "not valid yet": lambda now: {"nbf": now + LEEWAY_SECS + 60},
    "valid for ten years": lambda now: {"exp": now + 3650 * DAY_SECS},
    "valid for a second more than a day": lambda now: {"iat": now, "exp": now + DAY_SECS + 1},
    "expires before it was issued": lambda now: {"iat": now + 20, "exp": now + 10},
    "expires at a fraction": lambda now: {"exp": now + 60.5},
}


def with_changes(changes: dict[str, Any], forger: Forger) -> str:
    return forger.with_claims(**changes)


def with_times(times: Callable[[int], dict[str, object]], forger: Forger) -> str:
    return forger.with_claims(**times(int(time.time())))


FORGED: dict[str, Callable[[Forger], str]] = {
    **FORM,
    **SIGNATURE,
    **{kind: partial(with_changes, changes) for kind, changes in CLAIMS.items()},
    **{kind: partial(with_times, times) for kind, times in TIMES.items()},
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_refused(forge: Callable[[Forger], str], forger: Forger, identity: LocalIdentity) -> None:
    with pytest.raises(Unauthenticated) as refused:
        identity.verify(forge(forger))

    assert str(refused.value) == "the token is not valid"


def test_the_good_token_that_all_forged_ones_were_made_from_is_accepted(
    forger: Forger, identity: LocalIdentity
) -> None:
    subject = Subject("ada-uid", forger.claims["iat"])

    assert identity.verify(forger.good) == subject
    assert identity.verify(forger.with_claims()) == identity.verify(forger.with_header()) == subject


@pytest.mark.parametrize("seconds", [-3600, -LEEWAY_SECS + 10, LEEWAY_SECS - 10])
def test_clocks_may_differ_a_little(seconds: int, forger: Forger, identity: LocalIdentity) -> None:
    now = int(time.time())
    issued = now + seconds

    token = forger.with_claims(iat=issued, exp=max(issued + 60, now - LEEWAY_SECS + 10))

    assert identity.verify(token).issued_at == issued


def test_a_token_may_live_a_day(forger: Forger, identity: LocalIdentity) -> None:
    assert identity.verify(forger.with_claims(exp=forger.claims["iat"] + DAY_SECS))


def test_what_a_token_says_beyond_who_it_is_counts_nothing(forger: Forger, identity: LocalIdentity) -> None:
    token = forger.with_claims(role="ADMIN", admin=True, scope="*", username="eve")

    assert identity.verify(token).username == "ada-uid"


@pytest.mark.parametrize("username", ["ADA-UID", "ada-uíd", "ada_uid", "a" * 128])
def test_a_username_is_passed_on_letter_by_letter(username: str, identity: LocalIdentity) -> None:
    assert identity.verify(identity.mint(username, lifetime=HOUR)).username == username


@pytest.mark.parametrize(("issuer", "audience"), [("other", AUDIENCE), (ISSUER, "other")])
def test_tokens_of_another_deployment_are_refused_even_with_the_same_key(
    issuer: str, audience: str, key_file: Path, forger: Forger
) -> None:
    with pytest.raises(Unauthenticated):
        LocalIdentity(key_file, issuer=issuer, audience=audience).verify(forger.good)


def test_no_single_letter_of_a_token_can_be_changed(forger: Forger, identity: LocalIdentity) -> None:
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
    tokens = [Forger(key_of(key_file), identity.mint("ada-uid", lifetime=HOUR)) for _ in range(2)]

    assert tokens[0].claims["jti"] != tokens[1].claims["jti"]


def test_the_key_is_made_once_and_only_its_owner_can_read_it(key_file: Path) -> None:
    before = os.umask(0)
    try:
        first = LocalIdentity(key_file, issuer=ISSUER, audience=AUDIENCE)
    finally:
        os.umask(before)
    token = first.mint("ada-uid", lifetime=HOUR)

    again = LocalIdentity(key_file, issuer=ISSUER, audience=AUDIENCE)

    assert again.verify(token).username == "ada-uid"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert list(key_file.parent.iterdir()) == [key_file]


def test_processes_that_start_together_get_the_same_key(key_file: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from my_monit.identity.local import LocalIdentity\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "identity = LocalIdentity(Path(sys.argv[1]), issuer='i', audience='a')\n"
        "from datetime import timedelta; print(identity.mint('ada-uid', lifetime=timedelta(hours=1)), flush=True)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(my_monit.__file__).parents[1])}
    command = [sys.executable, "-W", "error", "-c", script, str(key_file)]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout and process.stdout.readline() == "ready\n"

        for process in processes:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        tokens = [process.communicate(timeout=WAIT_SECS)[0].strip() for process in processes]

    identity = LocalIdentity(key_file, issuer="i", audience="a")
    assert [identity.verify(token).username for token in tokens] == ["ada-uid"] * 4


def pem(key: Any, encryption: KeySerializationEncryption | None = None) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()))


ED25519 = ed25519.Ed25519PrivateKey.generate()
UNFIT: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "rubbish": lambda: b"changeme",
    "a short secret": lambda: b"secret" * 3,
    "RSA of 1024 bits": lambda: pem(rsa.generate_private_key(65537, 1024)),
    "RSA of 2048 bits": lambda: pem(rsa.generate_private_key(65537, 2048)),
    "an elliptic curve": lambda: pem(ec.generate_private_key(ec.SECP256R1())),
    "Ed448": lambda: pem(ed448.Ed448PrivateKey.generate()),
    "a key for agreement": lambda: pem(x25519.X25519PrivateKey.generate()),
    "encrypted": lambda: pem(ED25519, BestAvailableEncryption(b"password")),
    "a public key": lambda: ED25519.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "DER": lambda: ED25519.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    "raw": ED25519.private_bytes_raw,
    "a JSON web key": lambda: json.dumps({"kty": "OKP", "d": b64(ED25519.private_bytes_raw())}).encode(),
    "PEM cut in half": lambda: pem(ED25519)[:60],
    "a key of zeros": lambda: pem(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))),
    "a key of typed letters": lambda: pem(ed25519.Ed25519PrivateKey.from_private_bytes(b"changeme" * 4)),
}


@pytest.mark.parametrize("content", UNFIT.values(), ids=UNFIT.keys())
def test_a_weak_or_foreign_key_stops_the_start_with_one_line(content: Callable[[], bytes], tmp_path: Path) -> None:
    key_file = tmp_path / "identity.pem"
    written = content()
    key_file.write_bytes(written)
    key_file.chmod(0o600)

    assert complaint(key_file).startswith(f"{key_file}: ")
    assert key_file.read_bytes() == written


def complaint(key_file: Path) -> str:
    with pytest.raises(ConfigurationError) as refused:
        LocalIdentity(key_file, issuer=ISSUER, audience=AUDIENCE)
    line = str(refused.value)
    assert "\n" not in line and "PRIVATE" not in line
    return line


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666, 0o777])
def test_a_key_that_others_can_reach_stops_the_start(mode: int, identity: LocalIdentity, key_file: Path) -> None:
    key_file.chmod(mode)

    assert "chmod 600" in complaint(key_file)
    assert identity


def test_a_key_path_that_is_no_file_stops_the_start(tmp_path: Path) -> None:
    folder, pipe, dangling = tmp_path / "folder", tmp_path / "pipe", tmp_path / "dangling"
    folder.mkdir()
    os.mkfifo(pipe, 0o600)
    dangling.symlink_to(tmp_path / "missing")
    (tmp_path / "file").touch()

    assert "regular file" in complaint(folder)
    assert "regular file" in complaint(pipe)
    assert "No such file" in complaint(dangling)
    assert "cannot be used" in complaint(tmp_path / "file" / "identity.pem")
