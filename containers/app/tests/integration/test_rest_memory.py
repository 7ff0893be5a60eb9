"""What a worker takes of memory while it exports: a real one, with nothing in it but what it serves.

It is without numpy and pandas, as where it is installed for use: pyarrow imports numpy wherever it is.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from my_monit.identity.local import LocalIdentity
from my_monit.storage.connector import Session
from my_monit.storage.storage import Storage
from tests.integration.console import free_port
from tests.integration.laboratory import SAM, Laboratory
from tests.integration.service_process import RestProcess

#: Measures of the shorter export, which are more than a stream holds at a time, and of the longer one; 40 a second.
SHORT, LONG = 80_000, 2**18
SHORT_ENDS = "2022-04-06T07:33:20Z"
#: The goal for a worker, and what may be a matter of chance: less than the longer export has bytes.
MOST_MIB, CHANCE_MIB = 150, 5
#: Bytes of each measure, at least.
ARROW_BYTES, NDJSON_BYTES = 24, 100
#: Exports at a time: as many as a worker of four threads sends.
THREADS = 4
EXPORTS = THREADS - 1


class Worker:
    """The one of a REST service."""

    def __init__(self, service: int, measures: str, token: str) -> None:
        self._service = service
        self._measures = measures
        self._authorization = {"Authorization": f"Bearer {token}"}

    def export(self, query: str) -> int:
        """Measures to their end; how many bytes they are."""
        address = f"{self._measures}?order=asc&type=radian&{query}"
        with requests.get(address, headers=self._authorization, stream=True, timeout=60) as answer:
            answer.raise_for_status()
            return sum(map(len, answer.iter_content(1 << 16)))

    @property
    def peak_mib(self) -> int:
        """The largest that it has ever been."""
        return int(re.search(r"^VmHWM:\s+(\d+) kB$", self._process("status"), flags=re.MULTILINE)[1]) // 1024

    @property
    def is_ready_for_arrow(self) -> bool:
        return "/libarrow.so" in self._process("maps")

    def _process(self, file: str) -> str:
        [worker] = Path(f"/proc/{self._service}/task/{self._service}/children").read_text(encoding="ascii").split()
        return Path(f"/proc/{worker}/{file}").read_text(encoding="utf-8")


@pytest.fixture(name="worker")
def a_worker(
    environment: dict[str, str], path: str, many_measures: None, tmp_path: Path
) -> Iterator[Worker]:
    key = tmp_path / "key.pem"
    for absent in ("numpy.py", "pandas.py"):
        (tmp_path / absent).write_text("raise ImportError\n", encoding="ascii")
    settings = {
        "PYTHONPATH": str(tmp_path),
        "REST_WORKERS": "1", "REST_THREADS": str(THREADS), "LOG_LEVEL": "WARNING", "IDENTITY": "local",
        "IDENTITY_KEY_FILE": str(key),
    }
    token = LocalIdentity(key, issuer="mymonit", audience="mymonit").mint(SAM.username, lifetime=timedelta(hours=1))
    service = RestProcess(environment | settings, port=free_port(), log=tmp_path / "rest.log")
    try:
        service.wait_until_ready()
        yield Worker(service.pid, service.address + path, token)
        service.terminate()
    finally:
        service.close()


@pytest.fixture(name="many_measures")
def measures_of_one_series(storage: Storage, administrator: Session, laboratory: Laboratory) -> None:
    """One row, doubled until there are LONG of them."""
    with storage.unit() as unit:
        series_id = unit.series.find_or_add(laboratory.vibrations.experiment_id, 2, "left")
    administrator.execute(f"INSERT INTO MEASURES VALUES ({series_id}, 1649228400000000000, 1, 20.1, 0, 1)")
    for count in (2**power for power in range(LONG.bit_length() - 1)):
        administrator.execute(
            f"INSERT INTO MEASURES SELECT series_id, time + {count} * 25000000, measure_id + {count}, "
            f"value + {count} / 7, received, publisher_id FROM MEASURES WHERE series_id = {series_id}"
        )
    administrator.commit()


def test_a_worker_has_loaded_pyarrow_before_it_is_asked_for_arrow(worker: Worker) -> None:
    assert worker.is_ready_for_arrow


def test_a_worker_stays_below_150_mib_however_long_an_export_is_and_however_many_it_serves(worker: Worker) -> None:
    for _ in range(LONG // SHORT):  # as many pieces, with their chances, as the longer one
        assert worker.export(f"format=arrow&to={SHORT_ENDS}") > SHORT * ARROW_BYTES
    after_short = worker.peak_mib
    assert worker.export("format=arrow") > LONG * ARROW_BYTES
    after_long = worker.peak_mib
    with ThreadPoolExecutor(EXPORTS) as readers:
        sizes = list(readers.map(worker.export, [f"format=ndjson&to={SHORT_ENDS}"] * EXPORTS))

    assert after_long - after_short < CHANCE_MIB
    assert min(sizes) > SHORT * NDJSON_BYTES
    assert worker.peak_mib < MOST_MIB
