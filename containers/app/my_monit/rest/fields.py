"""Fields of requests and answers that several resources share."""

import re
from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from my_monit.rest.paging import DEFAULT_LIMIT, MAX_LIMIT
from my_monit.timestamps import BadTimestamp, from_rfc3339, to_moment

#: Characters of a name of a person or a quantity, of an e-mail, of a unit's symbol.
NAME_CHARS = 128
EMAIL_CHARS = 254
SYMBOL_CHARS = 32



class Identifier(fields.String):
    """What `pattern` says, which the description says as well: JSON Schema knows no \\Z."""

    def __init__(self, pattern: str, error: str, **options: Any) -> None:
        self._pattern = re.compile(pattern)
        self._error = error
        super().__init__(metadata={"pattern": f"^(?:{pattern})$"}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if not self._pattern.fullmatch(text):
            raise ValidationError(self._error)
        return text


class Text(fields.String):
    """Printable text without blanks at its ends, 1 to `longest` characters."""

    def __init__(self, longest: int, *, description: str | None = None, **options: Any) -> None:
        about = {"description": description} if description else {}
        shape = {"pattern": r"^\S(.*\S)?$", "format": "printable"}
        super().__init__(validate=validate.Length(1, longest), metadata={**about, **shape}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if not text.isprintable() or text != text.strip():
            raise ValidationError("must be printable text without blanks at its ends")
        return text


class Flag(fields.Boolean):
    """JSON's true and false, and nothing that resembles them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Whole(fields.Integer):
    """A whole number of a body, as JSON Schema means it: 7 and 7.0, but neither "7" nor true."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Count(fields.Integer):
    """A whole number of a query, in digits alone: int() would also take 1_0, +1 and Arabic ones."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdigit()):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Moment(fields.String):
    """An RFC 3339 time with an offset, as nanoseconds since 1970 UTC."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"format": "date-time", **options.pop("metadata", {})}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:  # type: ignore[override]
        try:
            return from_rfc3339(super()._deserialize(value, attr, data, **kwargs))
        except BadTimestamp as error:
            raise ValidationError("must be an RFC 3339 time with an offset, such as 2026-01-31T12:00:00Z") from error


class Future(Moment):
    """A moment to come, as a datetime in UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:  # type: ignore[override]
        try:
            moment = to_moment(super()._deserialize(value, attr, data, **kwargs))
        except BadTimestamp as error:
            raise ValidationError("lies beyond the year 9999") from error
        if moment <= datetime.now(UTC):
            raise ValidationError("must be in the future")
        return moment


class Utc(fields.String):
    """A moment of an answer as RFC 3339, always in UTC and with microseconds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"format": "date-time", **options.pop("metadata", {})}, **options)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


class Cursor(fields.String):
    """Where a page begins, as the Link header of the page before says it."""

    def __init__(self, kind: str = "cursor", **options: Any) -> None:
        super().__init__(metadata={"format": kind, "description": "from the header `Link`"}, **options)


class PageQuery(Schema):
    limit = Count(load_default=DEFAULT_LIMIT, validate=validate.Range(1, MAX_LIMIT))
    cursor = Cursor(load_default=None)
