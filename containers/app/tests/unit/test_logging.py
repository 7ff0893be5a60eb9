"""What is logged: one line for each event, which a machine can read, and in which nobody is named."""

import ast
import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import my_monit
from my_monit.errors import ConfigurationError, StorageUnavailable
from my_monit.logs.facets import MASK, do_not_log
from my_monit.logs.logger import Details, get_logger
from my_monit.logs.rendering import JsonLines, TerminalLines, formatter_for
from my_monit.logs.scrubber import scrub
from my_monit.logs.setup import setup_logging
from my_monit.logs.trace import traced
from my_monit.logs.values import render_error, render_fields
from my_monit.model import Reason, Role, User

ADA = User("S001", name="Ada Lovelace", username="ada-uid", email="ada@example.org", role=Role.SCIENTIST)
API_KEY = "mmk_5d41402abc4b2a76_" + "0f" * 36
JWT = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJhZGEtdWlkIn0.c2lnbmF0dXJlLWNhbmFyeQ"

log = get_logger("test")


@dataclass(frozen=True)
class Configuration:
    log_level: str = "INFO"
    logstash_host: str | None = None
    logstash_port: int = 5000


class Lines:
    """Standard error, read back as one document for each line."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self._stream = io.TextIOWrapper(self._bytes, newline="")

    @contextmanager
    def set_up(self) -> Iterator[None]:
        with redirect_stderr(self._stream):
            installed = setup_logging(Configuration())
        try:
            yield
        finally:
            installed.close()

    def __call__(self) -> list[dict[str, Any]]:
        text = self._bytes.getvalue().decode()
        assert not [char for char in text if char < " " and char != "\n"]
        return [json.loads(line) for line in text.split("\n")[:-1]]


@pytest.fixture(name="lines")
def standard_error() -> Iterator[Lines]:
    lines = Lines()
    with lines.set_up():
        yield lines


def test_an_event_and_its_fields_become_one_line_with_ecs_names(lines: Lines) -> None:
    log.info("batch_stored", stored=12, seconds=0.25, reason=Reason.BAD_JSON, first=True, sensor=None)

    (line,) = lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["@timestamp"])
    assert line["log"] == {"level": "info", "logger": "mymonit.test"}
    assert line["message"] == line["event"]["action"] == "batch_stored"
    assert line["service"]["name"] == "mymonit"
    fields = {"stored": 12, "seconds": 0.25, "reason": "bad_json", "first": True, "sensor": None}
    assert line["mymonit"] == fields


def test_lines_below_the_level_are_not_written(lines: Lines) -> None:
    log.debug("detail")
    log.info("event")

    assert [line["message"] for line in lines()] == ["event"]


def test_bound_fields_are_on_every_line_of_the_block_and_on_none_after_it(lines: Lines) -> None:
    with log.bound(message_id="m1"), get_logger("other").bound(attempt=2):
        log.info("inside", stored=1)
        logging.getLogger("pika").warning("also inside")
    log.info("outside")

    inside, foreign, outside = lines()
    assert inside["mymonit"] == {"message_id": "m1", "attempt": 2, "stored": 1}
    assert foreign["mymonit"] == {"message_id": "m1", "attempt": 2}
    assert "mymonit" not in outside


def test_lines_of_one_trace_bear_its_id(lines: Lines) -> None:
    with traced() as trace_id:
        log.info("inside")
    log.info("outside")

    inside, outside = lines()
    assert inside["trace"] == {"id": trace_id}
    assert "trace" not in outside


def test_a_domain_object_shows_what_it_allows_and_anything_else_only_its_type(lines: Lines) -> None:
    log.info("seen", user=ADA, raw=b"ada@example.org", people=["Ada Lovelace"], exact=Decimal(7), kind=Role)

    (line,) = lines()
    assert line["mymonit"] == {
        "user": {"user_id": "S001", "role": "SCIENTIST", "active": True},
        "raw": "bytes",
        "people": "list",
        "exact": "decimal.Decimal",
        "kind": "enum.EnumType",
    }


class Careless:
    @do_not_log
    def holder(self) -> str:
        return "Ada Lovelace"

    def log_fields(self) -> dict[str, object]:
        return {"holder": self.holder(), "me": self}


class Broken:
    def log_fields(self) -> dict[str, object]:
        raise ValueError("Ada Lovelace")


def test_a_domain_object_that_tells_too_much_is_masked_and_one_that_contains_itself_ends(lines: Lines) -> None:
    log.info("seen", badge=Careless())

    (line,) = lines()
    innermost = {"holder": MASK, "me": f"{__name__}.Careless"}
    assert line["mymonit"]["badge"] == {"holder": MASK, "me": {"holder": MASK, "me": innermost}}


def test_a_domain_object_that_fails_costs_neither_the_caller_nor_the_line(lines: Lines) -> None:
    log.info("seen", badge=Broken())

    (line,) = lines()
    assert line["mymonit"] == {"badge": f"{__name__}.Broken"}


def test_a_personal_value_read_too_early_is_hidden_by_the_name_of_its_field(lines: Lines) -> None:
    log.info("seen", name=ADA.name, username=ADA.username, email=ADA.email, token="abc", Password="abc")

    (line,) = lines()
    assert set(line["mymonit"].values()) == {MASK}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (2**63 - 1, 2**63 - 1),
        (2**63, "int"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200 + "…"),
    ],
)
def test_values_that_would_break_or_swell_a_line_are_tamed(lines: Lines, value: object, shown: object) -> None:
    log.info("seen", value=value)

    (line,) = lines()
    assert line["mymonit"]["value"] == shown


_HOSTILE = [
    "\r\n", "\n", "\r", "\x00", "\x07", "\x08", "\x0b", "\x0c", "\x1b[2J", "\x1b]0;title\x07", "\x7f", "\x85",
    "\x9b31m", "\u2028", "\u2029", "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "${jndi:ldap://x/a}", "%s%n%d",
    "\\", '\\"',
    '","log":{"level":"x"}}' + '\n{"a":"',
]  # fmt: skip


@pytest.mark.parametrize("payload", _HOSTILE)
def test_hostile_text_in_any_place_stays_within_its_one_line(lines: Lines, payload: str) -> None:
    # When the payload comes at the beginning, in the middle, at the end and again and again, in each place for text
    texts = [payload, "a" + payload, payload + "b", "a" + payload + "b", payload * 5]
    for text in texts:
        log.info("seen", value=text)
        log.info("seen", error=None, **{text: 1})
        log.info(text)
        log.error("failed", error=ConfigurationError(text))
        logging.getLogger("pika").warning("%s", text)
        with log.bound(value=text):
            log.info("seen")

    # Then each line is one event that a machine can read and no character of it steers a terminal
    documents = lines()
    assert len(documents) == 6 * len(texts)
    assert all(text.isprintable() or "\n" in text for text in strings(documents))
    assert {document["log"]["level"] for document in documents} == {"info", "error", "warning"}


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for item in pair for text in strings(item))
    elif isinstance(value, list):
        yield from (text for item in value for text in strings(item))


_SECRETS = {
    "a JSON web token": (JWT, ["eyJhbGci", "c2lnbmF0"]),
    "a JSON web token that was cut": (JWT[:30], ["eyJhbGci"]),
    "an API key": (API_KEY, [API_KEY[-72:], API_KEY[21:40]]),
    "an API key that was cut": (API_KEY[:40], [API_KEY[21:40]]),
    "an unsigned token": (JWT.rsplit(".", 1)[0] + ".", ["eyJ"]),
    "a bearer token that is no JWT": ("Authorization: Bearer s3cr3t-canary", ["s3cr3t"]),
    "basic credentials": ("authorization: basic YWRhOnBhc3M=", ["YWRh"]),
    "an e-mail address": ("user ada.l+x@mail.example.org failed", ["ada", "example"]),
    "an international e-mail address": ("jürgen@bücher.example", ["jürgen", "bücher"]),
    "an e-mail address in a URL": ("/users/?email=ada%40example.org", ["ada%", "example"]),
    "a duplicate entry": ("Duplicate entry 'ada@example.org' for key", ["ada@"]),
    "a broker URL": ("amqps://adapter:s3cr3t@broker:5671/", ["adapter", "s3cr3t"]),
    "a password with @ / and quotes": ('mysql://u:s3/cr@"t@db/x', ["s3/", "cr@", "t@"]),
    "a password setting": ("DB password=s3cr3t host=db", ["s3cr3t"]),
}


@pytest.mark.parametrize("text, hidden", _SECRETS.values(), ids=_SECRETS.keys())
def test_a_credential_or_address_is_masked_wherever_it_slips_in(lines: Lines, text: str, hidden: list[str]) -> None:
    log.info("seen", value=text)
    log.error("failed", error=ConfigurationError(text))
    logging.getLogger("werkzeug").error("bad request: %s", text)

    documents = lines()
    assert len(documents) == 3
    for part in hidden:
        assert part not in json.dumps(documents, ensure_ascii=False)
    assert all(MASK in json.dumps(document) for document in documents)


def test_ordinary_lines_are_not_masked() -> None:
    line = "GET https://localhost:443/measures/1?from=2022-04-06T10:00:00Z 12.5 Hz amqps://broker:5671 a.py:3"

    assert scrub(line) == line


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_can_break_a_json_line(name: str, value: str) -> None:
    fields = render_fields({name: value, "other": "amqp://u:" + value + "@h"})
    line = scrub(json.dumps(fields, ensure_ascii=False))

    assert "other" in json.loads(line)


def failing(error: BaseException, *, cause: BaseException | None = None) -> BaseException:
    with pytest.raises(type(error)) as raised:
        raise error from cause
    return raised.value


def test_a_foreign_error_tells_its_type_number_and_frames_but_not_its_text(lines: Lines) -> None:
    log.error("failed", error=failing(OSError(13, "Permission denied: ada")), attempt=1)

    (line,) = lines()
    assert line["error"]["type"] == "PermissionError"
    assert line["error"]["code"] == 13
    assert re.fullmatch(r"tests/unit/test_logging\.py:\d+:failing", line["error"]["stack_trace"])
    assert "ada" not in json.dumps(line)


def test_an_error_of_ours_tells_its_text_and_what_caused_it(lines: Lines) -> None:
    cause = failing(OSError(111, "Ada Lovelace"))
    log.error("failed", error=failing(StorageUnavailable("the database is away"), cause=cause))

    (line,) = lines()
    assert line["error"]["type"] == "my_monit.errors.StorageUnavailable"
    assert line["error"]["message"] == "the database is away"
    assert "\ncaused by ConnectionRefusedError 111\n" in line["error"]["stack_trace"]
    assert "Lovelace" not in json.dumps(line)


def test_an_error_that_causes_itself_ends(lines: Lines) -> None:
    error = ValueError()
    error.__context__ = other = KeyError()
    other.__context__ = error
    log.error("failed", error=error)

    assert len(lines()) == 1


def test_other_libraries_go_the_same_way_from_warning_up(lines: Lines) -> None:
    logging.getLogger("pika.connection").info("connected")
    logging.getLogger("pika.connection").warning("lost %s", "broker")
    talkative = logging.getLogger("talkative")
    talkative.setLevel(logging.DEBUG)
    talkative.info("by the way")

    (line,) = lines()
    assert (line["message"], line["log"]) == ("lost broker", {"level": "warning", "logger": "pika.connection"})
    assert "event" not in line


def test_gunicorn_cannot_write_past_us(lines: Lines) -> None:
    own = io.StringIO()
    gunicorn = logging.getLogger("gunicorn.error")
    gunicorn.addHandler(logging.StreamHandler(own))
    gunicorn.propagate = False

    with lines.set_up():
        gunicorn.error("Error handling request for %s", "ada@example.org")

    assert own.getvalue() == ""
    assert lines()[0]["message"] == f"Error handling request for {MASK}"


def test_a_traceback_of_another_library_shows_neither_text_nor_locals(lines: Lines) -> None:
    try:
        canary = "Ada Lovelace"
        raise ValueError(canary)
    except ValueError:
        logging.getLogger("flask.app").exception("Exception on /users/")

    (line,) = lines()
    assert line["error"]["type"] == "ValueError"
    assert "Lovelace" not in json.dumps(line)


def test_a_library_that_logs_wrongly_does_not_lose_its_line() -> None:
    record = logging.makeLogRecord({"name": "pika", "msg": "%d messages", "args": ("many",)})

    assert json.loads(JsonLines().format(record))["message"] == "%d messages"


def test_setting_up_again_does_not_double_the_lines(lines: Lines) -> None:
    with lines.set_up():
        log.info("once")

    assert len(lines()) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def record_of(event: str, **fields: object) -> logging.LogRecord:
    details = Details(render_fields(fields), render_error(failing(OSError(2, "Ada"))))
    return logging.makeLogRecord({"name": "mymonit.test", "levelno": 20, "msg": event, "details": details})


def test_a_terminal_gets_coloured_readable_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)

    line = formatter_for(Terminal()).format(record_of("batch_stored", stored=12, note="two words", user=ADA))

    assert line.startswith("\x1b[32m")
    assert 'batch_stored stored=12 note="two words" user.user_id=S001 user.role=SCIENTIST user.active=true' in line
    assert " | FileNotFoundError 2\n" in line
    assert "Ada" not in line


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    formatter = formatter_for(Terminal())

    assert isinstance(formatter, TerminalLines)
    assert "\x1b" not in formatter.format(record_of("batch_stored", note="\x1b[2J"))


def test_what_is_no_terminal_gets_json() -> None:
    assert isinstance(formatter_for(io.StringIO()), JsonLines)


def test_an_uncaught_exception_is_logged_like_any_other_error(lines: Lines) -> None:
    sys.excepthook(ValueError, failing(ValueError("Ada Lovelace")), None)
    sys.excepthook(SystemExit, SystemExit(), None)

    (line,) = lines()
    assert (line["message"], line["error"]["type"]) == ("crashed", "ValueError")


def test_every_event_in_the_code_is_a_snake_case_constant() -> None:
    call = re.compile(r"log\.(debug|info|warning|error|critical)$")
    logged = [
        ast.unparse(node.args[0])
        for file in Path(my_monit.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and call.search(ast.unparse(node.func)) and node.args
    ]

    assert logged
    assert not [event for event in logged if not re.fullmatch(r"'[a-z][a-z0-9_]*'", event)]
