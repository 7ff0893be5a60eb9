"""The documentation is true: what it tells people to type is typed here, against the running stack."""

import re
import subprocess
import uuid
from pathlib import Path

from .conftest import ROOT

#: Prefixed to what is run, so that the first command that fails ends it.
STRICT = "set -euo pipefail\n"


def blocks(path: Path, *, after: str = "") -> list[str]:
    """The ```sh blocks of a document, in order, from the heading `after` on."""
    text = path.read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```$", text[text.index(after) :], flags=re.MULTILINE | re.DOTALL)


def type_in(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", STRICT + script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_first_steps_of_the_readme_publish_three_measurements_and_read_them_back():
    done = type_in("\n".join(blocks(ROOT / "README.md", after="## First steps")))

    assert done.returncode == 0, done.stderr
    assert all(f'"value":{value}' in done.stdout for value in (12.5, 13.1, 12.9)), done.stdout


def test_the_commands_of_the_rest_documentation_do_what_it_says():
    unique = uuid.uuid4().hex[:8]
    steps = enumerate(blocks(ROOT / "docs" / "rest.md"))
    script = "\n".join(f"printf '\\n== {number}\\n'\n{block}" for number, block in steps)
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
    assert "experiment,measure_type,sensor,timestamp,value" in answers["12"]
    assert '"status":401' in answers["13"]
    assert '"allowed":false' in answers["15"] and "the last association has ended" in answers["15"]
    assert answers["16"].count(f'"user_id":"S003-{unique}"') == 1
    assert f'"name":"polonium-{unique}-210"' in answers["17"]
