"""The last file: whoever guesses has to wait afterwards, and that is this machine."""

from requests import Response

from tests.pages.browser import Browser
from tests.pages.conftest import Stack

GUESSES = 40
RETRY_SECS = "3"


def guess(stack: Stack) -> Response:
    return stack.asked("POST", "/sign-in/finish", json={"code": "guess", "state": "guess"})


def test_guessing_is_slowed_down_a7(oidc_stack: Stack) -> None:
    guesses = [guess(oidc_stack) for _ in range(GUESSES)]

    refused = [answer for answer in guesses if answer.status_code == 429]
    assert len(refused) >= GUESSES - 21 - 10  # some seconds may have passed
    assert {answer.status_code for answer in guesses} == {401, 429}
    assert {answer.headers["Retry-After"] for answer in refused} == {RETRY_SECS}
    assert {answer.json()["title"] for answer in refused} == {"Too Many Requests"}
    assert oidc_stack.asked("GET", "/sign-in/way").status_code == 200


def test_the_page_tells_how_long_to_wait(oidc_stack: Stack, browser: Browser) -> None:
    browser.open()
    browser["code-way"]
    # In the page, since the next attempt that is let through is never far.
    browser.driver.execute_async_script(
        """
        const [count, done] = arguments;
        const options = {method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"};
        const guesses = Array.from({length: count}, () => fetch("/sign-in/finish", options));
        Promise.all(guesses).then(() => document.querySelector("#code-way button").click()).then(done);
        """, GUESSES,
    )

    browser.until(lambda: "Too many" in browser.message())
    assert browser.message() == f"Too many attempts. Wait {RETRY_SECS} seconds."
    browser.photograph("oidc-slowed-down")
