"""Measures as an Arrow stream: names as dictionaries, times as timestamp[ns, UTC], values as double.

pyarrow is large, so it is an extra; and slow to import, so workers load it when they start.
"""

import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, NamedTuple

from werkzeug.exceptions import NotAcceptable

from my_monit.model import Series
from my_monit.services.export import Piece
from my_monit.timestamps import NANOSECONDS


def load() -> None:
    """Does what the first export would wait for: a second, when the files have not been read for a while."""
    with suppress(ImportError):
        _pyarrow()


def _pyarrow() -> tuple[Any, Any]:
    """pyarrow, and its functions of arrays. Raises ImportError when it is not installed."""
    return import_module("pyarrow"), import_module("pyarrow.compute")


class ArrowFormat:
    content_type = "application/vnd.apache.arrow.stream"

    def __init__(self) -> None:
        try:
            self._arrow, self._compute = _pyarrow()
        except ImportError as error:
            raise NotAcceptable("Arrow is not installed here: the extra arrow of mymonit") from error
        # pyarrow's own allocator keeps more of what is freed, in a worker that may never be asked for Arrow again.
        self._arrow.set_memory_pool(self._arrow.system_memory_pool())

    def encode(self, pieces: Iterable[Piece]) -> Iterator[bytes]:
        """A stream that is not closed has no end mark, so an error here leaves one that readers refuse or see cut."""
        sink = _Sink()
        writer = self._arrow.ipc.new_stream(self._arrow.PythonFile(sink, "w"), self._schema())
        names: _Names | None = None
        for piece in pieces:
            if piece.columns:
                names = names if names and names.series is piece.series else self._named(piece)
                writer.write_batch(self._batch(piece, names))
            yield from sink.taken()
        writer.close()
        yield from sink.taken()

    def _schema(self) -> Any:
        name = self._arrow.dictionary(self._arrow.int32(), self._arrow.string())
        return self._arrow.schema([
            ("experiment", name), ("measure_type", name), ("sensor", name),
            ("timestamp", self._arrow.timestamp("ns", "UTC")), ("value", self._arrow.float64()),
        ])

    def _named(self, piece: Piece) -> "_Names":
        known = piece.series.values()
        columns: list[list[str | None]] = [
            [piece.experiment.name] * len(known), [one.measure_type for one in known],
            [one.sensor or None for one in known],
        ]
        places = {number: place for place, number in enumerate(piece.series)}
        return _Names(piece.series, places, [self._strings(column).dictionary_encode() for column in columns])

    def _batch(self, piece: Piece, names: "_Names") -> Any:
        columns, int64 = piece.columns, self._arrow.int64()
        seconds, nanoseconds, values = (
            self._array(self._arrow.float64(), column.tobytes(), len(columns))
            for column in (columns.seconds, columns.nanoseconds, columns.values)
        )
        # Not a number of Python's: for that, too, compute would import pandas.
        second = self._array(int64, NANOSECONDS.to_bytes(8, sys.byteorder), 1)[0]
        times = self._compute.add(self._compute.multiply(seconds.cast(int64), second), nanoseconds.cast(int64))
        places = array("i", map(names.places.__getitem__, columns.series_ids.tolist())).tobytes()
        series = self._array(self._arrow.int32(), places, len(columns))
        stamps = times.cast(self._arrow.timestamp("ns", "UTC"))
        return self._arrow.RecordBatch.from_arrays(
            [*(each.take(series) for each in names.dictionaries), stamps, values], schema=self._schema()
        )

    def _array(self, kind: Any, numbers: bytes, length: int) -> Any:
        return self._arrow.Array.from_buffers(kind, length, [None, self._arrow.py_buffer(numbers)])

    def _strings(self, column: Iterable[str | None]) -> Any:
        """Not by pyarrow.array, which imports pandas wherever it is installed: 40 MiB in each worker for nothing."""
        builder = self._arrow.lib.StringBuilder()
        builder.append_values(column)
        return builder.finish()


class _Names(NamedTuple):
    """Experiment, measure type and sensor of some series as Arrow's dictionaries, and where each series is in them."""

    series: Mapping[int, Series]
    places: Mapping[int, int]
    dictionaries: list[Any]


class _Sink:
    """What has been written and not yet been sent."""

    closed = False

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, chunk: Any) -> int:
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def flush(self) -> None:
        """Nothing waits."""

    def taken(self) -> Iterator[bytes]:
        chunks, self._chunks = self._chunks, []
        if chunk := b"".join(chunks):
            yield chunk
