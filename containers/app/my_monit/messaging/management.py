"""The broker's management API, as far as we use it."""

from typing import Any
from urllib.parse import quote

import requests

from my_monit.errors import BrokerUnavailable, ConfigurationError
from my_monit.settings import RabbitAdministration

#: Seconds to connect, and to wait for an answer.
TIMEOUTS_SECS = (5, 30)


class Management:
    def __init__(self, administration: RabbitAdministration) -> None:
        self._api = administration.management_url.rstrip("/") + "/api"
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy between us and our own broker
        self._session.auth = (administration.admin_user, administration.admin_password.get_secret_value())
        self.user = administration.admin_user

    def get(self, *path: str) -> Any:
        return self._call("GET", None, path).json()

    def put(self, body: dict[str, Any], *path: str) -> None:
        """Make or replace what `path` names. Raises ConfigurationError when the broker refuses it."""
        self._call("PUT", body, path)

    def post(self, body: dict[str, Any], *path: str) -> None:
        self._call("POST", body, path)

    def delete(self, *path: str) -> None:
        self._call("DELETE", None, path)

    def _call(self, method: str, body: dict[str, Any] | None, path: tuple[str, ...]) -> requests.Response:
        url = "/".join([self._api, *(quote(part, safe="") for part in path)])
        try:
            answer = self._session.request(method, url, json=body, timeout=TIMEOUTS_SECS)
        except requests.RequestException as error:
            raise BrokerUnavailable("the broker's management API cannot be reached: RABBIT_MANAGEMENT_URL") from error
        if answer.status_code in (401, 403):
            raise ConfigurationError("the broker refuses RABBIT_ADMIN_USER or RABBIT_ADMIN_PASSWORD")
        if answer.status_code >= 500:
            raise BrokerUnavailable(f"the broker's management API fails ({answer.status_code})")
        if not answer.ok:
            raise ConfigurationError(f"the broker refuses {method} {'/'.join(path)}: it is there, but different")
        return answer
