"""Two facets of one program: the business facet, where a value is what it is, and the logging facet, where personal
values are masked.

Only code that renders log lines runs in the logging facet; it reads and never stores, so no mask can reach the
database. A thread starts in the business facet; a task or a `copy_context().run` keeps the facet of its maker.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

MASK: Final = "***"

_P = ParamSpec("_P")
_S = TypeVar("_S")
_T = TypeVar("_T")

_is_logging: ContextVar[bool] = ContextVar("my_monit_is_logging", default=False)


@contextmanager
def _logging_facet() -> Iterator[None]:
    token = _is_logging.set(True)
    try:
        yield
    finally:
        _is_logging.reset(token)


def is_logging(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Run a function or coroutine function in the logging facet. Raises TypeError for a generator function."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        # Its body runs after the call has returned, when the facet is already left: it would show what it should mask.
        raise TypeError(f"{function.__qualname__}: a generator cannot run in the logging facet")
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def awaited(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            with _logging_facet():
                return await function(*args, **kwargs)

        return cast(Callable[_P, _T], awaited)

    @wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with _logging_facet():
            return function(*args, **kwargs)

    return called


def do_not_log(function: Callable[[_S], _T]) -> Callable[[_S], _T]:
    """Mask a personal value: goes below `@property`, or on a method without arguments.

    Whatever compares or stores such a value reads the attribute behind it, which no facet changes.
    """

    @wraps(function)
    def value_or_mask(self: _S) -> _T:
        return cast(_T, MASK) if _is_logging.get() else function(self)

    return value_or_mask
