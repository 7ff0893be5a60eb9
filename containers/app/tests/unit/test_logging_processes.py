"""What a whole process leaves on standard error: when it crashes, forks, or has none any more."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import my_monit

WAIT_SECS = 60


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    prelude = """
        from my_monit.logs.setup import setup_logging
        from my_monit.logs.logger import get_logger
        class Configuration:
            log_level, logstash_host, logstash_port = "INFO", None, 5000
        log = get_logger("script")
        """
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(prelude) + textwrap.dedent(script)],
        cwd=Path(my_monit.__file__).parents[1],
        env={**os.environ, **environment},
        encoding="utf-8",
        capture_output=True,
        timeout=WAIT_SECS,
        check=False,
    )


@pytest.mark.parametrize("how", ["fail()", "import threading; t = threading.Thread(target=fail); t.start(); t.join()"])
def test_a_crash_is_one_line_without_its_text(how: str) -> None:
    script = "setup_logging(Configuration())\ndef fail():\n    raise ValueError('Ada Lovelace')\n" + how

    line = json.loads(run(script).stderr)

    assert line["message"] == "crashed"
    assert line["error"]["type"] == "ValueError"
    assert "Lovelace" not in json.dumps(line)


def test_work_goes_on_when_standard_error_is_gone() -> None:
    done = run("import os; setup_logging(Configuration()); os.close(2); log.error('failed'); print('done')")

    assert (done.returncode, done.stdout) == (0, "done\n")


def test_lines_are_utf_8_whatever_the_locale() -> None:
    done = run("setup_logging(Configuration()); log.info('seen', value='é')", PYTHONIOENCODING="latin-1")

    assert json.loads(done.stderr)["mymonit"] == {"value": "é"}


FORK = """
    import os
    Configuration.logstash_host, Configuration.logstash_port = "127.0.0.1", 9  # nobody listens
    setup_logging(Configuration())
    {before}
    child = os.fork()
    again = setup_logging(Configuration())
    log.info("child" if child == 0 else "parent")
    again.close()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    """


def test_a_worker_that_is_forked_sets_up_again_without_a_warning() -> None:
    done = run(FORK.format(before=""))

    assert done.returncode == 0, done.stderr
    assert events(done.stderr) == ["child", "parent"]


def test_a_worker_that_is_forked_from_a_process_that_has_logged_does_not_hang() -> None:
    # Python warns of forking beside a thread, and is right in general.
    done = run(FORK.format(before="import warnings; warnings.simplefilter('ignore'); log.info('before')"))

    assert done.returncode == 0, done.stderr
    assert events(done.stderr) == ["before", "child", "parent"]


def events(text: str) -> list[str]:
    return sorted(json.loads(line)["message"] for line in text.splitlines())
