from importlib.metadata import EntryPoint, entry_points

from mymonit_adapters.errors import SettingsError
from mymonit_adapters.formats.base import Format
from mymonit_adapters.formats.csv import CsvFormat
from mymonit_adapters.formats.json import JsonFormat
from mymonit_adapters.formats.text import TextFormat
from mymonit_adapters.formats.xml import XmlFormat

BUILT_IN: dict[str, type[Format]] = {"csv": CsvFormat, "json": JsonFormat, "text": TextFormat, "xml": XmlFormat}
ENTRY_POINT_GROUP = "mymonit_adapters.formats"  # where other packages register formats of their own


def format_names() -> list[str]:
    return sorted(BUILT_IN.keys() | {entry_point.name for entry_point in entry_points(group=ENTRY_POINT_GROUP)})


def find_format(name: str) -> type[Format] | None:
    """A built-in format cannot be replaced. Raises SettingsError when another package's cannot be loaded."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    for entry_point in entry_points(group=ENTRY_POINT_GROUP, name=name):
        return _load(entry_point)
    return None


def _load(entry_point: EntryPoint) -> type[Format]:
    try:
        kind = entry_point.load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"the format {entry_point.name} ({entry_point.value}) cannot be loaded: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, Format)):
        raise SettingsError(f"the format {entry_point.name} ({entry_point.value}) is no subclass of Format")
    return kind
