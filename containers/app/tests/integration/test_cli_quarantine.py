"""`mymonit quarantine`, as it is typed."""

import pytest

from my_monit.model import Quarantined, Reason
from my_monit.storage.storage import Storage
from tests.integration.console import Audited, Mymonit, refused
from tests.integration.laboratory import Laboratory


class TestQuarantine:
    BODY = bytes(range(256)) + "é\u202e\x1b[31m".encode()

    @pytest.fixture(name="ids", autouse=True)
    def refused_messages(self, storage: Storage) -> list[int]:
        with storage.unit() as unit:
            unit.quarantine.add([
                Quarantined(
                    Reason.BAD_STRING, b"adapter\x1b[31m", "measures", b"id\xff\n", 7, "black-holes", '{"app_id": "x"}',
                    self.BODY,
                ),
                Quarantined(Reason.BAD_JSON, b"", "measures", None, None, None, "{}", b""),
            ])
            return [item.quarantine_id for item in unit.quarantine.page(after=0, limit=9)]

    def test_the_list_tells_one_line_for_each(self, mymonit: Mymonit, ids: list[int], audited: Audited) -> None:
        result = mymonit("quarantine", "list")

        assert result.exit_code == 0
        first, second = (line.split("\t") for line in result.output.splitlines())
        assert [first[0], *first[2:]] == [
            str(ids[0]), "bad_string", str(len(self.BODY)), "black-holes", r"'adapter\x1b[31m'"
        ]
        assert [second[0], *second[2:]] == [str(ids[1]), "bad_json", "0", "-", "''"]
        assert audited() == ("@console", "quarantine.list", "quarantine", "success")

    def test_the_list_can_be_narrowed(self, mymonit: Mymonit, ids: list[int]) -> None:
        def listed(*options: str) -> list[int]:
            return [int(line.split("\t")[0]) for line in mymonit("quarantine", "list", *options).output.splitlines()]

        assert listed("--reason", "bad_json") == ids[1:]
        assert listed("--after", str(ids[0])) == ids[1:]
        assert listed("--limit", "1") == ids[:1]
        assert mymonit("quarantine", "list", "--reason", "tired").exit_code == 2
        assert mymonit("quarantine", "list", "--limit", "0").exit_code == 2

    def test_an_item_is_shown_with_control_characters_escaped(
        self, mymonit: Mymonit, ids: list[int], audited: Audited
    ) -> None:
        result = mymonit("quarantine", "show", str(ids[0]))

        told = {line[:12].strip(): line[12:] for line in result.output.splitlines()}
        assert result.exit_code == 0
        assert not {char for char in result.output if not char.isprintable()} - {"\n"}
        assert told["reason"] == "bad_string" and told["element"] == "7" and told["experiment"] == "black-holes"
        assert told["properties"] == '{"app_id": "x"}'
        assert told["message id"] == r"'id\\xff\n'"
        assert told["body"].startswith(r"\x00\x01") and told["bytes"] == str(len(self.BODY))
        assert audited() == ("@console", "quarantine.read", f"quarantine:{ids[0]}", "success")

    def test_an_empty_item_is_shown(self, mymonit: Mymonit, ids: list[int]) -> None:
        told = {line[:12].strip(): line[12:] for line in mymonit("quarantine", "show", str(ids[1])).output.splitlines()}

        assert (told["element"], told["experiment"], told["message id"], told["bytes"]) == ("-", "-", "-", "0")

    def test_the_body_can_be_had_byte_for_byte(self, mymonit: Mymonit, ids: list[int]) -> None:
        assert mymonit("quarantine", "show", "--raw", str(ids[0])).stdout_bytes == self.BODY
        assert mymonit("quarantine", "show", "--raw", str(ids[1])).stdout_bytes == b""

    def test_an_item_that_is_missing_is_told(self, mymonit: Mymonit, ids: list[int], audited: Audited) -> None:
        assert "no such item" in refused(mymonit("quarantine", "show", "999999999999"))
        assert audited()[3] == "not_found"
        assert mymonit("quarantine", "show", "0").exit_code == 2

    def test_every_command_takes_the_same_filters(self, mymonit: Mymonit, ids: list[int]) -> None:
        def listed(*options: str) -> list[int]:
            return [int(line.split("\t")[0]) for line in mymonit("quarantine", "list", *options).output.splitlines()]

        assert listed("--publisher", "adapter\x1b[31m") == listed("--experiment", "black-holes") == ids[:1]
        assert listed("--id", str(ids[1])) == listed("--publisher", "") == ids[1:]
        assert listed("--since", "2020-01-01T00:00:00+01:00") == listed("--until", "2100-01-01T00:00:00Z") == ids
        assert listed("--until", "2020-01-01T00:00:00Z") == listed("--since", "2100-01-01T00:00:00Z") == []

    @pytest.mark.parametrize("command", ["list", "summary", "replay", "discard"])
    @pytest.mark.parametrize(
        "option", [("--since", "yesterday"), ("--until", "2026-01-31T12:00:00"), ("--reason", "x")]
    )
    def test_a_filter_that_means_nothing_is_named(
        self, mymonit: Mymonit, command: str, option: tuple[str, str]
    ) -> None:
        result = mymonit("quarantine", command, *option)

        assert (result.exit_code, option[0] in result.stderr) == (2, True)

    @pytest.mark.parametrize("command", ["list", "replay", "discard"])
    def test_an_id_stands_alone(self, mymonit: Mymonit, ids: list[int], command: str) -> None:
        assert mymonit("quarantine", command, "--id", str(ids[0]), "--reason", "bad_json").exit_code == 2

    def test_the_summary_counts_by_reason_and_by_publisher(self, mymonit: Mymonit) -> None:
        lines = [line.split("\t") for line in mymonit("quarantine", "summary").output.splitlines()]

        assert [(line[0], line[1], line[2], line[5]) for line in lines] == [
            ("bad_json", "1", "0", "''"), ("bad_string", "1", str(len(self.BODY)), r"'adapter\x1b[31m'"),
            ("in all", "1", "2", "''"), ("in all", "1", str(len(self.BODY) + 15), r"'adapter\x1b[31m'"),
        ]

    def test_what_can_be_stored_now_is_stored_and_the_rest_is_counted(
        self, mymonit: Mymonit, storage: Storage, laboratory: Laboratory, audited: Audited
    ) -> None:
        body = b'{"experiment": "late", "measure": "hertz", "value": 1, "timestamp": 1649228400}'
        with storage.unit() as unit:
            unit.quarantine.add([
                Quarantined(Reason.UNKNOWN_EXPERIMENT, b"", "measures", None, 0, "late", "{}", body) for _ in range(3)
            ])
            unit.experiments.add("late")

        result = mymonit("quarantine", "replay", "--reason", "unknown_experiment")
        assert (result.exit_code, result.stdout) == (0, "stored\t3\n")
        assert "trying 3 items" in result.stderr
        assert audited()[1::2] == ("quarantine.replay", "success")
        assert mymonit("quarantine", "replay").stdout == (
            "stored\t0\nrefused\t1\tbad_encoding\nrefused\t1\tbad_json\n"
        )

    def test_one_item_is_replayed_by_its_id(self, mymonit: Mymonit, ids: list[int]) -> None:
        assert "still refused: bad_json" in refused(mymonit("quarantine", "replay", "--id", str(ids[1])))
        assert "no such item" in refused(mymonit("quarantine", "replay", "--id", "999999999999"))

    def test_items_are_discarded_when_somebody_says_yes(
        self, mymonit: Mymonit, ids: list[int], audited: Audited
    ) -> None:
        assert mymonit("quarantine", "discard").exit_code == 2
        assert mymonit("quarantine", "discard", "--yes").exit_code == 2
        assert mymonit("quarantine", "discard", "--reason", "bad_json", given="n\n").exit_code == 1
        assert len(mymonit("quarantine", "list").output.splitlines()) == 2

        result = mymonit("quarantine", "discard", "--reason", "bad_json", given="y\n")
        assert result.exit_code == 0 and "Delete 1 items for good?" in result.output
        assert audited() == ("@console", "quarantine.discard", f"quarantine:{ids[1]}:bad_json", "success")
        assert mymonit("quarantine", "discard", "--id", str(ids[0]), "--yes").stdout == "discarded\t1\n"
        assert mymonit("quarantine", "list").output == ""
