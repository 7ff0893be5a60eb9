"""Experiments, their names, and who may see them, in MySQL."""

from collections.abc import Collection
from datetime import datetime

from my_monit.errors import Conflict
from my_monit.model import Association, Experiment
from my_monit.storage.connector import Session
from my_monit.storage.faults import DuplicateKey
from my_monit.storage.moments import from_column, to_column

#: True where user %s is now associated with the experiment: the one place that says what "associated" means.
ASSOCIATED = (
    "EXISTS (SELECT 1 FROM USER_EXPERIMENTS ue WHERE ue.user_id = %s AND ue.experiment_id = {experiment_id} "
    "AND (ue.until IS NULL OR ue.until > UTC_TIMESTAMP(6)))"
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

    def get(self, experiment_id: int, *, visible_to: str | None) -> Experiment | None:
        sql = (
            "SELECT e.experiment_id, e.name FROM EXPERIMENTS e "
            f"WHERE e.experiment_id = %s AND {_VISIBLE}"
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

    def current(self) -> list[Association]:
        sql = (
            "SELECT experiment_id, user_id, since, until FROM USER_EXPERIMENTS "
            "WHERE until IS NULL OR until > UTC_TIMESTAMP(6) ORDER BY experiment_id, user_id"
        )
        return [
            Association(experiment_id, user_id, from_column(since), from_column(until) if until else None)
            for experiment_id, user_id, since, until in self._session.rows(sql)
        ]

    def add(self, experiment_id: int, user_id: str, *, until: datetime | None) -> None:
        # The user's row is the lock that keeps two admins from associating the same pair twice.
        self._session.row("SELECT 1 FROM USERS WHERE user_id = %s FOR UPDATE", (user_id,))
        current = f"SELECT {ASSOCIATED.format(experiment_id='%s')}"
        if self._session.rows(current, (user_id, experiment_id))[0][0]:
            raise Conflict("the scientist is associated with the experiment already")
        sql = "INSERT INTO USER_EXPERIMENTS (user_id, experiment_id, until) VALUES (%s, %s, %s)"
        self._session.execute(sql, (user_id, experiment_id, to_column(until)))

    def end(self, experiment_id: int, user_id: str, *, until: datetime | None) -> bool:
        sql = (
            "UPDATE USER_EXPERIMENTS SET until = COALESCE(%s, UTC_TIMESTAMP(6)) "
            "WHERE user_id = %s AND experiment_id = %s AND (until IS NULL OR until > UTC_TIMESTAMP(6))"
        )
        return self._session.execute(sql, (to_column(until), user_id, experiment_id)) > 0
