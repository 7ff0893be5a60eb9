"""The sign-in page of a running stack in Chromium, for each provider: `./run-checks.sh pages`."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from tests.firebase_emulator import Emulator, running_emulator
from tests.pages.browser import Browser
from tests.unit.issuer_stand_in import AUDIENCE, CLIENT, Issuer, issuer_stand_in

ROOT = Path(__file__).parents[4]
REPORTS = ROOT / "containers" / "app" / "reports" / "pages"
START_SECS = 180


class Stack:
    """Brought up by run.sh; its settings are changed as a person would, in the file."""

    def __init__(self, home: Path) -> None:
        self.url = os.environ["MYMONIT_URL"]
        self.home = home
        self._file = home / "env"
        self._before = self._file.read_text(encoding="utf-8")

    def use(self, **settings: str) -> None:
        kept = "".join(
            line for line in self._before.splitlines(keepends=True) if line.partition("=")[0] not in settings
        )
        added = "".join(f"{name}={value}\n" for name, value in settings.items())
        self._file.write_text(kept + added, encoding="utf-8")
        subprocess.run(
            ["./run.sh", "up", "--native"], cwd=ROOT, check=True, timeout=START_SECS, stdout=subprocess.DEVNULL
        )

    def asked(self, method: str, path: str, **options: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = os.environ["MYMONIT_CA"]
            return session.request(method, self.url + path, timeout=30, **options)

    def token(self, user_id: str) -> str:
        return subprocess.run(
            ["./run.sh", "token", user_id], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
        ).stdout.strip()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    if not (os.environ.get("MYMONIT_HOME") and os.environ.get("MYMONIT_URL") and shutil.which("chromedriver")):
        text = "needs a stack of its own and Chromium: ./run-checks.sh pages"
        pytest.fail(text) if os.environ.get("CI") else pytest.skip(text)
    stack = Stack(Path(os.environ["MYMONIT_HOME"]))
    yield stack
    stack.use()


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuer_stand_in() as issuer:
        issuer.subject = "demo-s001"
        yield issuer


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("emulator")) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def local_stack(stack: Stack) -> Stack:
    stack.use()
    return stack


@pytest.fixture(scope="module")
def oidc_stack(stack: Stack, issuer: Issuer) -> Stack:
    stack.use(IDENTITY="oidc", OIDC_ISSUER=issuer.url, OIDC_AUDIENCE=AUDIENCE, OIDC_CLIENT_ID=CLIENT)
    return stack


@pytest.fixture(scope="module")
def firebase_stack(stack: Stack, emulator: Emulator) -> Stack:
    stack.use(
        IDENTITY="firebase", MYMONIT_MODE="development", FIREBASE_AUTH_EMULATOR_HOST=emulator.host,
        FIREBASE_API_KEY="any",
    )
    return stack


def fingerprint_of_the_server(home: Path) -> str:
    """Of its key: the one that Chromium may believe without knowing its authority."""
    certificate = x509.load_pem_x509_certificate((home / "certificates" / "server" / "server.crt").read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


@pytest.fixture(scope="session")
def chromium(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    for option in (
        "headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-background-networking", "no-proxy-server",
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
        f"ignore-certificate-errors-spki-list={fingerprint_of_the_server(stack.home)}",
    ):
        options.add_argument(f"--{option}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # Named, so that nothing is looked for, or downloaded.
    options.binary_location = shutil.which("chromium") or ""
    driver = Chrome(options=options, service=ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: Chrome, stack: Stack, request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Fresh for each test. At the end nothing was refused by the policy, and nothing came from elsewhere."""
    browser = Browser(chromium, stack.url, REPORTS, re.sub(r"\W+", "-", request.node.name))
    browser.begin()
    yield browser
    allowed = {urlsplit(stack.url).netloc, *getattr(request.module, "OTHER_HOSTS", set())}
    assert {host for host in browser.hosts() if host not in allowed and not host.startswith("127.0.0.1:")} == set()
    assert [line for line in browser.complaints() if "Content Security Policy" in line or "TypeError" in line] == []
