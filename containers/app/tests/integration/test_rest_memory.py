"""What a worker takes of memory while it exports: measured in a process of its own, where nothing else is loaded."""

import subprocess
import sys
from pathlib import Path

from my_monit.storage.connector import Session
from my_monit.storage.storage import Storage
from tests.integration.laboratory import SAM, Laboratory

ROOT = Path(__file__).parents[2]
#: Measures of the shorter export, and of the longer one; 40 of them a second.
SHORT, LONG = 48_000, 2**18
SHORT_ENDS = "2022-04-06T07:20:00Z"
#: The goal for a worker, and what may be a matter of chance: less than the longer export has bytes.
MOST_MIB, CHANCE_MIB = 150, 5
#: Of each measure at least.
ARROW_BYTES = 24


def many_measures(storage: Storage, administrator: Session, laboratory: Laboratory) -> None:
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


def test_a_worker_that_exports_arrow_stays_below_150_mib_and_takes_no_more_for_a_longer_export(
    storage: Storage, administrator: Session, laboratory: Laboratory, path: str, environment: dict[str, str],
    tmp_path: Path,
) -> None:
    many_measures(storage, administrator, laboratory)

    address = f"{path}?format=arrow&order=asc&type=radian"
    exports = [SAM.username, f"{address}&to={SHORT_ENDS}", address]
    keys = {"IDENTITY": "local", "IDENTITY_KEY_FILE": str(tmp_path / "key.pem")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.exporting", *exports], cwd=ROOT, capture_output=True, text=True,
        timeout=120, check=False, env=environment | keys,
    )

    assert done.returncode == 0, done.stderr
    (status, size, short), (_, longer, long) = (map(int, line.split()) for line in done.stdout.splitlines())
    assert status == 200 and size > SHORT * ARROW_BYTES and longer > LONG * ARROW_BYTES
    assert long < MOST_MIB and long - short < CHANCE_MIB, done.stdout
