"""Measures as lines of text, thousands at a time: a step in Python for each of them would cost more than all the rest.

msgspec writes the values, each with as few digits as tell it from every other double. What measures share is written
once and looked up: what a series begins with and, where they come again and again, seconds and fractions of a second.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from my_monit.model import Experiment, Series
from my_monit.services.export import Piece
from my_monit.timestamps import second_text

#: Enough to make the steps' own cost vanish; more would only take more memory.
LINES_AT_ONCE = 5000
#: Numbers by which one sees whether they come again and again: to look up what does not costs as much as to write it.
SAMPLE = 100


class Lines:
    """One text: a line is `begin`, the time, `between`, the value, and `end`; `separator` stands between two lines."""

    def __init__(
        self, begin: Callable[[Experiment, Series], bytes], between: bytes, end: bytes, *, separator: bytes = b""
    ) -> None:
        self._begin = begin
        self._between = b"Z" + between
        self._end = end
        self._glue = end + separator
        self._before_first = self._glue
        self._begins: tuple[Mapping[int, Series], _Once] | None = None

    def write(self, piece: Piece) -> Iterator[bytes]:
        """What follows the pieces before, part by part, none empty."""
        for start in range(0, len(piece.columns), LINES_AT_ONCE):
            yield self._part(piece._replace(columns=piece.columns[start : start + LINES_AT_ONCE]))

    def _part(self, piece: Piece) -> bytes:
        columns = piece.columns
        aspects: list[Iterable[bytes]] = [
            *self._heads(piece),
            _each(columns.nanoseconds.tolist(), self._fraction),
            msgspec.json.encode(columns.values.tolist())[1:-1].split(b","),
        ]
        parts = [b""] * (len(aspects) * len(columns))
        for place, aspect in enumerate(aspects):
            parts[place :: len(aspects)] = aspect
        # Each line begins with the end of the one before it, but for the first one.
        parts[0], self._before_first = parts[0].removeprefix(self._before_first), self._end
        parts.append(self._end)
        return b"".join(parts)

    def _heads(self, piece: Piece) -> list[Iterable[bytes]]:
        """What stands before the fractions: what the series begin with, and seconds; in one where they have but one."""
        begins, columns = self._begins_of(piece), piece.columns
        seconds = columns.seconds.tolist()
        if len(piece.series) > 1:
            return [map(begins.__getitem__, columns.series_ids.tolist()), _each(seconds, _second)]
        [number] = piece.series
        begin = begins[number]
        return [_each(seconds, lambda second: begin + _second(second))]

    def _begins_of(self, piece: Piece) -> "_Once":
        """By series id, each behind the end of the line before; kept for the pieces that follow."""
        if self._begins is None or self._begins[0] is not piece.series:
            experiment, series, _ = piece
            self._begins = series, _Once(lambda number: self._glue + self._begin(experiment, series[number]))
        return self._begins[1]

    def _fraction(self, nanoseconds: float) -> bytes:
        return (b".%09d" % int(nanoseconds)).rstrip(b"0") + self._between if nanoseconds else self._between


def _second(seconds: float) -> bytes:
    return second_text(int(seconds)).encode()


def _each(numbers: Sequence[float], write: Callable[[float], bytes]) -> Iterable[bytes]:
    """Each number as it is written: once, when it seems to come again and again."""
    some = numbers[:SAMPLE]
    if len(set(some)) > len(some) / 2:
        return map(write, numbers)
    return map(_Once(write).__getitem__, numbers)


class _Once(dict[Any, bytes]):
    """What was written already; the rest is written when it is looked up."""

    def __init__(self, write: Callable[[Any], bytes]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, key: Any) -> bytes:
        self[key] = written = self._write(key)
        return written
