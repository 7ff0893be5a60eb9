"""Serves the application with gunicorn: several processes, several threads each."""

import ctypes
import resource
import socket
import sys
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn import glogging
from gunicorn.app.base import BaseApplication

from my_monit.errors import ConfigurationError
from my_monit.logs.setup import adopt_gunicorn
from my_monit.rest import arrow
from my_monit.rest.worker import Worker
from my_monit.settings import RestConfiguration

#: Seconds that a worker's event loop may be silent; a stream that works is not silent.
WORKER_SECS = 60
#: Seconds that requests under way may take to end after a SIGTERM.
GRACE_SECS = 20
#: Seconds that an idle connection of the proxy stays open: longer than the proxy keeps it, so that it closes first.
KEEP_ALIVE_SECS = 75
#: Seconds after which a thread that computes lets others on. Whoever reads for an export wants to go on for a moment
#: after each statement, and would wait much longer than the database took while others write lines.
SWITCH_SECS = 0.0005
#: Bytes from which a block of memory is the system's again as soon as it is freed. What a piece of an export needs is
#: smaller: to get it anew each time cost a fifth of the worker's CPU.
LARGE_BLOCK_BYTES = 2 * 1024 * 1024
#: Free bytes at the end of the heap that are kept for the next piece.
SPARE_BYTES = 16 * 1024 * 1024

#: Of prctl(2), and of mallopt(3).
_PR_SET_DUMPABLE = 4
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


class _Logger(glogging.Logger):
    """Gunicorn's lines go where ours go, and are masked like ours."""

    def setup(self, cfg: object) -> None:
        super().setup(cfg)
        adopt_gunicorn()


class RestListener(BaseApplication):
    def __init__(self, configuration: RestConfiguration, make_app: Callable[[], Flask]) -> None:
        """`make_app` is called in each worker, after the fork: no connection, thread or lock is shared."""
        self._configuration = configuration
        self._make_app = make_app
        super().__init__()

    def init(self, parser: object, opts: object, args: object) -> None:
        """Gunicorn's own command line is not read."""

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"{self._configuration.host}:{self._configuration.port}",
            "workers": self._configuration.workers,
            "threads": self._configuration.threads,
            "worker_class": Worker,
            "limit_request_line": 8190,  # these three: as much as the proxy lets through
            "limit_request_fields": 1000,
            "limit_request_field_size": 8190,
            "forwarded_allow_ips": "",  # no header decides on the scheme or the path of a request
            "logger_class": _Logger,
            "timeout": WORKER_SECS,
            "graceful_timeout": GRACE_SECS,
            "keepalive": KEEP_ALIVE_SECS,
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        """Serve until a signal ends it. Raises ConfigurationError at once when the address is taken."""
        host, port = self._configuration.host, self._configuration.port
        try:
            socket.create_server((host, port)).close()
        except OSError as error:
            raise ConfigurationError(f"REST_PORT: {host}:{port} is in use") from error
        _forbid_core_dumps()
        _bound_memory()
        sys.setswitchinterval(SWITCH_SECS)
        super().run()

    def load(self) -> Flask:
        arrow.load()
        return self._make_app()


def _forbid_core_dumps() -> None:
    """Tokens and passwords pass through these processes: no crash may write them to a disk, nor hand them to the
    system's collector of crashes, which limits do not hold back."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _bound_memory() -> None:
    """glibc would give each thread a heap of its own that keeps what was freed, and a worker would end up with what all
    its threads ever needed at once. One heap that keeps enough for the next piece of an export is small and fast.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # not everywhere
        library.mallopt(_M_ARENA_MAX, 1)
        library.mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, SPARE_BYTES)
