"""Experiments, their names, and who may see them, in MySQL."""

from collections.abc import Collection
from datetime import datetime

from my_monit.errors import Conflict
from my_monit.model import Association, Experiment
from my_monit.storage.connector import Row, Session
from my_monit.storage.faults import DuplicateKey
from my_monit.storage.moments import from_column, to_column

_COLUMNS = "association_id, experiment_id, user_id, since, until"
_CURRENT = "(until IS NULL OR until > UTC_TIMESTAMP(6))"
#: True where user %s is now associated with the experiment: the one place that says what "associated" means.
ASSOCIATED = (
    "EXISTS (SELECT 1 FROM USER_EXPERIMENTS ue WHERE ue.user_id = %s AND ue.experiment_id = {experiment_id} "
    f"AND {_CURRENT})"
)
_VISIBLE = f"(%s IS NULL OR {ASSOCIATED.format(experiment_id='e.experiment_id')})"


class Experiments:
    def __init__(self, session: Session) -> None:
        self._session = session

    def page(self, *, after: int, limit: int, visible_to: str | None) -> list[Experiment]:
        sql = (
            "SELECT e.experiment_id, e.name FROM EXPERIMENTS e "
            f"WHERE e.experiment_id > %s AND {_VISIBLE} ORDER BY e.experiment_id LIMIT %s"
        )
        return [Experiment(*row) for row in self._session.rows(sql, (after, visible_to, visible_to, limit))]

    def get(self, experiment_id: int, *, visible_to: str | None, lock: bool = False) -> Experiment | None:
        sql = (
            "SELECT e.experiment_id, e.name FROM EXPERIMENTS e "
            f"WHERE e.experiment_id = %s AND {_VISIBLE}{' FOR UPDATE' if lock else ''}"
        )
        row = self._session.row(sql, (experiment_id, visible_to, visible_to))
        return Experiment(*row) if row else None

    def add(self, name: str) -> Experiment:
        experiment_id = self._session.insert("INSERT INTO EXPERIMENTS (name) VALUES (%s)", (name,))
        self._reserve(experiment_id, name)
        return Experiment(experiment_id, name)

    def rename(self, experiment_id: int, name: str) -> None:
        self._session.execute("UPDATE EXPERIMENTS SET name = %s WHERE experiment_id = %s", (name, experiment_id))
        if self.ids_by_name([name]).get(name) != experiment_id:
            self._reserve(experiment_id, name)

    def ids_by_name(self, names: Collection[str]) -> dict[str, int]:
        if not names:
            return {}
        marks = ", ".join(["%s"] * len(names))
        sql = f"SELECT name, experiment_id FROM EXPERIMENT_NAMES WHERE name IN ({marks})"
        wanted = frozenset(names)  # utf8mb4_bin ignores trailing blanks, we do not
        return {name: number for name, number in self._session.rows(sql, list(names)) if name in wanted}

    def names_of(self, ids: Collection[int]) -> list[str]:
        if not ids:
            return []
        marks = ", ".join(["%s"] * len(ids))
        sql = f"SELECT name FROM EXPERIMENT_NAMES WHERE experiment_id IN ({marks}) ORDER BY name"
        return [name for (name,) in self._session.rows(sql, list(ids))]

    def _reserve(self, experiment_id: int, name: str) -> None:
        sql = "INSERT INTO EXPERIMENT_NAMES (name, experiment_id) VALUES (%s, %s)"
        try:
            self._session.execute(sql, (name, experiment_id))
        except DuplicateKey as error:
            raise Conflict("an experiment bears this name, or bore it once") from error


class Associations:
    def __init__(self, session: Session) -> None:
        self._session = session

    def current(self, *, after: int = 0, limit: int | None = None) -> list[Association]:
        experiments = f"SELECT DISTINCT experiment_id FROM USER_EXPERIMENTS WHERE experiment_id > %s AND {_CURRENT}"
        if limit is not None:
            experiments += f" ORDER BY experiment_id LIMIT {limit:d}"
        sql = (
            f"SELECT {_COLUMNS} FROM USER_EXPERIMENTS JOIN ({experiments}) shown USING (experiment_id) "
            f"WHERE {_CURRENT} ORDER BY experiment_id, user_id"
        )
        return [_association(row) for row in self._session.rows(sql, (after,))]

    def of(self, user_id: str, *, after: int, limit: int) -> list[Association]:
        sql = (
            f"SELECT {_COLUMNS} FROM USER_EXPERIMENTS WHERE user_id = %s AND association_id > %s "
            "ORDER BY association_id LIMIT %s"
        )
        return [_association(row) for row in self._session.rows(sql, (user_id, after, limit))]

    def last(self, experiment_id: int, user_id: str) -> Association | None:
        sql = (
            f"SELECT {_COLUMNS} FROM USER_EXPERIMENTS WHERE experiment_id = %s AND user_id = %s "
            "ORDER BY association_id DESC LIMIT 1"
        )
        row = self._session.row(sql, (experiment_id, user_id))
        return _association(row) if row else None

    def add(self, experiment_id: int, user_id: str, *, until: datetime | None) -> Association:
        # The user's row is the lock that keeps two admins from associating the same pair twice.
        self._session.row("SELECT 1 FROM USERS WHERE user_id = %s FOR UPDATE", (user_id,))
        current = f"SELECT {ASSOCIATED.format(experiment_id='%s')}"
        if self._session.rows(current, (user_id, experiment_id))[0][0]:
            raise Conflict("the scientist is associated with the experiment already")
        sql = "INSERT INTO USER_EXPERIMENTS (user_id, experiment_id, until) VALUES (%s, %s, %s)"
        added = self._session.insert(sql, (user_id, experiment_id, to_column(until)))
        sql = f"SELECT {_COLUMNS} FROM USER_EXPERIMENTS WHERE association_id = %s"
        return _association(self._session.rows(sql, (added,))[0])

    def end(self, experiment_id: int, user_id: str, *, until: datetime | None) -> bool:
        sql = (
            "UPDATE USER_EXPERIMENTS "
            "SET until = COALESCE(GREATEST(CAST(%s AS DATETIME(6)), UTC_TIMESTAMP(6)), UTC_TIMESTAMP(6)) "
            f"WHERE user_id = %s AND experiment_id = %s AND {_CURRENT}"
        )
        return self._session.execute(sql, (to_column(until), user_id, experiment_id)) > 0

    def end_all(self, user_id: str) -> list[int]:
        current = f"user_id = %s AND {_CURRENT}"
        sql = f"SELECT experiment_id FROM USER_EXPERIMENTS WHERE {current} ORDER BY experiment_id FOR UPDATE"
        ended = [row[0] for row in self._session.rows(sql, (user_id,))]
        self._session.execute(f"UPDATE USER_EXPERIMENTS SET until = UTC_TIMESTAMP(6) WHERE {current}", (user_id,))
        return ended


def _association(row: Row) -> Association:
    association_id, experiment_id, user_id, since, until = row
    return Association(association_id, experiment_id, user_id, from_column(since), until and from_column(until))
