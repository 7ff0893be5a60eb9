"""Structured log lines: one constant event and its fields.

    log = get_logger("listener")
    log.info("batch_stored", stored=12, seconds=0.1)

Events are snake_case constants, identifiers are fields. Fields are rendered here, in the caller's thread and in the
logging facet: nothing live reaches a handler. Every line bears the trace id of `traced`.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType

from my_monit.logs.facets import is_logging
from my_monit.logs.values import Rendered, render_error, render_fields

#: The parent of our loggers: its level is the one that is set, every other library's is WARNING.
PARENT = "mymonit"

_bound: ContextVar[Mapping[str, Rendered]] = ContextVar("my_monit_bound", default=MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Details:
    """What a record of ours carries besides its event, rendered already."""

    fields: Mapping[str, Rendered]
    error: Mapping[str, Rendered] | None


class Logger:
    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"{PARENT}.{name}")

    def debug(self, event: str, /, *, error: BaseException | None = None, **fields: object) -> None:
        self._log(logging.DEBUG, event, error, fields)

    def info(self, event: str, /, *, error: BaseException | None = None, **fields: object) -> None:
        self._log(logging.INFO, event, error, fields)

    def warning(self, event: str, /, *, error: BaseException | None = None, **fields: object) -> None:
        self._log(logging.WARNING, event, error, fields)

    def error(self, event: str, /, *, error: BaseException | None = None, **fields: object) -> None:
        self._log(logging.ERROR, event, error, fields)

    def critical(self, event: str, /, *, error: BaseException | None = None, **fields: object) -> None:
        self._log(logging.CRITICAL, event, error, fields)

    @is_logging
    def _log(self, level: int, event: str, error: BaseException | None, fields: Mapping[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            details = Details(render_fields(fields), None if error is None else render_error(error))
            self._logger.log(level, event, extra={"details": details})

    @staticmethod
    @contextmanager
    def bound(**fields: object) -> Iterator[None]:
        """Add fields to every line, of any logger, that is logged inside the block by this thread or task."""
        token = _bound.set({**_bound.get(), **_rendered(fields)})
        try:
            yield
        finally:
            _bound.reset(token)


def get_logger(name: str) -> Logger:
    return Logger(name)


def bound_fields() -> Mapping[str, Rendered]:
    return _bound.get()


_rendered = is_logging(render_fields)
