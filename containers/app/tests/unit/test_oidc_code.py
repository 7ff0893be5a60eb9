import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from pydantic import SecretStr

from my_monit.errors import ConfigurationError, IdentityUnavailable, MyMonitError, Unauthenticated
from my_monit.identity import oidc_code
from my_monit.identity.choice import open_sign_in
from my_monit.identity.oidc import OidcIdentity
from my_monit.identity.oidc_code import OidcCode
from my_monit.identity.sign_in import VISIT_SECS
from my_monit.settings import IdentityConfiguration, SignInConfiguration
from tests.unit.issuer_stand_in import AUDIENCE, CLIENT, UID, Issuer, issuer_stand_in

PAGE = "https://mymonit.example/static/index.html"
KEY = SecretStr("0123456789abcdef" * 2)


@pytest.fixture(name="issuer")
def issuer_to_sign_in_at() -> Iterator[Issuer]:
    with issuer_stand_in() as issuer:
        yield issuer


@pytest.fixture(name="identity")
def oidc_identity(issuer: Issuer) -> Iterator[OidcIdentity]:
    identity = OidcIdentity(issuer.url, audience=AUDIENCE)
    yield identity
    identity.close()


def code_of(identity: OidcIdentity, *, secret: str | None = None) -> OidcCode:
    return OidcCode(
        identity, client_id=CLIENT, client_secret=SecretStr(secret) if secret else None, scope="openid lab", key=KEY
    )


@pytest.fixture(name="by_code")
def sign_in_by_code(identity: OidcIdentity) -> OidcCode:
    return code_of(identity)


@dataclass
class Browser:
    """Goes to the issuer and comes back."""

    kept: str
    asked: dict[str, str]
    back: dict[str, str]

    @property
    def given(self) -> dict[str, str]:
        return {"state": self.back["state"], "code": self.back["code"]}


def visit(by_code: OidcCode) -> Browser:
    location, kept = by_code.begin(PAGE)
    answer = requests.get(location, allow_redirects=False, timeout=10)
    assert answer.headers["Location"].startswith(PAGE)
    asked, back = (dict(parse_qsl(urlsplit(place).query)) for place in (location, answer.headers["Location"]))
    return Browser(kept, asked, back)


def test_who_signs_in_at_the_issuer_gets_an_access_token(by_code: OidcCode, identity: OidcIdentity) -> None:
    browser = visit(by_code)

    token = by_code.finish(browser.kept, **browser.given)

    assert identity.verify(token).username == UID


def test_the_issuer_is_asked_for_a_code_with_pkce_and_the_verifier_stays_here(
    by_code: OidcCode, issuer: Issuer
) -> None:
    browser = visit(by_code)
    by_code.finish(browser.kept, **browser.given)

    assert browser.asked.keys() == {
        "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
        "code_challenge_method",
    }
    assert [browser.asked[name] for name in ("response_type", "client_id", "redirect_uri", "scope")] == [
        "code", CLIENT, PAGE, "openid lab"
    ]
    assert browser.asked["code_challenge_method"] == "S256"
    [(form, authorization)] = issuer.exchanges
    assert form["code_verifier"] not in browser.asked.values()
    assert (form["client_id"], form["redirect_uri"], authorization) == (CLIENT, PAGE, None)


def test_a_secret_goes_to_the_issuer_alone_and_in_a_header(identity: OidcIdentity, issuer: Issuer) -> None:
    by_code = code_of(identity, secret="the-secret")
    browser = visit(by_code)

    by_code.finish(browser.kept, **browser.given)

    [(form, authorization)] = issuer.exchanges
    assert authorization is not None and authorization.startswith("Basic ")
    assert "the-secret" not in f"{form}{browser}"


def test_two_visits_have_nothing_in_common(by_code: OidcCode) -> None:
    one, other = visit(by_code), visit(by_code)

    assert all(one.asked[name] != other.asked[name] for name in ("state", "nonce", "code_challenge"))
    assert one.kept != other.kept


def test_what_one_browser_began_no_other_can_finish(by_code: OidcCode, issuer: Issuer) -> None:
    """As when somebody is lured to the link that an attacker came back with."""
    victim, attacker = visit(by_code), visit(by_code)
    signed, _, signature = attacker.kept.rpartition(".")
    changed = ("A" if signature[0] != "A" else "B") + signature[1:]  # of the last letter not every bit counts
    attempts: list[tuple[str, dict[str, str]]] = [
        (victim.kept, attacker.given),
        ("", attacker.given),
        ("rubbish", attacker.given),
        (f"{signed}.{changed}", attacker.given),
        (attacker.kept, {**attacker.given, "state": ""}),
        (attacker.kept, {**attacker.given, "state": "é"}),
        (attacker.kept, {**attacker.given, "state": "\ud800"}),
    ]
    for kept, given in attempts:
        with pytest.raises(Unauthenticated):
            by_code.finish(kept, **given)
    assert not issuer.exchanges


def test_a_foreign_code_is_worth_nothing_since_its_verifier_is_elsewhere(by_code: OidcCode) -> None:
    victim, attacker = visit(by_code), visit(by_code)

    with pytest.raises(Unauthenticated):
        by_code.finish(victim.kept, state=victim.back["state"], code=attacker.back["code"])


def test_a_code_is_good_once(by_code: OidcCode) -> None:
    browser = visit(by_code)
    by_code.finish(browser.kept, **browser.given)

    with pytest.raises(Unauthenticated):
        by_code.finish(browser.kept, **browser.given)


def test_a_visit_ends(by_code: OidcCode, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = visit(by_code)
    later = oidc_code.URLSafeTimedSerializer.default_signer.get_timestamp
    monkeypatch.setattr(
        "itsdangerous.timed.TimestampSigner.get_timestamp", lambda signer: later(signer) + VISIT_SECS + 1
    )

    with pytest.raises(Unauthenticated, match="too long"):
        by_code.finish(browser.kept, **browser.given)


def test_what_the_browser_keeps_is_signed_with_sha_256(by_code: OidcCode) -> None:
    signature = visit(by_code).kept.rpartition(".")[2]

    assert len(base64.urlsafe_b64decode(signature + "=")) == hashlib.sha256().digest_size


def test_what_another_deployment_signed_is_not_taken(identity: OidcIdentity, by_code: OidcCode) -> None:
    browser = visit(by_code)
    other = OidcCode(identity, client_id=CLIENT, client_secret=None, scope="openid", key=SecretStr("o" * 32))

    with pytest.raises(Unauthenticated):
        other.finish(browser.kept, **browser.given)


ODD_ANSWERS: dict[str, dict[str, Any]] = {
    "no ID token": {"id_token": ...},
    "an ID token that is none": {"id_token": "rubbish"},
    "an ID token of a number": {"id_token": 7},
    "no access token": {"access_token": ...},
    "an access token that is none": {"access_token": "rubbish"},
    "an error with status 200": {"error": "access_denied", "access_token": ...},
}


@pytest.mark.parametrize("changes", ODD_ANSWERS.values(), ids=ODD_ANSWERS.keys())
def test_an_odd_answer_of_the_issuer_signs_nobody_in(
    changes: dict[str, Any], by_code: OidcCode, issuer: Issuer
) -> None:
    issuer.answer_changes = changes
    browser = visit(by_code)

    with pytest.raises(Unauthenticated):
        by_code.finish(browser.kept, **browser.given)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"}, {"nonce": 7}, {"aud": "another"}, {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": None}, {"iss": "https://x.example"}, {"exp": 1},
    ],
    ids=str,
)
def test_an_id_token_that_is_not_of_this_visit_signs_nobody_in(
    claims: dict[str, Any], by_code: OidcCode, issuer: Issuer
) -> None:
    browser = visit(by_code)
    issuer.answer_changes = {"id_token": issuer.token(**{"aud": CLIENT, "nonce": browser.asked["nonce"], **claims})}

    with pytest.raises(Unauthenticated):
        by_code.finish(browser.kept, **browser.given)


def test_an_id_token_may_name_others_beside_the_client_that_it_is_for(by_code: OidcCode, issuer: Issuer) -> None:
    browser = visit(by_code)
    issuer.answer_changes = {
        "id_token": issuer.token(aud=[CLIENT, "another"], azp=CLIENT, nonce=browser.asked["nonce"])
    }

    assert by_code.finish(browser.kept, **browser.given)


def test_two_tokens_of_different_people_sign_nobody_in(by_code: OidcCode, issuer: Issuer) -> None:
    issuer.answer_changes = {"access_token": issuer.token(sub="eve-uid")}
    browser = visit(by_code)

    with pytest.raises(Unauthenticated):
        by_code.finish(browser.kept, **browser.given)


def test_an_access_token_for_others_is_not_handed_out_and_the_log_says_why(
    by_code: OidcCode, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.answer_changes = {"access_token": issuer.token(aud="account")}
    browser = visit(by_code)

    with caplog.at_level("WARNING", "mymonit"), pytest.raises(Unauthenticated) as refused:
        by_code.finish(browser.kept, **browser.given)

    assert "administrator" in str(refused.value)
    assert [record.details.fields for record in caplog.records] == [{"reason": "access_token_not_for_us"}]


FAULTS: dict[str, tuple[tuple[int, bytes], type[MyMonitError]]] = {
    "refuses the code": ((400, b'{"error": "invalid_grant"}'), Unauthenticated),
    "refuses the client": ((401, b'{"error": "invalid_client", "error_description": "x"}'), Unauthenticated),
    "refuses with a word of its own": ((400, b'{"error": "ada@example.org"}'), Unauthenticated),
    "is out of order": ((503, b"{}"), IdentityUnavailable),
    "answers no JSON": ((200, b"<html>"), IdentityUnavailable),
    "answers a list": ((200, b"[]"), IdentityUnavailable),
    "sends elsewhere": ((302, b"{}"), Unauthenticated),
}


@pytest.mark.parametrize(("fault", "expected"), FAULTS.values(), ids=FAULTS.keys())
def test_an_issuer_that_does_not_answer_as_it_should_signs_nobody_in(
    fault: tuple[int, bytes], expected: type[MyMonitError], by_code: OidcCode, issuer: Issuer
) -> None:
    issuer.exchange_fault = fault
    browser = visit(by_code)

    with pytest.raises(expected) as refused:
        by_code.finish(browser.kept, **browser.given)
    assert "ada" not in str(refused.value)


@pytest.mark.parametrize("address", [None, 7, "http://elsewhere.example/authorize", "javascript:alert(1)"])
def test_nobody_is_sent_to_a_place_that_is_not_safe(address: object, issuer: Issuer) -> None:
    issuer.discovery["authorization_endpoint"] = address
    by_code = code_of(OidcIdentity(issuer.url, audience=AUDIENCE))

    with pytest.raises(IdentityUnavailable):
        by_code.begin(PAGE)


def test_an_issuer_that_is_away_is_told_so(issuer: Issuer) -> None:
    issuer.answers = False
    by_code = code_of(OidcIdentity(issuer.url, audience=AUDIENCE))

    with pytest.raises(IdentityUnavailable):
        by_code.begin(PAGE)


class TestWhichWayThereIs:
    OIDC = IdentityConfiguration(identity="oidc")
    FIREBASE = IdentityConfiguration(identity="firebase")

    def test_without_settings_there_is_none(self, identity: OidcIdentity) -> None:
        for configuration in (self.OIDC, self.FIREBASE, IdentityConfiguration(identity="local")):
            found = open_sign_in(configuration, SignInConfiguration(), identity)
            assert (found.provider, found.by_password, found.by_code) == (configuration.identity, None, None)

    def test_a_client_id_makes_it_a_code_and_needs_a_key(self, identity: OidcIdentity) -> None:
        complete = SignInConfiguration(oidc_client_id=CLIENT, sign_in_key=KEY)
        assert isinstance(open_sign_in(self.OIDC, complete, identity).by_code, OidcCode)

        with pytest.raises(ConfigurationError, match="SIGN_IN_KEY"):
            open_sign_in(self.OIDC, SignInConfiguration(oidc_client_id=CLIENT), identity)

    def test_an_api_key_makes_it_a_password(self, identity: OidcIdentity) -> None:
        found = open_sign_in(self.FIREBASE, SignInConfiguration(firebase_api_key=SecretStr("key")), identity)

        assert found.by_password is not None
