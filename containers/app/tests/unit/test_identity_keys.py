"""A7 of the list of faults: the key that signs our own tokens is made once, kept from others, and strong, or nothing
starts."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

import my_monit
from my_monit.errors import ConfigurationError
from my_monit.identity.local import LocalIdentity
from tests.unit.forgery import AUDIENCE, ISSUER, b64

HOUR = timedelta(hours=1)
WAIT_SECS = 60

pytestmark = pytest.mark.usefixtures("no_connections")


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
