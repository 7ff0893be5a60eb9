import io
import json
from typing import Any


class LogLines:
    """What is logged on standard error while a test runs."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self.stream = io.TextIOWrapper(self._bytes, newline="")

    @property
    def text(self) -> str:
        return self._bytes.getvalue().decode()

    def of(self, event: str) -> list[dict[str, Any]]:
        lines = map(json.loads, self.text.splitlines())
        return [line for line in lines if line["message"] == event]
