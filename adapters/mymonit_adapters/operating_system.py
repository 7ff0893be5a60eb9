"""What differs between operating systems. Nothing else in this package asks which one it runs on."""

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt  # pylint: disable=import-error
else:
    import fcntl

APPLICATION = "mymonit-adapter"
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
MOUNTS = Path("/proc/self/mountinfo")  # Linux
#: Where locks or shared memory between processes do not do what they must: a database there would be damaged.
NETWORK_FILE_SYSTEMS = frozenset(
    ("9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "gpfs", "lustre", "nfs", "nfs4", "smb3")
)


class FileLock:
    """Of one process at a time; a process that dies lets go of it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> "FileLock | None":
        """None when another process has it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        try:
            if sys.platform == "win32":
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def release(self) -> None:
        os.close(self._descriptor)


def state_folder() -> Path:
    """Where programs of this user keep what must outlive them. Raises RuntimeError for a user without a home."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / APPLICATION
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / APPLICATION


def make_private_folder(folder: Path) -> None:
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    if sys.platform != "win32":  # there the folder above already belongs to the user alone
        folder.chmod(PRIVATE_FOLDER)


def network_file_system(folder: Path) -> str | None:
    """Its kind, when the folder is on one."""
    if sys.platform == "win32":
        return "a network share" if str(folder.resolve()).startswith("\\\\") else None
    mounts = MOUNTS.read_text(encoding="utf-8").splitlines() if MOUNTS.exists() else []
    kind = _kind_of_mount(folder.resolve(), mounts)
    return kind if kind in NETWORK_FILE_SYSTEMS else None


def _kind_of_mount(folder: Path, mounts: list[str]) -> str:
    kind, depth = "", 0
    for mount in mounts:
        before, _, after = mount.partition(" - ")
        point = Path(before.split()[4].replace("\\040", " "))
        if folder.is_relative_to(point) and len(point.parts) >= depth:  # of two at the same place the later one counts
            kind, depth = after.split()[0], len(point.parts)
    return kind
