"""The captures of other projects. They are not part of this one: `NVGW_PCAPS`, or `../shared/pcaps` beside it."""

import csv
import functools
import ipaddress
import os
import unittest
from pathlib import Path
from typing import NamedTuple

from .captures import Frame, read_foreign
from .gateway import ROOT
from .packets import IPV6, ethertype_of, ethertype_offset

KINDS = ("malformed", "mix", "nvgre")


class Verdict(NamedTuple):
    """What a strict RFC 7637 receiver says of a frame."""

    frame: Frame
    verdict: str
    destination: str


def folder() -> Path:
    """Where the captures are; skips the test where they are not."""
    path = Path(os.environ.get("NVGW_PCAPS", ROOT.parent / "shared/pcaps"))
    if not (path / "expected_outer_gre.tsv").is_file():
        raise unittest.SkipTest(f"the public captures are not in {path} (NVGW_PCAPS)")
    return path


def verdicts() -> dict[str, list[Verdict]]:
    """The judged frames, by file."""
    root, found = folder(), {}
    captures = {}
    with open(root / "expected_outer_gre.tsv", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            name = row["file"]
            if name not in captures:
                captures[name] = read_foreign(root / name)[0]
            frame = captures[name][int(row["frame"]) - 1]
            found.setdefault(name, []).append(Verdict(frame, row["verdict_strict_rfc7637"].split(" ")[0],
                                                      _destination(frame.data, row["outer_dst"])))
    return found


def _destination(frame: bytes, outermost_ipv4: str) -> str:
    """Where the outer header leads; the table knows IPv4 addresses only."""
    if ethertype_of(frame) != IPV6:
        return outermost_ipv4
    start = ethertype_offset(frame) + 2
    return str(ipaddress.IPv6Address(frame[start + 24:start + 40]))


def files(kind: str) -> list[Path]:
    """The captures of a kind."""
    return sorted(path for path in (folder() / kind).iterdir() if path.is_file())


@functools.lru_cache
def frames(kind: str) -> list[Frame]:
    """All frames of a kind, one after another."""
    return [frame for path in files(kind) for frame in read_foreign(path)[0]]
