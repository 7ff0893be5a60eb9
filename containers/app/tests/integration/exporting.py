"""Exports measures as a worker does, and says after each export how large the process has ever been.

Arguments: who reads, the address, and for each export its limit.
"""

import re
import sys
from datetime import timedelta
from pathlib import Path

from my_monit.wiring import Container


def peak_mib() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, flags=re.MULTILINE)[1]) // 1024


if __name__ == "__main__":
    username, address, *limits = sys.argv[1:]
    container = Container()
    container.wire()
    client = container.rest_application().test_client()
    token = container.identity().mint(username, lifetime=timedelta(hours=1))
    for limit in limits:
        answer = client.get(f"{address}&limit={limit}", headers={"Authorization": f"Bearer {token}"})
        print(answer.status_code, sum(map(len, answer.iter_encoded())), peak_mib())
