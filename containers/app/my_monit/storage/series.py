"""Measure types and series in MySQL."""

from collections.abc import Collection

from my_monit.errors import Conflict
from my_monit.model import MeasureType, Series, SeriesExtent
from my_monit.storage.connector import Session
from my_monit.storage.experiments import ASSOCIATED
from my_monit.storage.faults import DuplicateKey

_TYPE = "measure_type_id, name, symbol, quantity"


class MeasureTypes:
    def __init__(self, session: Session) -> None:
        self._session = session

    def page(self, *, after: int, limit: int) -> list[MeasureType]:
        sql = (
            f"SELECT {_TYPE} FROM MEASURE_TYPES "
            "WHERE measure_type_id > %s ORDER BY measure_type_id LIMIT %s"
        )
        return [MeasureType(*row) for row in self._session.rows(sql, (after, limit))]

    def add(self, *, name: str, symbol: str, quantity: str) -> MeasureType:
        sql = "INSERT INTO MEASURE_TYPES (name, symbol, quantity) VALUES (%s, %s, %s)"
        try:
            return MeasureType(self._session.insert(sql, (name, symbol, quantity)), name, symbol, quantity)
        except DuplicateKey as error:
            raise Conflict("there is a measure type of this name") from error

    def by_name(self, names: Collection[str]) -> dict[str, MeasureType]:
        if not names:
            return {}
        marks = ", ".join(["%s"] * len(names))
        sql = f"SELECT {_TYPE} FROM MEASURE_TYPES WHERE name IN ({marks})"
        wanted = frozenset(names)  # utf8mb4_bin ignores trailing blanks, we do not
        return {row[1]: MeasureType(*row) for row in self._session.rows(sql, list(names)) if row[1] in wanted}


class SeriesTable:
    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, experiment_id: int, *, visible_to: str) -> list[Series]:
        sql = (
            "SELECT s.series_id, t.name, t.symbol, s.sensor "
            "FROM SERIES s JOIN MEASURE_TYPES t ON t.measure_type_id = s.measure_type_id "
            f"WHERE s.experiment_id = %s AND {ASSOCIATED.format(experiment_id='s.experiment_id')} ORDER BY s.series_id"
        )
        rows = self._session.rows(sql, (experiment_id, visible_to))
        return [Series(series_id, name, symbol, bytes(sensor).decode()) for series_id, name, symbol, sensor in rows]

    def extents(self, experiment_id: int, *, visible_to: str) -> list[SeriesExtent]:
        series = self.of(experiment_id, visible_to=visible_to)
        if not series:
            return []
        numbers = ", ".join(str(one.series_id) for one in series)
        bounds = {number: (first, last) for number, first, last in self._session.rows(
            "SELECT series_id, MIN(time), MAX(time) FROM MEASURES "
            f"WHERE series_id IN ({numbers}) GROUP BY series_id"
        )}
        counts: dict[int, int] = dict(self._session.rows(
            "SELECT series_id, measures FROM SERIES_COUNTS "
            f"WHERE series_id IN ({numbers})"
        ))
        nothing = (None, None)
        return [SeriesExtent(s, *bounds.get(s.series_id, nothing), counts.get(s.series_id, 0)) for s in series]

    def find_or_add(self, experiment_id: int, measure_type_id: int, sensor: str) -> int:
        identity = (experiment_id, measure_type_id, sensor.encode())
        sql = "SELECT series_id FROM SERIES WHERE experiment_id = %s AND measure_type_id = %s AND sensor = %s"
        row = self._session.row(sql, identity)
        if row:
            return int(row[0])
        sql = "INSERT INTO SERIES (experiment_id, measure_type_id, sensor) VALUES (%s, %s, %s)"
        return self._session.insert(sql, identity)
