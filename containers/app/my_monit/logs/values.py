"""What may stand in a log line. An allow-list: of anything unknown, only the name of its type is told."""

import math
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import PurePath
from traceback import walk_tb

from my_monit.errors import MyMonitError
from my_monit.logs.facets import MASK

Rendered = bool | int | float | str | None | dict[str, "Rendered"]

#: Characters. A field is an identifier or a word; a message is one sentence.
MAX_FIELD_CHARS = 200
MAX_MESSAGE_CHARS = 1000
#: Elasticsearch's `long`; a greater number would be refused together with its line.
MAX_INT = 2**63 - 1
#: Domain objects within domain objects.
MAX_DEPTH = 3
#: Innermost frames of each exception, and exceptions of a chain.
MAX_FRAMES = 20
MAX_CAUSES = 5

#: Never shown, whatever value came with it: for the caller who reads a personal value before the logger can mask it.
HIDDEN_FIELDS = frozenset(
    ("name", "username", "email", "subject", "password", "secret", "token", "authorization", "cookie", "key", "body")
)


def one_line(text: str, *, limit: int = MAX_FIELD_CHARS) -> str:
    """Escape what ends a line, steers a terminal, turns the direction of writing or cannot be encoded; cut the rest."""
    shown = text if len(text) <= limit else text[:limit] + "…"
    if shown.isprintable():
        return shown
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in shown)


def render_fields(fields: Mapping[str, object], *, depth: int = MAX_DEPTH) -> dict[str, Rendered]:
    return {
        one_line(str(name)): MASK if str(name).lower() in HIDDEN_FIELDS else render(value, depth=depth)
        for name, value in fields.items()
    }


def render(value: object, *, depth: int = MAX_DEPTH) -> Rendered:
    if isinstance(value, Enum):
        value = value.value
    match value:
        case None | bool():
            return value
        case int() if abs(value) <= MAX_INT:
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else f"{value:f}"
        case str():
            return one_line(value)
        case _:
            return _domain_object(value, depth=depth)


def _domain_object(value: object, *, depth: int) -> Rendered:
    log_fields = getattr(type(value), "log_fields", None)
    if log_fields is None or depth == 0:
        return _type_name(value)
    try:
        return render_fields(log_fields(value), depth=depth - 1)
    except Exception:  # pylint: disable=broad-exception-caught  # logging must not break what it tells about
        return _type_name(value)


def render_error(error: BaseException) -> dict[str, Rendered]:
    """Type, number and frames, by the names of ECS. The text of a foreign exception may quote data: it is left out."""
    told: dict[str, Rendered] = {"type": _type_name(error)}
    if (code := _errno(error)) is not None:
        told["code"] = code
    if isinstance(error, MyMonitError):
        told["message"] = one_line(str(error), limit=MAX_MESSAGE_CHARS)
    if story := "\n".join(_story(error)):
        told["stack_trace"] = story
    return told


def _story(error: BaseException) -> Iterator[str]:
    """Where the error was raised, then each exception that it came from and where that one was raised."""
    yield from _frames(error)
    for _ in range(MAX_CAUSES):
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is None:
            return
        code = _errno(cause)
        yield f"caused by {_type_name(cause)}" + ("" if code is None else f" {code}")
        yield from _frames(cause)
        error = cause


def _frames(error: BaseException) -> Iterator[str]:
    for frame, line in list(walk_tb(error.__traceback__))[-MAX_FRAMES:]:
        file = "/".join(PurePath(frame.f_code.co_filename).parts[-3:])
        yield one_line(f"{file}:{line}:{frame.f_code.co_name}")


def _errno(error: BaseException) -> int | None:
    code = getattr(error, "errno", None)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _type_name(value: object) -> str:
    kind = type(value)
    return one_line(kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}")
