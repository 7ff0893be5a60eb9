"""What is to be seen of a stack of processes by who stands beside it, in the ways that docs/operations.md tells."""

import os
import re
import subprocess
from pathlib import Path

_AUDIT = "SELECT at, actor, key_id, verb, object, outcome, trace_id FROM AUDIT ORDER BY audit_id DESC LIMIT 100"
_ACCOUNT = "[client]\nhost=127.0.0.1\nport={DB_PORT}\nuser={DB_ADMIN_USER}\npassword={DB_ADMIN_PASSWORD}\n"


class Processes:
    def __init__(self, root: Path, home: Path) -> None:
        """`root` is the checkout, `home` the folder of the stack."""
        self._root = root
        self._logs = home / "logs"
        own = home / "env"  # of a stack with MYMONIT_HOME
        text = (own if own.exists() else root / ".env").read_text(encoding="utf-8")
        self._settings = {name: value.strip("\"'") for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)}

    def ports(self) -> dict[str, int]:
        return {name: int(value) for name, value in self._settings.items() if name.endswith("_PORT")}

    def logged(self) -> str:
        """The lines of every part."""
        return "".join(file.read_text(encoding="utf-8", errors="replace") for file in self._logs.glob("*.log"))

    def audited(self) -> str:
        """The last rows of the audit."""
        command = ["mariadb", "--defaults-file=/dev/stdin", self._settings["DB_DATABASE"], "-e", _AUDIT]
        account = _ACCOUNT.format(**self._settings)
        return subprocess.run(command, input=account, check=True, capture_output=True, text=True, timeout=30).stdout

    def memory(self, *programs: str) -> dict[int, int]:
        """Bytes that each process of these programs holds in memory, by its number."""
        status = subprocess.run(
            ["./run.sh", "status"], cwd=self._root, check=True, capture_output=True, text=True, timeout=60
        ).stdout
        pids = [int(pid) for name in programs for pid in re.findall(rf"^{name} .* pid (\d+)", status, re.MULTILINE)]
        assert len(pids) == len(programs), status
        return {pid: _resident(pid) for pid in [*pids, *(child for pid in pids for child in _children(pid))]}


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _resident(pid: int) -> int:
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
