"""How a process without a web server tells how it is: a small HTTP server of its own, for the supervisor."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from my_monit.errors import ConfigurationError, MyMonitError
from my_monit.settings import HealthConfiguration


#: Seconds that a good answer of the check is believed: it writes, and anybody on this host may ask.
CHECK_SECS = 2.0
#: Seconds that somebody who connects may take to ask.
ASKED_SECS = 5

JSON_TYPE = "application/json"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """Ready or not, and why not."""

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        """`check` raises a MyMonitError when what the work needs is away: an idle process would not notice."""
        self._check = check
        self._problem: str | None = "starting"
        self._checked = -CHECK_SECS
        #: Whether it has ever succeeded: what was never right is a mistake, what was right may become so again.
        self.was_ready = False

    def succeed(self) -> None:
        self._problem = None
        self.was_ready = True

    def fail(self, problem: str) -> None:
        self._problem = problem

    @property
    def problem(self) -> str | None:
        """What the work met last."""
        return self._problem

    def ask(self) -> str | None:
        """Why the process cannot work just now; None when it can."""
        if self._problem is None and time.monotonic() - self._checked >= CHECK_SECS:
            try:
                self._check()
                self._checked = time.monotonic()
            except MyMonitError as error:
                return str(error)
        return self._problem

    def is_ready(self) -> bool:
        return self.ask() is None


@contextmanager
def served(
    health: Health, configuration: HealthConfiguration, metrics: Callable[[], bytes] | None = None
) -> Iterator[None]:
    """Answer /health/live (the process runs), /health/ready (it does its work) and, where there are any, /metrics
    within the block."""

    def answer(path: str) -> tuple[int, str, bytes]:
        if path == "/metrics" and metrics:
            return 200, METRICS_TYPE, metrics()
        if path not in ("/health/live", "/health/ready"):
            return 404, JSON_TYPE, b"{}"
        problem = health.ask() if path == "/health/ready" else None
        return 503 if problem else 200, JSON_TYPE, json.dumps({"status": problem or "ok"}).encode()

    class Handler(BaseHTTPRequestHandler):
        timeout = ASKED_SECS

        def do_GET(self) -> None:  # pylint: disable=invalid-name  # http.server's name
            status, kind, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:  # pylint: disable=arguments-differ
            """A probe every few seconds is no news."""

    try:
        server = ThreadingHTTPServer((configuration.host, configuration.port), Handler)
    except OSError as error:
        setting = f"{configuration.model_config.get('env_prefix')}PORT"
        raise ConfigurationError(f"{setting}: {configuration.host}:{configuration.port} is in use") from error
    with server:
        threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
