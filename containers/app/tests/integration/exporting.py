"""Exports measures as a worker does, and says after each export how large the process has ever been.

Arguments: who reads, and the addresses.
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
    username, *addresses = sys.argv[1:]
    container = Container()
    container.wire()
    client = container.rest_application().test_client()
    token = container.identity().mint(username, lifetime=timedelta(hours=1))
    for address in addresses:
        answer = client.get(address, headers={"Authorization": f"Bearer {token}"})
        print(answer.status_code, sum(map(len, answer.iter_encoded())), peak_mib())
