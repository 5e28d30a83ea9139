"""What a run was made on."""

import os
import pathlib
import platform
import re
import subprocess


def described(binary, cores, pages):
    """The machine and the programs' versions, as a report tells them."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
    return {"cpu": cpu[1] if cpu else platform.machine(), "kernel": platform.release(), "cpus": os.cpu_count(),
            "cores": cores, "hugepages": pages, "dpdk": _said("pkg-config", "--modversion", "libdpdk"),
            "nvgw": _said(binary, "--version") if binary else None}


def _said(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() or None
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
