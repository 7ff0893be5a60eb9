"""The documentation is true: what it tells people to type is typed here, against the running stack."""

import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pytest

from .conftest import ROOT

#: Prefixed to what is run, so that the first command that fails ends it.
STRICT = "set -euo pipefail\n"


def blocks(path: Path, *, after: str = "", languages: str = "sh") -> list[tuple[str, str]]:
    """The blocks of a document in these languages ("sh|python"), in order, from the heading `after` on."""
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^```({languages})\n(.*?)^```$", text[text.index(after) :], flags=re.MULTILINE | re.DOTALL)


def steps(path: Path, *, files: Path) -> list[str]:
    """The ```sh blocks, and for each row of ```python blocks, which are one program, what runs it in `files`."""
    found = []
    for language, row in groupby(blocks(path, languages="sh|python"), key=itemgetter(0)):
        texts = [text for _, text in row]
        found += texts if language == "sh" else [
            f"(cd '{files}' && '{sys.executable}' -W error - <<'PYTHON'\n{''.join(texts)}PYTHON\n)\n"
        ]
    return found


def type_in(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", STRICT + script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_first_steps_of_the_readme_publish_three_measurements_and_read_them_back():
    done = type_in("\n".join(text for _, text in blocks(ROOT / "README.md", after="## First steps")))

    assert done.returncode == 0, done.stderr
    assert all(f'"value":{value}' in done.stdout for value in (12.5, 13.1, 12.9)), done.stdout


def test_the_commands_and_programs_of_the_rest_documentation_do_what_it_says(tmp_path):
    unique = uuid.uuid4().hex[:8]
    numbered = enumerate(steps(ROOT / "docs" / "rest.md", files=tmp_path))
    script = "\n".join(f"printf '\\n== {number}\\n'\n{step}" for number, step in numbered)
    for name in ("S003", "mcurie", "polonium"):
        script = script.replace(name, f"{name}-{unique}")

    done = type_in(script)

    assert done.returncode == 0, done.stderr
    answers = dict(re.findall(r"^== (\d+)\n(.*?)(?=^== |\Z)", done.stdout, flags=re.MULTILINE | re.DOTALL))
    assert f'"user_id":"S003-{unique}"' in answers["2"]
    assert "Marie Sk\\u0142odowska Curie" in answers["3"] or "Marie Skłodowska Curie" in answers["3"]
    assert f"S003-{unique}" in answers["5"]
    assert answers["6"].count(f'"experiment":"polonium-{unique}"') == 3
    assert '"measure_type":"becquerel"' in answers["6"] and '"count":3' in answers["6"]
    assert re.findall(r'"status":(\d+)', answers["7"]) == ["403", "403", "404", "401"]
    assert 'rel="next"' in answers["8"]
    assert "experiment,measure_type,sensor,timestamp,value" in answers["8"]
    assert re.findall(r"^\S+Z (\S+)$", answers["12"], flags=re.MULTILINE) == ["36.5", "38.0", "37.5", "37.0"]
    assert re.search(r"^counter-1 +4.0 +37.25 ", answers["12"], flags=re.MULTILINE)
    assert "\n4 measures\n" in answers["12"]
    assert re.findall(r"^\d .* (\S+)$", answers["12"], flags=re.MULTILINE) == ["37.0", "37.5", "38.0", "36.5"]
    assert "experiment,measure_type,sensor,timestamp,value" in answers["14"]
    assert '"status":401' in answers["15"]
    assert '"allowed":false' in answers["17"] and "the last association has ended" in answers["17"]
    assert answers["18"].count(f'"user_id":"S003-{unique}"') == 1
    assert f'"name":"polonium-{unique}-210"' in answers["19"]


class _BreakingOff(BaseHTTPRequestHandler):
    """A page without measures, and streams that lack their last chunk."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        if "format=" not in self.path:
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"4\r\n1,2\n\r\n")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def breaking_off(monkeypatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _BreakingOff) as server:
        monkeypatch.setenv("MYMONIT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("EXPERIMENT", "1")
        monkeypatch.setenv("SCIENTIST", "a token")
        threading.Thread(target=server.serve_forever).start()
        yield
        server.shutdown()


@pytest.mark.usefixtures("breaking_off")
def test_the_program_of_the_rest_documentation_says_that_an_answer_was_cut_off_and_saves_no_part_of_it(tmp_path):
    programs = blocks(ROOT / "docs" / "rest.md", languages="python")
    until_saved = "".join(text for _, text in programs[:3])

    done = subprocess.run(
        [sys.executable, "-c", until_saved], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1 and done.stderr.startswith("the measures are not complete, try again: ")
    assert [file.name for file in tmp_path.iterdir()] == ["measures.csv.part"]
