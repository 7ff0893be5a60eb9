"""What the documentation lists is what the code says: no more, no less."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from my_monit import settings
from my_monit.model import Actor, Reason, Role
from my_monit.permissions import BY_KEY, BY_KEY_OF_EXPERIMENT, Verb, allowed

ROOT = Path(__file__).parents[4]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "containers" / "app" / "my_monit"
TESTS = ROOT / "containers" / "app" / "tests"
DOCUMENTS = sorted(DOCS.rglob("*.md"))

#: Modules that the picture of the packages shows apart from their package or under another name.
SHOWN_AS = {"__main__": "cli", "exact_json": "parsing", "logs.audit": "audit", "storage.ports": "ports"}
GROUND_FLOOR = {"__init__", "model", "permissions", "errors", "settings", "health", "periods", "timestamps", "logs"}


def section(document: str, heading: str) -> str:
    text = (DOCS / document).read_text(encoding="utf-8")
    return re.split(r"^#+ ", text[text.index(f"# {heading}\n") + 2 :], maxsplit=1, flags=re.MULTILINE)[0]


def table(document: str, heading: str) -> dict[str, list[str]]:
    """The first table of a section whose first cells are code: what is in the other cells, by the first."""
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", section(document, heading), flags=re.MULTILINE)
    return {name: [cell.strip().strip("`") for cell in rest.split("|")] for name, rest in rows}


def every_setting() -> dict[str, FieldInfo]:
    """By environment variable."""
    groups = [one for one in vars(settings).values() if isinstance(one, type) and issubclass(one, BaseSettings)]
    return {
        (str(field.validation_alias or f"{group.model_config.get('env_prefix', '')}{name}")).upper(): field
        for group in groups
        for name, field in group.model_fields.items()
    }


def as_documented(default: object) -> str:
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, Path) and default.is_absolute():
        return str(default.relative_to(ROOT))
    return "none" if default is None else str(default)


def test_the_table_of_settings_has_every_setting_with_its_default():
    documented = {name: cells[0] for name, cells in table("operations.md", "What the application reads").items()}

    assert documented == {name: as_documented(field.default) for name, field in every_setting().items()}


def test_the_table_of_the_stack_has_every_setting_that_the_application_does_not_read():
    script = (ROOT / "containers" / "settings.sh").read_text(encoding="utf-8")
    made = set(re.findall(r"^ +add_(?:setting|secret|port) ([A-Z_]+)", script, flags=re.MULTILINE))

    assert set(table("operations.md", "What only the stack reads")) == made - set(every_setting())


def test_the_table_of_rights_says_what_permissions_say():
    documented = table("security.md", "Who may do what")

    assert documented == {verb.value: [*(right(role, verb) for role in Role), *by_key(verb)] for verb in Verb}


def right(role: Role, verb: Verb) -> str:
    actor = Actor("A001", role)
    if allowed(actor, verb):
        return "yes"
    return "self" if allowed(actor, verb, owner="A001") else ""


def by_key(verb: Verb) -> list[str]:
    return ["yes" if verb in verbs else "" for verbs in (BY_KEY, BY_KEY_OF_EXPERIMENT)]


def test_the_table_of_the_quarantine_has_every_reason():
    assert set(table("messages.md", "The quarantine")) == {reason.value for reason in Reason}


def test_the_table_of_events_has_every_warning_and_error_that_is_logged():
    logged = {
        event
        for path in PACKAGE.rglob("*.py")
        for event in re.findall(r'\.(?:warning|error|critical)\(\s*"(\w+)"', path.read_text(encoding="utf-8"))
    }

    assert set(table("operations.md", "Events of level warning and higher")) == logged


def test_the_picture_of_the_packages_shows_who_imports_whom():
    picture = set(re.findall(r"^ +(\w+) --> (\w+)$", section("architecture.md", "Packages"), flags=re.MULTILINE))

    assert picture == {arrow for path in PACKAGE.rglob("*.py") for arrow in arrows(path)}


def arrows(path: Path) -> Iterator[tuple[str, str]]:
    importer = shown_as(".".join(path.relative_to(PACKAGE).with_suffix("").parts))
    for module in imports(path):
        imported = shown_as(module)
        if imported not in GROUND_FLOOR | {importer}:
            yield importer, imported


def imports(path: Path) -> Iterator[str]:
    """The package's modules that a file imports from, without the package's name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "my_monit":
            _, *parts = str(node.module).split(".")
            for name in node.names:
                is_module = PACKAGE.joinpath(*parts, f"{name.name}.py").exists()
                yield ".".join([*parts, name.name] if is_module else parts) or "__init__"


def shown_as(module: str) -> str:
    return SHOWN_AS.get(module, module.split(".")[0])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(DOCS)))
def test_a_test_that_is_named_is_there(document: Path):
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", document.read_text(encoding="utf-8")):
        path = (ROOT if file.startswith("adapters/") else TESTS) / file
        assert path.exists() and f"def {name}(" in path.read_text(encoding="utf-8"), f"{file}::{name}"


def test_the_files_of_tests_that_the_threats_name_are_there():
    named = re.findall(r"`([\w/*]+\.py)`", section("security.md", "Threats"))

    assert named and not [name for name in named if not list(TESTS.glob(f"**/{name}"))]


def test_what_is_not_met_of_asvs_is_counted_and_told_with_everything_else_that_is_not():
    text = (DOCS / "asvs.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d+\.\d+\.\d+) \|.*\| (.*) \|$", text, flags=re.MULTILINE))
    missing = {number for number, shown in rows.items() if "**not met**" in shown}

    counted = f"{len(rows)} apply. {len(rows) - len(missing)} of these are met. {len(missing)} are **not met**"
    assert counted in text
    assert set(re.findall(r"\d+\.\d+\.\d+", section("security.md", "Not met yet"))) == missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(DOCS)))
def test_a_link_leads_somewhere(document: Path):
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", document.read_text(encoding="utf-8"))
    for target, anchor in links:
        path = document.parent / target if target else document
        assert path.exists(), f"{document.name} leads to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, f"{document.name} leads to {target}#{anchor}"


def slug(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
