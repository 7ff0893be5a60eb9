"""The three identity providers as tests hold them: who verifies, whose tokens those are, and who forges them."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from my_monit.identity.firebase import FirebaseIdentity
from my_monit.identity.issuer_keys import IssuerKeys
from my_monit.identity.local import LocalIdentity
from my_monit.identity.oidc import OidcIdentity
from my_monit.identity.provider import IdentityProvider
from tests.unit.forgery import AUDIENCE, ISSUER, Forger
from tests.unit.google_stand_in import KEY_ID, google_stand_in
from tests.unit.issuer_stand_in import UID, Issuer, issuer_stand_in

PROVIDERS = ("local", "oidc", "firebase")


@dataclass(frozen=True)
class Vouching:
    identity: IdentityProvider
    #: A good one for a username.
    token: Callable[[str], str]
    forger: Forger


@contextmanager
def all_providers(folder: Path, attacker: Issuer | None = None) -> Iterator[dict[str, Vouching]]:
    """Side by side, each with what it asks for tokens; with Firebase it is the library itself, and a stand-in for
    Google."""
    with ExitStack() as stack:
        opened = (locally(folder, attacker), by_an_issuer(attacker), by_google(folder, attacker))
        yield dict(zip(PROVIDERS, map(stack.enter_context, opened), strict=True))


@contextmanager
def locally(folder: Path, attacker: Issuer | None) -> Iterator[Vouching]:
    key_file = folder / "identity.pem"
    identity = LocalIdentity(key_file, issuer=ISSUER, audience=AUDIENCE)
    key = load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)

    def token(username: str) -> str:
        return identity.mint(username, lifetime=timedelta(hours=1))

    good = token(UID)
    published = {jwt.get_unverified_header(good)["kid"]: pem_of(key)}
    yield Vouching(identity, token, Forger(key.sign, good, published=published, attacker=attacker))


@contextmanager
def by_an_issuer(attacker: Issuer | None) -> Iterator[Vouching]:
    """One that the keys were read of, and the clock stands still: nothing makes it time to read them again."""
    with issuer_stand_in() as issuer:
        identity = OidcIdentity(issuer.url, audience=AUDIENCE)
        identity.close()
        identity.keys = IssuerKeys(issuer.url, ca=None, clock=lambda: 0.0)
        published = {key_id: pem_of(key) for key_id, (_, key) in issuer.keys.items()}
        forger = Forger(issuer.ed.sign, issuer.token(), published=published, attacker=attacker)
        yield Vouching(identity, lambda username: issuer.token(sub=username), forger)
        identity.close()


@contextmanager
def by_google(folder: Path, attacker: Issuer | None) -> Iterator[Vouching]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FIREBASE_AUTH_EMULATOR_HOST", raising=False)
        with google_stand_in(patch) as google:
            file = folder / "service-account.json"
            file.write_text(json.dumps(google.service_account()), encoding="utf-8")
            identity = FirebaseIdentity(file)

            def token(username: str) -> str:
                google.users.setdefault(username, {"localId": username, "validSince": "1"})
                return google.token(sub=username, user_id=username)

            published = {KEY_ID: google.certificate.encode()}
            yield Vouching(identity, token, Forger(google.sign, token(UID), published=published, attacker=attacker))
            identity.close()


def pem_of(key: Ed25519PrivateKey) -> bytes:
    """Its public part."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
