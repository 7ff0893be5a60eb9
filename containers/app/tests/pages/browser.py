"""Chromium as the tests use it: what a person does, waits for and sees."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

DESKTOP, PHONE, SMALL_PHONE = (1280, 900), (390, 844), (320, 568)
WAIT_SECS = 15
_T = TypeVar("_T")


class Browser:
    def __init__(self, driver: Chrome, url: str, reports: Path, name: str) -> None:
        self.driver = driver
        self._url = url
        self._reports = reports
        self._name = name

    def begin(self) -> None:
        """Without cookies and what was logged before, at a desktop."""
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        permissions = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": self._url}
        self.driver.execute_cdp_cmd("Browser.grantPermissions", permissions)
        # Without a screen no window has the focus, and without that nothing may be copied.
        self.driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
        self.resize(DESKTOP)
        self.dark(False)
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)

    def open(self, query: str = "") -> None:
        self.driver.get(f"{self._url}/static/index.html{query}")

    def resize(self, size: tuple[int, int]) -> None:
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size != DESKTOP}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def dark(self, on: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def __getitem__(self, element_id: str) -> WebElement:
        """As soon as it can be seen."""

        def found() -> WebElement | None:
            element = self.driver.find_element(By.ID, element_id)
            return element if element.is_displayed() else None

        return self.until(found)

    def until(self, question: Callable[[], _T | None]) -> _T:
        """The page may go while it is asked, and the next one come."""
        wait = WebDriverWait(self.driver, WAIT_SECS, ignored_exceptions=[StaleElementReferenceException])
        answer = wait.until(lambda _: question())
        assert answer is not None
        return answer

    def sees(self, element_id: str) -> bool:
        return self.driver.find_element(By.ID, element_id).is_displayed()

    def message(self) -> str:
        return self["message"].text

    def submit(self, form_id: str) -> None:
        self[form_id].find_element(By.TAG_NAME, "button").click()

    def press(self, *keys: str) -> None:
        """To whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def tab(self) -> str:
        """The id of what has the focus next."""
        self.press(Keys.TAB)
        return str(self.driver.switch_to.active_element.get_attribute("id"))

    def focused(self) -> str:
        return str(self.driver.switch_to.active_element.get_attribute("id"))

    def value(self, element_id: str) -> str:
        return str(self.driver.find_element(By.ID, element_id).get_property("value"))

    def clipboard(self) -> str:
        return str(self.driver.execute_async_script(
            "const done = arguments[0]; navigator.clipboard.readText().then(done, (error) => done(`${error}`));"
        ))

    def kept(self) -> list[object]:
        """What the browser keeps of the page: storage, cookies (also those that no script sees), the address."""
        script = "return [localStorage.length, sessionStorage.length, location.search, location.hash]"
        cookies = self.driver.execute_cdp_cmd("Network.getAllCookies", {})["cookies"]
        return [*self.driver.execute_script(script), *cookies]

    def is_wider_than_its_window(self) -> bool:
        return bool(self.driver.execute_script("return document.documentElement.scrollWidth > innerWidth"))

    def photograph(self, label: str) -> None:
        """All of the page, at a desktop and at a phone, in the light and in the dark."""
        self._reports.mkdir(parents=True, exist_ok=True)
        for size, kind in ((DESKTOP, "desktop"), (PHONE, "phone")):
            for is_dark in (False, True):
                self.resize(size)
                self.dark(is_dark)
                picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
                path = self._reports / f"{label}-{kind}-{'dark' if is_dark else 'light'}.png"
                path.write_bytes(base64.b64decode(picture["data"]))
        self.resize(SMALL_PHONE)
        assert not self.is_wider_than_its_window()
        self.resize(DESKTOP)
        self.dark(False)

    def hosts(self) -> set[str]:
        """Whom the browser has asked for anything."""
        events = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        asked = (
            urlsplit(event["params"]["request"]["url"]) for event in events
            if event["method"] == "Network.requestWillBeSent"
        )
        return {place.netloc for place in asked if place.scheme in ("http", "https", "ws", "wss")}

    def complaints(self) -> list[str]:
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]
