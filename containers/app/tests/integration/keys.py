"""API keys that are there before a test begins."""

import secrets
from datetime import timedelta

from my_monit.identity import api_keys
from my_monit.model import User
from my_monit.storage.ports import Unit


def add_key(
    unit: Unit, key_id: str, user: User, *, experiment_id: int | None = None, label: str = "Canary's program"
) -> str:
    """The whole key, of this id; the audit knows nothing of it."""
    text = api_keys.assemble(key_id, secrets.token_hex(32))
    unit.keys.add(
        key_id, api_keys.digest(text), user_id=user.user_id, label=label, experiment_id=experiment_id,
        created_by="A001", lifetime=timedelta(days=90),
    )
    return text
