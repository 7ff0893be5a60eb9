import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.firebase_emulator import Emulator
from tests.pages.browser import Browser
from tests.pages.conftest import Stack

EMAIL, PASSWORD = "canary-marie@example.org", "canary Horse/é\"battery"


@pytest.fixture(name="person", autouse=True)
def somebody_at_firebase(firebase_stack: Stack, emulator: Emulator) -> None:
    emulator.forget_everybody()
    emulator.add("demo-s001", EMAIL, PASSWORD)


def sign_in(browser: Browser, password: str = PASSWORD) -> None:
    browser.open()
    browser["email"].send_keys(EMAIL)
    browser["password"].send_keys(password)
    browser.submit("password-way")


def test_signing_in_with_a_password_shows_a_token(browser: Browser, emulator: Emulator) -> None:
    browser.open()
    browser["password-way"]
    browser.photograph("firebase-sign-in")

    sign_in(browser)

    assert browser["user-id"].text == "S001"
    assert browser.value("token").count(".") == 2
    assert browser.value("password") == ""
    assert browser.kept() == [0, 0, "", ""]
    browser.photograph("firebase-session")


def test_a_wrong_password_is_told_and_forgotten(browser: Browser) -> None:
    sign_in(browser, "canary wrong")

    browser.until(lambda: "password is wrong" in browser.message())
    assert (browser.value("email"), browser.value("password")) == (EMAIL, "")
    assert not browser.sees("session")
    browser.photograph("firebase-refused")


def test_who_was_disabled_does_not_get_in(browser: Browser, emulator: Emulator) -> None:
    emulator.change("demo-s001", disableUser=True)
    sign_in(browser)

    browser.until(lambda: "password is wrong" in browser.message())
    assert not browser.sees("session")


def test_a_token_is_worth_nothing_as_soon_as_its_user_was_shut_out(
    browser: Browser, emulator: Emulator, firebase_stack: Stack
) -> None:
    sign_in(browser)
    headers = {"Authorization": f"Bearer {browser['token'] and browser.value('token')}"}
    assert firebase_stack.asked("GET", "/users/me", headers=headers).status_code == 200

    emulator.change("demo-s001", disableUser=True)

    assert firebase_stack.asked("GET", "/users/me", headers=headers).status_code == 401


def test_a_password_manager_and_the_enter_key_are_enough(browser: Browser) -> None:
    browser.open()
    assert browser["email"].get_attribute("autocomplete") == "username"
    assert browser["password"].get_attribute("autocomplete") == "current-password"
    assert [browser.tab(), browser.tab()] == ["email", "password"]
    browser["email"].send_keys(EMAIL)
    browser["password"].send_keys(PASSWORD + "\n")

    assert browser["user-id"].text == "S001"


def test_a_password_is_written_down_nowhere(browser: Browser, firebase_stack: Stack) -> None:
    """Right and wrong, in a body that is whole and in one that is not, in any spelling."""
    sign_in(browser)
    browser["session"]
    for body in (json.dumps({"email": EMAIL, "password": PASSWORD, "x": 1}), f'{{"password": "{PASSWORD}'):
        headers = {"Content-Type": "application/json"}
        firebase_stack.asked("POST", "/sign-in/password", data=body.encode(), headers=headers)
        firebase_stack.asked("POST", "/sign-in/password", data=body.encode())

    written = b"".join(path.read_bytes() for path in (firebase_stack.home / "logs").rglob("*") if path.is_file())

    assert b'"/sign-in/password"' in written  # the logs were those of these requests
    assert not [spelling for spelling in spellings(PASSWORD) if spelling.lower() in written.lower()]
    assert b"canary-marie" not in written
    assert not [path for path in commands() if b"canary" in path]


def spellings(text: str) -> list[bytes]:
    raw = text.encode()
    return [
        raw, json.dumps(text)[1:-1].encode(), quote(text).encode(), quote(text, safe="").encode(), raw.hex().encode(),
        *(base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)), b"canary Horse",
    ]


def commands() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:  # it has ended
            continue
        if b"mymonit" in line or b"nginx" in line:
            found.append(line)
    assert found
    return found
