"""An instrument's configuration file, turned into an Instrument. Every error names the key."""

import re
import tomllib
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path

from mymonit_adapters.errors import SettingsError
from mymonit_adapters.formats import find_format, format_names
from mymonit_adapters.formats.base import Field, Format
from mymonit_adapters.instrument import Clock, Instrument, Label, Measurement, Texts, find_series
from mymonit_adapters.model import Series
from mymonit_adapters.table import Table, one_of
from mymonit_adapters.times import (
    EPOCH_UNITS,
    REJECT,
    REPEATED_HOUR,
    RFC_3339,
    ReadTime,
    check_pattern,
    epoch_reader,
    find_zone,
    pattern_reader,
    rfc3339_reader,
)
from mymonit_adapters.values import value_reader

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ARRIVAL = "arrival"
_FITS = "x"  # as any name, while the others are checked
_ONE, _ZERO = Decimal(1), Decimal(0)

_Label = str | Label | None


def read_configuration(path: Path) -> Instrument:
    """Raises SettingsError, which names the file and the key."""
    try:
        return parse_configuration(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not in UTF-8") from error
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def parse_configuration(text: str) -> Instrument:
    """Raises SettingsError, which names the key."""
    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(str(error)) from error
    return _Reader(Table(content)).instrument()


class _Reader:
    """Reads one file: the fields that it names are numbered as they come."""

    def __init__(self, top: Table) -> None:
        self._top = top
        self._fields: list[Field] = []
        self._name = top.need("name", str)
        if not _NAME.fullmatch(self._name):
            top.fail("name", "must be 1 to 64 letters, digits, _ and -, the first a letter or digit")
        self._kind = self._format()
        self._decimal_comma = top.choice("decimal", (".", ","), ".") == ","

    def instrument(self) -> Instrument:
        experiment, sensor = self._label(self._top, "experiment"), self._label(self._top, "sensor")
        missing = self._top.texts("missing")
        clock = self._clock()
        tables = self._top.tables("measures")
        self._top.finish()
        measurements = [self._measurement(table, experiment, sensor, missing) for table in tables]
        return Instrument(
            self._name, kind=self._kind, fields=self._fields, clock=clock, measurements=measurements
        )

    def _format(self) -> Format:
        name = self._top.need("format", str)
        kind = find_format(name)
        if kind is None:
            self._top.fail("format", f"there is no format {name!a}; {one_of(format_names(), name)}")
        options = self._top.table(name)
        made = kind(options)
        options.finish()
        return made

    def _clock(self) -> Clock | None:
        self._top.require("time")
        if self._top.holds("time", str):
            if self._top.get("time", str) != _ARRIVAL:
                self._top.fail("time", f'must be "{_ARRIVAL}" or a table')
            return None
        table = self._top.table("time")
        clock = Clock(
            fields=[self._index(table, "field", field) for field in table.fields("field")],
            read=self._time_reader(table),
        )
        table.finish()
        return clock

    def _time_reader(self, table: Table) -> ReadTime:
        form = table.need("format", str)
        if form in EPOCH_UNITS:
            return epoch_reader(form, decimal_comma=self._decimal_comma)
        if form != RFC_3339 and "%" not in form:
            table.fail("format", f"must be {RFC_3339}, {', '.join(EPOCH_UNITS)} or a pattern such as %Y-%m-%d %H:%M:%S")
        name = table.get("zone", str)
        try:
            zone = find_zone(name) if name is not None else None
        except ValueError as error:
            table.fail("zone", str(error))
        repeated = table.choice("repeated_hour", REPEATED_HOUR, REJECT)
        if form == RFC_3339:
            return rfc3339_reader(zone, repeated=repeated)
        try:
            check_pattern(form)
        except ValueError as error:
            table.fail("format", str(error))
        if (zone is None) is not ("%z" in form):
            what = "is missing: a pattern without %z says no zone" if zone is None else "is said by the pattern's %z"
            table.fail("zone", what)
        return pattern_reader(form, zone, repeated=repeated)

    def _measurement(
        self, table: Table, experiment: _Label, sensor: _Label, missing: list[str] | None
    ) -> Measurement:
        field = table.field("field")
        index = self._index(table, "field", field)
        own_missing = table.texts("missing")
        skipped = frozenset(text.strip() for text in (missing if own_missing is None else own_missing) or ())
        read_value = value_reader(
            decimal_comma=self._decimal_comma,
            missing=skipped,
            words=table.numbers("map"),
            scale=table.number("scale", _ONE),
            offset=table.number("offset", _ZERO),
        )
        series = self._series(table, experiment, sensor)
        table.finish()
        return Measurement(
            field=index, name=ascii(field), read_value=read_value, skip_absent="" in skipped, series=series
        )

    def _series(self, table: Table, experiment: _Label, sensor: _Label) -> Series | Callable[[Texts], Series]:
        own_experiment, own_sensor = self._label(table, "experiment"), self._label(table, "sensor")
        experiment = experiment if own_experiment is None else own_experiment
        sensor = sensor if own_sensor is None else own_sensor
        if experiment is None:
            table.require("experiment")
        table.require("measure")
        measure, unit = self._label(table, "measure"), table.get("unit", str)
        labels = (experiment, measure, sensor)
        try:
            fixed = find_series(*(_FITS if isinstance(label, Label) else label for label in labels), unit)
        except ValueError as error:
            raise SettingsError(f"{table.path}: {error}") from error
        return partial(_series_of, labels, unit) if any(isinstance(label, Label) for label in labels) else fixed

    def _label(self, table: Table, key: str) -> _Label:
        if not table.holds(key, dict):
            return table.get(key, str)
        options = table.table(key)
        field = options.field("field")
        label = Label(what=key, field=self._index(options, "field", field), words=options.words("map"))
        options.finish()
        return label

    def _index(self, table: Table, key: str, field: Field) -> int:
        try:
            self._kind.check_field(field)
        except ValueError as error:
            table.fail(key, str(error))
        if field not in self._fields:
            self._fields.append(field)
        return self._fields.index(field)


def _series_of(labels: tuple[_Label, _Label, _Label], unit: str | None, texts: Texts) -> Series:
    experiment, measure, sensor = (label.read(texts) if isinstance(label, Label) else label for label in labels)
    return find_series(experiment, measure, sensor, unit)
