"""The audit in MySQL. It is inserted and read; the application's account can do nothing else to it."""

from my_monit.storage.connector import Session
from my_monit.storage.ports import AuditRow


class AuditTable:
    def __init__(self, session: Session) -> None:
        self._session = session

    def record(self, row: AuditRow) -> None:
        sql = "INSERT INTO AUDIT (actor, verb, object, outcome, trace_id, key_id) VALUES (%s, %s, %s, %s, %s, %s)"
        self._session.execute(sql, row)

    def newest(self, limit: int) -> list[AuditRow]:
        sql = "SELECT actor, verb, object, outcome, trace_id, key_id FROM AUDIT ORDER BY audit_id DESC LIMIT %s"
        return [AuditRow(*row) for row in self._session.rows(sql, (limit,))]
