"""Measures as an Arrow stream: names as dictionaries, times as timestamp[ns, UTC], values as double.

pyarrow is large and slow to import, so it is an extra, and only a worker that was asked for Arrow loads it.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from werkzeug.exceptions import NotAcceptable

from my_monit.model import Experiment, Series
from my_monit.storage.ports import Layout, Text


class ArrowFormat:
    content_type = "application/vnd.apache.arrow.stream"

    def __init__(self) -> None:
        try:
            self._arrow, self._csv = import_module("pyarrow"), import_module("pyarrow.csv")
        except ImportError as error:
            raise NotAcceptable("Arrow is not installed here: the extra arrow of mymonit") from error
        # pyarrow's own allocator keeps more of what is freed, in a worker that may never be asked for Arrow again.
        self._arrow.set_memory_pool(self._arrow.system_memory_pool())
        self._names: list[Any] = []

    def layout(self, experiment: Experiment, series: Iterable[Series]) -> Layout:
        """Lines of numbers, which pyarrow reads faster than Python could hand it one."""
        known = list(series)
        columns = ([experiment.name] * len(known), [one.measure_type for one in known],
                   [one.sensor or None for one in known])
        self._names = [self._strings(column).dictionary_encode() for column in columns]
        begins = {one.series_id: b"%d," % index for index, one in enumerate(known)}
        return Layout(begins, b",", b"\n", in_nanoseconds=True)

    def _strings(self, column: Iterable[str | None]) -> Any:
        """Not by pyarrow.array, which imports pandas wherever it is installed: 40 MiB in each worker for nothing."""
        builder = self._arrow.lib.StringBuilder()
        builder.append_values(column)
        return builder.finish()

    def encode(self, texts: Iterable[Text]) -> Iterator[bytes]:
        """A stream that is not closed has no end mark, so an error here leaves one that readers refuse or see cut."""
        sink = _Sink()
        writer = self._arrow.ipc.new_stream(self._arrow.PythonFile(sink, "w"), self._schema())
        for text in texts:
            if text.written:
                writer.write_batch(self._batch(text.written))
            yield from sink.taken()
        writer.close()
        yield from sink.taken()

    def _schema(self) -> Any:
        name = self._arrow.dictionary(self._arrow.int32(), self._arrow.string())
        return self._arrow.schema([
            ("experiment", name), ("measure_type", name), ("sensor", name),
            ("timestamp", self._arrow.timestamp("ns", "UTC")), ("value", self._arrow.float64()),
        ])

    def _batch(self, lines: bytes) -> Any:
        arrow = self._arrow
        types = {"series": arrow.int32(), "time": arrow.int64(), "value": arrow.float64()}
        table = self._csv.read_csv(
            arrow.BufferReader(lines),
            read_options=self._csv.ReadOptions(column_names=list(types), use_threads=False, block_size=len(lines) + 1),
            convert_options=self._csv.ConvertOptions(column_types=types),
        )
        series, times, values = (column.combine_chunks() for column in table.columns)
        names = [column.take(series) for column in self._names]
        stamps = times.cast(arrow.timestamp("ns", "UTC"))
        return arrow.RecordBatch.from_arrays([*names, stamps, values], schema=self._schema())


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
