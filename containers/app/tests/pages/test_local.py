from selenium.webdriver.common.keys import Keys

import pytest

from tests.pages.browser import PHONE, Browser
from tests.pages.conftest import Stack


@pytest.fixture(name="token")
def token_of_a_scientist(local_stack: Stack) -> str:
    return local_stack.token("S001")


def shown(browser: Browser, token: str) -> None:
    browser.open()
    browser["given"].send_keys(token)
    browser.submit("token-form")
    browser["session"]


def test_the_page_says_how_to_get_a_token(local_stack: Stack, browser: Browser) -> None:
    browser.open()

    assert "./run.sh token" in browser["local-way"].text
    assert not [way for way in ("password-way", "code-way", "no-way") if browser.sees(way)]
    browser.photograph("local-sign-in")


def test_a_token_shows_who_one_is_and_what_one_may_see(token: str, browser: Browser) -> None:
    shown(browser, token)

    assert browser["user-id"].text == "S001"
    assert browser["role"].text == "SCIENTIST"
    assert "device-vibrations" in browser["experiments"].text
    assert "black-holes" not in browser["experiments"].text
    assert "in 59 min" in browser["expiry"].text
    assert browser.value("token") == token
    assert browser.focused() == "name"
    browser.photograph("local-session")


@pytest.mark.parametrize(("user_id", "rights"), [
    ("A001", "You read no measurements"), ("U001", "You see who did what, and nothing else"),
])
def test_each_role_is_told_what_it_may(user_id: str, rights: str, local_stack: Stack, browser: Browser) -> None:
    shown(browser, local_stack.token(user_id))

    assert rights in browser["rights"].text
    assert ("black-holes" in browser.driver.page_source) == (user_id == "A001")
    browser.photograph(f"local-session-{user_id}")


def test_the_token_is_copied(token: str, browser: Browser) -> None:
    shown(browser, token)

    browser["copy"].click()

    browser.until(lambda: browser["copied"].text == "Copied.")
    assert browser.clipboard() == token


def test_nothing_is_left_after_signing_out_or_reloading(token: str, browser: Browser) -> None:
    shown(browser, token)
    assert browser.kept() == [0, 0, "", ""]

    browser["sign-out"].click()

    assert "signed out" in browser.message()
    assert (browser.value("token"), browser.value("given"), browser.sees("session")) == ("", "", False)
    assert token not in browser.driver.page_source and "S001" not in browser.driver.page_source

    shown(browser, token)
    browser.driver.refresh()
    browser["sign-in"]
    assert not browser.sees("session") and browser.kept() == [0, 0, "", ""]


@pytest.mark.parametrize(("given", "told"), [
    ("a.b.c", "The token is not valid."), ("no token at all", "This does not look like a token."),
    ("<img src=x onerror=alert(1)>", "This does not look like a token."),
])
def test_what_is_no_token_is_told_so(given: str, told: str, local_stack: Stack, browser: Browser) -> None:
    browser.open()
    browser["given"].send_keys(given)
    browser.submit("token-form")

    browser.until(lambda: browser.message() == told)
    assert not browser.sees("session")
    browser.photograph("local-refused")


def test_a_token_may_be_given_with_its_scheme_and_blanks(token: str, browser: Browser) -> None:
    shown(browser, f"  Bearer {token} ")

    assert browser.value("token") == token


def test_everything_can_be_done_with_the_keyboard_alone(token: str, browser: Browser) -> None:
    browser.open()
    browser["given"]
    reached = [browser.tab() for _ in range(2)]
    assert reached[-1] == "given"  # after the summary of what hides it

    browser.press(token, Keys.TAB, Keys.ENTER)

    browser["session"]
    assert [browser.tab() for _ in range(3)] == ["sign-out", "token", "copy"]
    browser.press(Keys.ENTER)
    browser.until(lambda: browser["copied"].text == "Copied.")
    browser["name"].send_keys("")
    browser.driver.execute_script("document.getElementById('name').focus()")
    assert browser.tab() == "sign-out"
    browser.press(Keys.ENTER)
    assert "signed out" in browser.message()


def test_buttons_are_large_enough_for_a_finger(token: str, browser: Browser) -> None:
    browser.resize(PHONE)
    shown(browser, token)

    for button in ("sign-out", "copy"):
        assert browser[button].size["height"] >= 44


def test_a_stack_that_is_away_is_told_so(local_stack: Stack, browser: Browser) -> None:
    browser.open()
    browser["given"].send_keys("a.b.c")
    browser.driver.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        browser.submit("token-form")
        browser.until(lambda: "cannot be reached" in browser.message())
        assert not browser.sees("session")
    finally:
        online = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", online)
