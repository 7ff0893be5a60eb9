"""A disk that is small enough to fill: a tmpfs, for which one must be root."""

import os
import subprocess
from pathlib import Path

import pytest

#: Sizes in MiB, before and after it is enlarged.
SIZE, ENLARGED = 190, 600


class SmallDisk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self) -> None:
        self.folder.mkdir(parents=True)
        try:
            self._run("mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(self.folder))
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            self.folder.rmdir()
            text = f"a tmpfs cannot be mounted here: {error}"
            pytest.fail(text) if os.environ.get("CI") else pytest.skip(text)

    def fill(self, *, leaving: int) -> None:
        """All but some MiB."""
        filling = self.free_bytes() - leaving * 2**20
        with (self.folder / "filling").open("wb") as file:
            while filling > 0:
                filling -= file.write(bytes(min(filling, 2**20)))

    def enlarge(self) -> None:
        self._run("mount", "-o", f"remount,size={ENLARGED}m", str(self.folder))

    def free_bytes(self) -> int:
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize

    def unmount(self) -> None:
        self._run("umount", "--lazy", str(self.folder))

    @staticmethod
    def _run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, timeout=30)
