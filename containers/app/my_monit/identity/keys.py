"""The private key of local tokens: made once, kept in one file that nobody else may read."""

import os
import stat
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from my_monit.errors import ConfigurationError

#: Bytes; a private key in PEM has some hundred.
_MAX_BYTES = 16_384
#: A random seed of 32 bytes has fewer different ones once in 10^15 times; one that was typed or zeroed has.
_MIN_DIFFERENT_BYTES = 16


def private_key(key_file: Path) -> Ed25519PrivateKey:
    """Read the key, made at the first use. Raises ConfigurationError when it is not fit to vouch for anybody."""
    try:
        if not key_file.exists():
            _make(key_file)
        pem = _read(key_file)
    except OSError as error:
        raise ConfigurationError(f"{key_file}: cannot be used as the key of tokens ({error.strerror})") from error
    return _checked(pem, key_file)


def _make(key_file: Path) -> None:
    """Atomic: whoever is first gives the file its name, complete; everybody reads that one."""
    key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with NamedTemporaryFile(dir=key_file.parent, prefix=f".{key_file.name}.") as draft:  # made with mode 0600
        draft.write(pem)
        draft.flush()
        os.fsync(draft.fileno())
        try:
            os.link(draft.name, key_file)
        except FileExistsError:
            return


def _read(key_file: Path) -> bytes:
    status = key_file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"{key_file}: the key of tokens must be a regular file")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(f"{key_file}: others may read or change the key of tokens; run: chmod 600 {key_file}")
    with key_file.open("rb") as file:
        return file.read(_MAX_BYTES)


def _checked(pem: bytes, key_file: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{key_file}: not an unencrypted private key in PEM; remove it to get one") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"{key_file}: the key of tokens must be of type Ed25519; remove it to get one")
    if len(set(key.private_bytes_raw())) < _MIN_DIFFERENT_BYTES:
        raise ConfigurationError(f"{key_file}: the key of tokens is not random; remove it to get one")
    return key
