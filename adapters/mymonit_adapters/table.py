"""The tables of a configuration file, read key by key: people write them by hand, so every error names the key."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import NoReturn, TypeVar, cast

from mymonit_adapters.errors import SettingsError

T = TypeVar("T")

_KINDS: dict[type, str] = {
    str: "a text in quotes",
    bool: "true or false",
    int: "a whole number",
    dict: "a table",
    list: "a list in brackets",
}


class Table:
    """One table. Whoever reads it asks for every key that may be there, and then calls `finish`."""

    def __init__(self, content: Mapping[str, object], *, path: str = "") -> None:
        self._rest = dict(content)
        self._path = path
        self._known: list[str] = []

    def fail(self, key: str, what: str) -> NoReturn:
        raise SettingsError(f"{self._where(key)}: {what}")

    def finish(self) -> None:
        """Refuses what nobody has asked for: a typo must never be a setting that is silently not set."""
        for key in self._rest:
            near = get_close_matches(key, self._known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the keys here are {', '.join(self._known)}"
            self.fail(key, f"there is no such key; {hint}")

    @property
    def path(self) -> str:
        return self._path

    def holds(self, key: str, kind: type) -> bool:
        return isinstance(self._rest.get(key), kind)

    def get(self, key: str, kind: type[T]) -> T | None:
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
            self.fail(key, f"must be {_KINDS[kind]}")
        return value

    def need(self, key: str, kind: type[T]) -> T:
        self.require(key)
        return cast(T, self.get(key, kind))

    def require(self, key: str) -> None:
        if key not in self._rest:
            near = get_close_matches(key, self._rest, n=1)
            self.fail(key, "is missing" + (f"; did you mean it by {near[0]}?" if near else ""))

    def number(self, key: str, default: Decimal) -> Decimal:
        """As it is written, digit by digit."""
        value = self._take(key)
        if value is None:
            return default
        return self._number(key, value)

    def choice(self, key: str, options: Sequence[str], default: str) -> str:
        value = self.get(key, str)
        if value is not None and value not in options:
            self.fail(key, f"must be one of {', '.join(options)}")
        return value or default

    def character(self, key: str, default: str) -> str:
        value = self.get(key, str)
        if value is not None and (len(value) != 1 or value in "\r\n"):
            self.fail(key, "must be one character")
        return value or default

    def count(self, key: str, default: int | None, *, least: int) -> int:
        if default is None:
            self.require(key)
        value = self.get(key, int)
        if value is not None and value < least:
            self.fail(key, f"must be {least} or more")
        return default or 0 if value is None else value

    def texts(self, key: str) -> list[str] | None:
        values = self.get(key, list)
        for value in values or ():
            if not isinstance(value, str):
                self.fail(key, 'must be a list of texts in quotes, such as ["NaN", "-9999"]')
        return values

    def field(self, key: str) -> int | str:
        """A column by name or number, or a path."""
        self.require(key)
        value = self._take(key)
        if not isinstance(value, int | str) or isinstance(value, bool):
            self.fail(key, "must be the name of a column or a path in quotes, or the number of a column")
        return value

    def fields(self, key: str) -> list[int | str]:
        """One, or a list of several."""
        self.require(key)
        value = self._rest[key]
        if not isinstance(value, list):
            return [self.field(key)]
        self._take(key)
        entries = {f"{key}[{number}]": entry for number, entry in enumerate(value, 1)}
        several = Table(entries, path=self._path)
        return [several.field(name) for name in entries] or self.fail(key, "is empty")

    def table(self, key: str) -> "Table":
        """Empty when it is not there."""
        return Table(self.get(key, dict) or {}, path=self._where(key))

    def tables(self, key: str) -> "list[Table]":
        """Of one table or more, each written under [[key]]."""
        found = self.need(key, list) if isinstance(self._rest.get(key), list) else []
        if not found or not all(isinstance(entry, dict) for entry in found):
            self.fail(key, f"there must be one table or more, each under [[{self._where(key)}]]")
        return [Table(entry, path=f"{self._where(key)}[{number}]") for number, entry in enumerate(found, 1)]

    def words(self, key: str) -> dict[str, str]:
        found = self.get(key, dict) or {}
        for word, meaning in found.items():
            if not isinstance(meaning, str):
                self.fail(f"{key}.{word}", f"must be {_KINDS[str]}")
        return found

    def numbers(self, key: str) -> dict[str, Decimal]:
        found = self.get(key, dict) or {}
        return {word: self._number(f"{key}.{word}", value) for word, value in found.items()}

    def _take(self, key: str) -> object:
        self._known.append(key)
        return self._rest.pop(key, None)

    def _number(self, key: str, value: object) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
            self.fail(key, "must be a number")
        return Decimal(value)

    def _where(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key


def one_of(names: Iterable[str], wanted: str) -> str:
    """A hint for a name that is not there."""
    listed = list(names)
    near = get_close_matches(wanted, listed, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(listed)}"
