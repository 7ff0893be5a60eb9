"""How a process without a web server tells how it is: a small HTTP server of its own, for the supervisor."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from my_monit.errors import ConfigurationError, MyMonitError
from my_monit.settings import HealthConfiguration


class Health:
    """Ready or not, and why not."""

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        """`check` raises a MyMonitError when what the work needs is away: an idle process would not notice."""
        self._check = check
        self._problem: str | None = "starting"

    def succeed(self) -> None:
        self._problem = None

    def fail(self, problem: str) -> None:
        self._problem = problem

    @property
    def problem(self) -> str | None:
        """What the work met last."""
        return self._problem

    def ask(self) -> str | None:
        """Why the process cannot work just now; None when it can."""
        if self._problem is None:
            try:
                self._check()
            except MyMonitError as error:
                return str(error)
        return self._problem


@contextmanager
def served(health: Health, configuration: HealthConfiguration) -> Iterator[None]:
    """Answer /health/live (the process runs) and /health/ready (it does its work) within the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # pylint: disable=invalid-name  # http.server's name
            problem = health.ask() if self.path == "/health/ready" else None
            known = self.path in ("/health/live", "/health/ready")
            self.send_response(404 if not known else 503 if problem else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"status": problem or "ok"}).encode())

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
