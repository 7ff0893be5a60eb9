"""The number by which a request or a command is found again: in its problem, its audit and its log lines."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)


def current_trace_id() -> str | None:
    """32 hexadecimal digits (W3C Trace Context), or None outside of any trace."""
    return _trace_id.get()


@contextmanager
def traced(trace_id: str | None = None) -> Iterator[str]:
    """Everything within bears this trace id, or a new one."""
    trace_id = trace_id or secrets.token_hex(16)
    token = _trace_id.set(trace_id)
    try:
        yield trace_id
    finally:
        _trace_id.reset(token)
