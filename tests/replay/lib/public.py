"""The captures of other projects. They are not part of this one: `NVGW_PCAPS`, or `../shared/pcaps` beside it."""

import csv
import os
import unittest
from pathlib import Path
from typing import NamedTuple

from .captures import Frame, read_foreign
from .gateway import ROOT


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
                                                      row["outer_dst"]))
    return found


def files(kind: str) -> list[Path]:
    """The captures of a kind, `malformed` or `mix`."""
    return sorted(path for path in (folder() / kind).iterdir() if path.is_file())


def frames(kind: str) -> list[Frame]:
    """All frames of a kind, one after another."""
    return [frame for path in files(kind) for frame in read_foreign(path)[0]]
