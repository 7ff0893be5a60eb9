"""From an instrument, or any client of the broker, to the scientist's terminal."""

import gzip
import json
import os
import shutil
import subprocess
import uuid
from datetime import UTC, datetime

import pytest

from .conftest import publish

GOOD = {"experiment": "device-vibrations", "measure": "hertz", "value": 12.5, "timestamp": 1649228400}

needs_foreign_client = pytest.mark.skipif(
    not shutil.which("amqp-publish") and not os.environ.get("CI"), reason="amqp-publish (amqp-tools) is not installed"
)


def body(**changes: object) -> bytes:
    return json.dumps({name: value for name, value in {**GOOD, **changes}.items() if value is not ...}).encode()


def measures_of(client, experiment_id: int, sensor: str) -> list[dict]:
    return client("GET", f"/measures/{experiment_id}", params={"sensor": sensor}).json()


def test_numbers_from_an_instrument_are_read_back_by_the_scientist(scientist, experiment_id, eventually):
    sensor = f"adapter-{uuid.uuid4().hex}"
    before = datetime.now(UTC).replace(microsecond=0)

    done = subprocess.run(
        ["mymonit-adapter", "text", "-", "--experiment", "device-vibrations", "--measure", "hertz", "--sensor", sensor],
        input="12.5\n0.1\n-3e-7\n", text=True, capture_output=True, timeout=60, check=False,
    )

    assert done.returncode == 0, done.stderr
    found = eventually(lambda: rows if len(rows := measures_of(scientist, experiment_id, sensor)) == 3 else None)
    assert [row["value"] for row in found] == [-3e-7, 0.1, 12.5]
    assert all(row["experiment"] == "device-vibrations" and row["measure_type"] == "hertz" for row in found)
    assert all(before <= datetime.fromisoformat(row["timestamp"][:19] + "+00:00") for row in found)


def test_a_line_that_is_no_number_is_reported_and_the_others_arrive(scientist, experiment_id, eventually):
    sensor = f"adapter-{uuid.uuid4().hex}"

    done = subprocess.run(
        ["mymonit-adapter", "text", "-", "--experiment", "device-vibrations", "--measure", "hertz", "--sensor", sensor],
        input="1\nnot a number\n2\n", text=True, capture_output=True, timeout=60, check=False,
    )

    assert done.returncode != 0
    assert "line 2" in done.stderr
    eventually(lambda: len(measures_of(scientist, experiment_id, sensor)) == 2)


@needs_foreign_client
def test_a_foreign_clients_message_in_the_original_format_is_stored(scientist, experiment_id, eventually):
    sensor = f"foreign-{uuid.uuid4().hex}"

    publish(body(sensor=sensor))

    found = eventually(lambda: measures_of(scientist, experiment_id, sensor))
    assert found == [
        {
            "experiment": "device-vibrations", "measure_type": "hertz", "sensor": sensor,
            "timestamp": "2022-04-06T07:00:00Z", "value": 12.5,
        }
    ]


RUBBISH = {
    "P01-empty": (b"", "bad_json", {}),
    "P02-white-space": (b" \n\t ", "bad_json", {}),
    "P03-gzip": (gzip.compress(b"{}"), "bad_json", {}),
    "P04-truncated": (body()[:-5], "bad_json", {}),
    "P05-trailing-text": (body() + b"x", "bad_json", {}),
    "P06-two-objects": (body() + body(), "bad_json", {}),
    "P07-single-quotes": (body().replace(b'"', b"'"), "bad_json", {}),
    "P08-invalid-utf-8": (body().replace(b"hertz", b"h\xffrtz"), "bad_encoding", {}),
    "P09-utf-16": (body().decode().encode("utf-16"), "bad_encoding", {}),
    "P09-byte-order-mark": (b"\xef\xbb\xbf" + body(), "bad_encoding", {}),
    "P10-number": (b"42", "not_object", {}),
    "P10-empty-array": (b"[]", "not_object", {}),
    "P11-duplicate-key": (b'{"value":1,' + body()[1:], "dup_key", {}),
    "P12-nan": (body().replace(b"12.5", b"NaN"), "non_finite", {}),
    "P14-overflow": (body().replace(b"12.5", b"1e999"), "non_finite", {}),
    "P15-boolean": (body(value=True), "wrong_type", {}),
    "P16-text": (body(value="12.5"), "wrong_type", {}),
    "P19-400-digits": (body().replace(b"12.5", b"9" * 400), "out_of_range", {}),
    "P22-deep": (b"[" * 100_000, "too_deep", {}),
    "P23-no-value": (body(value=...), "missing_field", {}),
    "P25-unknown-field": (body(colour="red"), "unknown_field", {}),
    "P26-number-as-name": (body(measure=7), "wrong_type", {}),
    "P27-unknown-experiment": (body(experiment="no-such-thing"), "unknown_experiment", {}),
    "P28-unknown-measure": (body(measure="furlong"), "unknown_measure", {}),
    "P29-other-case": (body(measure="HERTZ"), "unknown_measure", {}),
    "P30-milliseconds": (body(timestamp=1.7e12), "bad_timestamp", {}),
    "P30-no-offset": (body(timestamp="2022-04-06T07:00:00"), "bad_timestamp", {}),
    "P31-too-large": (body(sensor="x" * 4 * 2**20), "too_large", {}),
    "P32-content-type": (body(), "bad_content_type", {"content-type": "text/plain"}),
    "P32-content-encoding": (body(), "bad_content_type", {"content-encoding": "gzip"}),
    "P33-escape": (body(sensor="\x1b[31m"), "bad_string", {}),
    "P33-lone-surrogate": (body(sensor="\ud800"), "bad_string", {}),
    "P34-sql": (body(experiment="'; DROP TABLE MEASURES; --"), "unknown_experiment", {}),
    "wrong-unit": (body(unit="kHz"), "wrong_unit", {}),
}


def quarantined(admin, *, after: int = 0) -> list[dict]:
    """All items beyond this id, page by page."""
    items, path = [], "/quarantine/?limit=1000"
    while path:
        answer = admin("GET", path)
        items += [item for item in answer.json() if item["id"] > after]
        path = answer.links.get("next", {}).get("url")
    return items


def last_quarantined(admin) -> int:
    return max((item["id"] for item in quarantined(admin)), default=0)


@needs_foreign_client
def test_rubbish_is_quarantined_with_its_reason_and_the_next_good_message_is_stored(
    admin, scientist, experiment_id, eventually
):
    last = last_quarantined(admin)
    sensor = f"after-{uuid.uuid4().hex}"

    for rubbish, _, properties in RUBBISH.values():
        publish(rubbish, properties=properties)
    publish(body(sensor=sensor))

    eventually(lambda: measures_of(scientist, experiment_id, sensor))
    found = quarantined(admin, after=last)
    assert [item["reason"] for item in found] == [reason for _, reason, _ in RUBBISH.values()]
    assert [item["size"] for item in found] == [len(rubbish) for rubbish, _, _ in RUBBISH.values()]


@needs_foreign_client
def test_good_elements_of_an_array_are_stored_beside_a_bad_one(admin, scientist, experiment_id, eventually):
    last = last_quarantined(admin)
    sensor = f"array-{uuid.uuid4().hex}"
    elements = [{**GOOD, "sensor": sensor, "value": value} for value in (1, 2, "three", 4)]

    publish(json.dumps(elements).encode())

    eventually(lambda: len(measures_of(scientist, experiment_id, sensor)) == 3)
    assert [item["reason"] for item in quarantined(admin, after=last)] == ["wrong_type"]


def test_the_broker_lets_nobody_in_without_the_right_password(experiment_id):
    done = subprocess.run(
        ["mymonit-adapter", "text", "-", "--experiment", "device-vibrations", "--measure", "hertz"],
        input="1\n", text=True, capture_output=True, timeout=60, check=False,
        env={**os.environ, "RABBIT_PASSWORD": "wrong"},
    )

    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) <= 3
    assert "Traceback" not in done.stderr


def test_a_reading_is_there_within_a_moment(scientist, experiment_id, eventually):
    sensor = f"prompt-{uuid.uuid4().hex}"
    with subprocess.Popen(
        ["mymonit-adapter", "text", "-", "--experiment", "device-vibrations", "--measure", "hertz", "--sensor", sensor],
        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as adapter:
        adapter.stdin.write("1\n")
        adapter.stdin.flush()
        eventually(lambda: measures_of(scientist, experiment_id, sensor), within=15)
        assert adapter.poll() is None, "it was stored while the instrument's input was still open"
        adapter.stdin.close()
        adapter.wait(30)
