"""The fault harness: real servers killed, cut off, filled and frozen under load; nothing may be lost, doubled or false.

Tests are chosen by name only: FAULTS="F2 F6" (as `./run-checks.sh faults F2 F6` sets it), FAULTS=all, or FAULTS=minimal
for the small set of every run. FAULTS_SEEDS="1 2 3" are the seeds; FAULTS_SERVERS=containers takes the servers of
docker-compose.yml instead of this machine's.
"""

import logging
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.bench import Bench, Servers, arranged
from tests.faults.broker import rabbitmq, rabbitmq_container
from tests.faults.checker import SETS
from tests.faults.database import mariadb, mysql_container

CHOSEN = os.environ.get("FAULTS", "").split()
MINIMAL = CHOSEN == ["minimal"]
SEEDS = [int(seed) for seed in os.environ.get("FAULTS_SEEDS", "1" if MINIMAL else "1 2 3").split()]
CONTAINERS = os.environ.get("FAULTS_SERVERS") == "containers"

#: Scenarios that take so long that they run only when they are named.
BIG = {"million", "backup"}

_HEAD = ("fault", "seed", "sent", "confirmed", "stored", "quarantined", *SETS)
_WIDTHS = [max(len(name), width) for name, width in zip(_HEAD, (8, 4, 8, 8, 8), strict=False)]
_WIDTHS += [len(name) for name in _HEAD[len(_WIDTHS) :]]


def pytest_configure(config: pytest.Config) -> None:
    # As with Ctrl-C: whatever was started is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # its complaints are about the faults that we make
    config.addinivalue_line("markers", "fault(name): the fault of docs/faults that the test makes")
    config.addinivalue_line("markers", "minimal: a part of the small set that every run of the checks makes")
    config.addinivalue_line("markers", "processes: needs servers that are processes of this machine")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        big = any(mark.args[0] in BIG for mark in metafunc.definition.iter_markers("fault"))
        metafunc.parametrize("seed", SEEDS[:1] if big else SEEDS, scope="function")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.get_closest_marker("fault")]
    for item in ours:  # Pika leaves the sockets of attempts that failed to the collector of garbage
        item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
    unwanted = [item for item in ours if not _is_chosen(item)]
    items[:] = [item for item in items if item not in unwanted]
    config.hook.pytest_deselected(items=unwanted)
    known = {_name(item) for item in ours} | {"all", "minimal"}
    if ours and (unknown := set(CHOSEN) - known):
        raise pytest.UsageError(f"there is no fault {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")


def _name(item: pytest.Item) -> str:
    mark = item.get_closest_marker("fault")
    return str(mark.args[0]) if mark else ""


def _is_chosen(item: pytest.Item) -> bool:
    if MINIMAL:
        return item.get_closest_marker("minimal") is not None
    return _name(item) in CHOSEN or ("all" in CHOSEN and _name(item) not in BIG)


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """Where servers keep their data and processes their logs; kept only when something went wrong."""
    folder = Path(tempfile.mkdtemp(prefix="mymonit-faults-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def servers(workshop: Path) -> Iterator[Servers]:
    made = Servers(
        (mysql_container if CONTAINERS else mariadb)(workshop / "database"),
        (rabbitmq_container if CONTAINERS else rabbitmq)(workshop / "broker"),
    )
    starting = threading.Thread(target=made.database.start)
    starting.start()
    try:
        made.broker.start()
        starting.join()
        made.database.wait()
        yield made
    finally:
        made.broker.runner.discard()
        made.database.runner.discard()


@pytest.fixture
def times() -> int:
    """How often a fault is made while the load flows."""
    return 1 if MINIMAL else 3


@pytest.fixture
def bench(servers: Servers, seed: int, workshop: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    if CONTAINERS and request.node.get_closest_marker("processes"):
        pytest.skip("only with servers that are processes of this machine")
    folder = Path(tempfile.mkdtemp(prefix=f"{_name(request.node)}-{seed}-", dir=workshop))
    request.node.bench = Bench(servers.database, servers.broker, folder, seed=seed)
    yield from arranged(request.node.bench)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    bench = getattr(item, "bench", None)
    if call.when == "call" or (call.when == "setup" and not report.passed):
        _print(item, _line(item, bench, report.outcome, call.stop - call.start))
    if report.failed:
        _print(item, f"          {call.excinfo.exconly(tryshort=True).splitlines()[0] if call.excinfo else ''}")
    if bench is not None and report.failed:
        _print(item, f"          {_keep(bench)}")


def _line(item: pytest.Item, bench: Bench | None, outcome: str, seconds: float) -> str:
    numbers: list[object] = ["-"] * (len(_HEAD) - 2)
    if bench is not None:
        verdict = bench.verdict
        numbers = [verdict.sent, verdict.confirmed, verdict.stored, verdict.quarantined, *verdict.counts()]
    seed = bench.seed if bench is not None else "-"
    cells = [str(cell).rjust(width) for cell, width in zip((_name(item), seed, *numbers), _WIDTHS, strict=True)]
    facts = {} if bench is None else bench.bites | bench.notes
    proofs = ", ".join(f"{name} {number:g}" for name, number in facts.items())
    return f"{'  '.join(cells)}  {seconds:5.0f} s  {outcome}  {proofs}"


def _keep(bench: Bench) -> str:
    """The logs of a run that failed, where the next one does not remove them."""
    kept = Path(tempfile.gettempdir()) / f"mymonit-faults-failed-{time.strftime('%H%M%S')}-{bench.folder.name}"
    shutil.copytree(bench.folder, kept, dirs_exist_ok=True)
    return f"logs kept in {kept}"


def _print(item: pytest.Item, line: str) -> None:
    terminal = item.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        terminal.ensure_newline()
        terminal.write_line(line.rstrip())


def pytest_collection_finish(session: pytest.Session) -> None:
    if any(item.get_closest_marker("fault") for item in session.items):
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        kind = "containers" if CONTAINERS else "processes"
        terminal.write_line(f"seeds {' '.join(map(str, SEEDS))}; servers: {kind}")
        terminal.write_line("  ".join(name.rjust(width) for name, width in zip(_HEAD, _WIDTHS, strict=True)))


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """The lines above take the place of pytest's dots."""
    return ("passed", "", "") if report.passed and report.when == "call" else None
