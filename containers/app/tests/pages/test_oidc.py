from tests.pages.browser import Browser
from tests.pages.conftest import Stack
from tests.unit.issuer_stand_in import Issuer

import pytest


def sign_in(browser: Browser) -> None:
    browser.open()
    browser.submit("code-way")


def test_signing_in_at_the_issuer_shows_a_token(oidc_stack: Stack, issuer: Issuer, browser: Browser) -> None:
    browser.open()
    browser["code-way"]
    browser.photograph("oidc-sign-in")

    browser.submit("code-way")

    assert browser["user-id"].text == "S001"
    assert browser.value("token").count(".") == 2
    [code] = [form["code"] for form, _ in issuer.exchanges[-1:]]
    assert code not in browser.driver.current_url and code not in browser.driver.page_source
    assert browser.kept() == [0, 0, "", ""]  # the cookie of the visit is gone, too
    browser.photograph("oidc-session")


def test_going_back_does_not_lead_into_a_session(oidc_stack: Stack, browser: Browser) -> None:
    sign_in(browser)
    browser["session"]

    browser["sign-out"].click()

    assert "at your identity provider, too" in browser.message()
    browser.photograph("oidc-signed-out")
    browser.driver.back()
    browser["sign-in"]
    assert not browser.sees("session") and "S001" not in browser.driver.page_source


def test_who_is_not_known_here_does_not_get_in(oidc_stack: Stack, issuer: Issuer, browser: Browser) -> None:
    issuer.subject = "somebody-of-the-institute"
    try:
        sign_in(browser)
        browser.until(lambda: "not that of an active user" in browser.message())
    finally:
        issuer.subject = "demo-s001"
    assert not browser.sees("session")


def test_who_does_not_agree_at_the_issuer_is_back_at_the_beginning(oidc_stack: Stack, browser: Browser) -> None:
    browser.open("?error=access_denied&error_description=%3Cb%3Eforeign%3C/b%3E&state=x")

    browser.until(lambda: browser.message() == "Your identity provider did not sign you in.")
    assert "foreign" not in browser.driver.page_source
    assert browser["code-way"] and browser.kept() == [0, 0, "", ""]


@pytest.mark.parametrize("query", ["?code=stolen&state=stolen", "?code=x", "?code=x&state="])
def test_a_link_that_somebody_else_came_back_with_opens_nothing(
    oidc_stack: Stack, issuer: Issuer, browser: Browser, query: str
) -> None:
    exchanges = len(issuer.exchanges)
    browser.open(query)

    browser.until(browser.message)
    assert not browser.sees("session")
    assert len(issuer.exchanges) == exchanges


def test_an_issuer_whose_tokens_are_for_others_is_told_to_the_administrator(
    oidc_stack: Stack, issuer: Issuer, browser: Browser
) -> None:
    issuer.answer_changes = {"access_token": issuer.token(aud="account")}
    try:
        sign_in(browser)
        browser.until(lambda: "tell your administrator" in browser.message())
    finally:
        issuer.answer_changes = {}
    assert "access_token_not_for_us" in (oidc_stack.home / "logs" / "rest.log").read_text(encoding="utf-8")
