"""The properties of a message as the quarantine keeps them: JSON of a bounded size, whatever a publisher wrote."""

import json
from typing import Any

from my_monit.model import Message

#: Bytes of a message's properties, kept once for each message.
MAX_BYTES = 64 * 1024
#: The same with every further element of that message, of which there may be 10,000: what is usual fits.
MAX_BYTES_AGAIN = 512

#: The longest text around what was kept, and JSON may write each character of that with two.
_FRAME_BYTES = 64
_HEADERS = '"headers": {'


class Properties:
    """Rendered at the first asking, since hardly any message needs it; in full for the first item, then in short."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._again: str | None = None

    def next(self) -> str:
        if self._again is not None:
            return self._again
        text = self._message.headers()
        self._again = bounded(text, MAX_BYTES_AGAIN)
        return bounded(text, MAX_BYTES)


def bounded(text: str, size: int) -> str:
    """The JSON itself, which is ASCII, or JSON of at most `size` bytes with its beginning and how long it was."""
    if len(text) <= size:
        return text
    return json.dumps({"cut_from_bytes": len(text), "begins_with": text[: (size - _FRAME_BYTES) // 2]})


def restored(text: str) -> dict[str, Any]:
    """The properties by name, of what was kept of a message in full or cut at MAX_BYTES.

    What is cut is the headers, which come last: all others together are far shorter.
    """
    properties: dict[str, Any] = json.loads(text)
    beginning = properties.get("begins_with")
    if beginning is None:
        return properties
    # Within a text, JSON would write these quotes with backslashes.
    others: dict[str, Any] = json.loads(beginning.partition(_HEADERS)[0].removesuffix(", ") + "}")
    return others
