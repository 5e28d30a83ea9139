"""Hugepages for the time of a benchmark; the former setting comes back with its end."""

import contextlib
import pathlib
import subprocess
import tempfile

POOL = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")


def pages(memory_mb):
    """How many are wanted beside so much memory for packet buffers: EAL has needs of its own."""
    return memory_mb * 5 // 8 + 128


def _mounted():
    with open("/proc/mounts", encoding="utf-8") as mounts:
        return any(line.split()[2] == "hugetlbfs" for line in mounts)


@contextlib.contextmanager
def reserved(wanted):
    """Yields whether so many free pages of 2 MB are there, with hugetlbfs mounted somewhere."""
    count = POOL / "nr_hugepages"
    if not count.exists():
        yield False
        return
    former = int(count.read_text())
    free = int((POOL / "free_hugepages").read_text())
    with contextlib.ExitStack() as undo:
        if free < wanted:
            undo.callback(count.write_text, str(former))
            count.write_text(str(former + wanted - free))
        enough = int((POOL / "free_hugepages").read_text()) >= wanted
        if enough and not _mounted():
            directory = tempfile.mkdtemp(prefix="nvgw-hugepages-")
            undo.callback(pathlib.Path(directory).rmdir)
            subprocess.run(["mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "nodev", directory], check=True)
            undo.callback(subprocess.run, ["umount", directory], check=True)
        yield enough
