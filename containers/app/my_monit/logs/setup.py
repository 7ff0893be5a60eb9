"""Where log lines go: standard error, and Logstash when it has an address."""

import atexit
import io
import logging
import sys
import threading
from types import TracebackType
from typing import Protocol, TextIO

from my_monit.logs.logger import PARENT, Details, get_logger
from my_monit.logs.rendering import formatter_for
from my_monit.logs.shipping import Shipping

#: They write to standard error by handlers of their own, past every mask.
_GUNICORN = ("gunicorn.error", "gunicorn.access")

log = get_logger("logs")


class LogConfiguration(Protocol):
    @property
    def log_level(self) -> str: ...
    @property
    def logstash_host(self) -> str | None: ...
    @property
    def logstash_port(self) -> int: ...


def setup_logging(configuration: LogConfiguration) -> "Logging":
    """Send every library's records our way. Call it once in each process; a worker calls it again after the fork."""
    while _installed:
        _installed.pop().close()
    _installed.append(Logging(configuration))
    return _installed[-1]


def adopt_gunicorn() -> None:
    """Send gunicorn's records our way, too. Its master makes its loggers late: its `logger_class` calls this again."""
    for name in _GUNICORN:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


class Logging:
    def __init__(self, configuration: LogConfiguration) -> None:
        host, port = configuration.logstash_host, configuration.logstash_port
        self._hooks = sys.excepthook, threading.excepthook
        self._shipping = Shipping(host, port) if host else None
        self._handlers: list[logging.Handler] = [_standard_error()]
        if self._shipping:
            self._handlers.append(self._shipping.handler)
        self._install(configuration.log_level)

    def _install(self, level: str) -> None:
        root = logging.getLogger()
        root.setLevel(logging.WARNING)
        logging.getLogger(PARENT).setLevel(level)
        for handler in self._handlers:
            handler.addFilter(_is_ours_or_a_warning)
            root.addHandler(handler)
        adopt_gunicorn()
        atexit.register(self.close)
        sys.excepthook = _log_crash
        threading.excepthook = lambda args: _log_crash(args.exc_type, args.exc_value, args.exc_traceback)

    @property
    def dropped(self) -> int:
        """Lines that did not reach Logstash."""
        return self._shipping.dropped if self._shipping else 0

    def close(self) -> None:
        """Send what waits for Logstash, within seconds, and log no more. The end of the process does it, too."""
        atexit.unregister(self.close)
        sys.excepthook, threading.excepthook = self._hooks
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
        if self._shipping:
            self._shipping.close()
        _let_go_of_standard_error()


#: What this process logs through: one or none.
_installed: list[Logging] = []


class _StandardError(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # pylint: disable=invalid-name  # logging's name
        """Nobody can be told that standard error is gone, and the work must go on."""


def _let_go_of_standard_error() -> None:
    """Where it is gone: Python would end with status 120 for what it cannot flush."""
    try:
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        sys.stderr = None


def _standard_error() -> logging.Handler:
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")  # JSON is UTF-8, whatever the locale
    handler = _StandardError(sys.stderr)
    handler.setFormatter(formatter_for(sys.stderr))
    return handler


def _is_ours_or_a_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or isinstance(getattr(record, "details", None), Details)


def _log_crash(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    """Python's own report of an uncaught exception would print its text, which may quote personal data."""
    if issubclass(kind, KeyboardInterrupt) and error is not None:
        sys.__excepthook__(kind, error, traceback)
    elif not issubclass(kind, SystemExit):
        log.critical("crashed", error=error or kind())
