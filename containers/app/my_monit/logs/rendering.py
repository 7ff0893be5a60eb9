"""How a record looks: a JSON line with ECS names for machines, a readable and coloured one for people."""

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TextIO

from colorama import Fore, Style

from my_monit import __version__
from my_monit.logs.facets import is_logging
from my_monit.logs.logger import Details, bound_fields
from my_monit.logs.scrubber import scrub
from my_monit.logs.trace import current_trace_id
from my_monit.logs.values import MAX_MESSAGE_CHARS, Rendered, one_line, render_error

_ECS_VERSION = "8.17"
_BARE_WORD = re.compile(r"[\w.,:/+@*-]+")
_COLOURS = {
    logging.DEBUG: Style.DIM,
    logging.INFO: Fore.GREEN,
    logging.WARNING: Fore.YELLOW,
    logging.ERROR: Fore.RED,
    logging.CRITICAL: Fore.RED + Style.BRIGHT,
}


def formatter_for(stream: TextIO) -> logging.Formatter:
    """Lines for people on a terminal (https://no-color.org is honoured), JSON lines anywhere else."""
    if stream.isatty():
        return TerminalLines(coloured=not os.environ.get("NO_COLOR"))
    return JsonLines()


class JsonLines(logging.Formatter):
    @is_logging
    def format(self, record: logging.LogRecord) -> str:
        return scrub(json.dumps(_document(record), ensure_ascii=False, separators=(",", ":")))


class TerminalLines(logging.Formatter):
    def __init__(self, *, coloured: bool) -> None:
        super().__init__()
        self._coloured = coloured

    @is_logging
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).isoformat(sep=" ", timespec="milliseconds")
        head = f"{time} {record.levelname:<8} {one_line(record.name)} "
        text = scrub(" ".join((_message(record), *_pairs(_fields(record)))))
        text += scrub("".join(_error_lines(_error(record))))
        return f"{_COLOURS.get(record.levelno, '')}{head}{Style.RESET_ALL}{text}" if self._coloured else head + text


def _document(record: logging.LogRecord) -> dict[str, object]:
    message = _message(record)
    fields = _fields(record)
    trace_id = fields.pop("trace_id", None)
    document = {
        "@timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "log": {"level": record.levelname.lower(), "logger": one_line(record.name)},
        "message": message,
        "event": {"action": message} if _details(record) else None,
        "service": {"name": "mymonit", "version": __version__},
        "process": {"pid": record.process},
        "ecs": {"version": _ECS_VERSION},
        "trace": {"id": trace_id} if trace_id is not None else None,
        "error": _error(record),
        "mymonit": fields or None,
    }
    return {name: value for name, value in document.items() if value is not None}


def _details(record: logging.LogRecord) -> Details | None:
    details = getattr(record, "details", None)
    return details if isinstance(details, Details) else None


def _fields(record: logging.LogRecord) -> dict[str, Rendered]:
    """The record's own fields go before what is bound. Called in the thread that logs, whose context it reads."""
    details, trace_id = _details(record), current_trace_id()
    return {
        **({} if trace_id is None else {"trace_id": trace_id}),
        **bound_fields(),
        **(details.fields if details else {}),
    }


def _error(record: logging.LogRecord) -> Mapping[str, Rendered] | None:
    if details := _details(record):
        return details.error
    error = record.exc_info[1] if record.exc_info else None
    return render_error(error) if error else None


def _message(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except Exception:  # pylint: disable=broad-exception-caught  # a library's wrong arguments must not lose its line
        message = str(record.msg)
    return one_line(message, limit=MAX_MESSAGE_CHARS)


def _pairs(fields: Mapping[str, Rendered], *, prefix: str = "") -> Iterator[str]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _pairs(value, prefix=f"{prefix}{name}.")
        elif isinstance(value, str) and _BARE_WORD.fullmatch(value):
            yield f"{prefix}{name}={value}"
        else:
            yield f"{prefix}{name}={json.dumps(value, ensure_ascii=False)}"


def _error_lines(error: Mapping[str, Rendered] | None) -> Iterator[str]:
    if error:
        yield " | " + " ".join(str(error[part]) for part in ("type", "code", "message") if part in error)
        for line in str(error.get("stack_trace", "")).splitlines():
            yield f"\n    {line}"
