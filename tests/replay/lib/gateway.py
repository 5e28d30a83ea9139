"""Runs `nvgw replay` and reads what it wrote."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Optional, Union

from . import captures, discovery, packets, topology
from .captures import Frame

ROOT = Path(__file__).resolve().parents[3]
# When the captures of the tests begin. Virtual time is theirs, so any moment does.
START_NS = 1_700_000_000_000_000_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
TIMEOUT_SECONDS = 120

Input = Union[Path, list]
Config = Union[dict, str]


def binary() -> Path:
    """The gateway: `NVGW`, or what cargo built last of release and debug."""
    if named := os.environ.get("NVGW"):
        return Path(named).resolve()
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [path for path in (target / "release/nvgw", target / "debug/nvgw") if path.is_file()]
    if not built:
        raise FileNotFoundError("there is no nvgw: build it (cargo build --release), or set NVGW to its path")
    return max(built, key=lambda path: path.stat().st_mtime)


def at(milliseconds: float, data: bytes) -> Frame:
    """A frame that enters so long after the start."""
    return Frame(START_NS + round(milliseconds * 1000) * 1000, data)


def timed(frames: list, spacing_ms: float = 1) -> list[Frame]:
    """Frames with times of their own as they are, bare bytes one after another from the start."""
    return [frame if isinstance(frame, Frame) else at(index * spacing_ms, bytes(frame))
            for index, frame in enumerate(frames)]


@dataclass
class Run:
    """What a replay left behind."""

    status: int
    stdout: str
    stderr: str
    # By port; the bytes of the file and the frames in it. Empty where the gateway refused.
    files: dict[str, bytes]
    frames: dict[str, list[Frame]]
    report_text: str
    # The lines of `nat.jsonl`.
    nat_log: list[dict]

    @property
    def report(self) -> dict:
        """`report.json`."""
        return json.loads(self.report_text)

    @property
    def drops(self) -> dict[str, int]:
        """Drops by reason."""
        return self.report["drops"]

    def sent(self, port: str) -> list[bytes]:
        """Every frame that left by a port but the gateway's own ARP and neighbour discovery: it may look for its next
        hops at any time."""
        return [frame.data for frame in self.frames[port]
                if packets.ethertype_of(frame.data) != packets.ARP_TYPE and not discovery.is_discovery(frame.data)]

    def arp(self, port: str, target: Optional[str] = None) -> list[Frame]:
        """The ARP packets that left by a port, outside any tunnel; only those that ask for `target` if given."""
        found = [frame for frame in self.frames[port] if packets.ethertype_of(frame.data) == packets.ARP_TYPE]
        if target is None:
            return found
        return [frame for frame in found if packets.Ether(frame.data)[packets.ARP].pdst == target]

    def discovery(self, port: str, kind: int, target: Optional[str] = None) -> list[Frame]:
        """The neighbour solicitations or advertisements that left by a port, outside any tunnel; only those about
        `target` if given."""
        found = []
        for frame in self.frames[port]:
            message = packets.ethertype_offset(frame.data) + 2 + 40
            if discovery.is_discovery(frame.data) and frame.data[message] == kind:
                about = str(ip_address(frame.data[message + 8:message + 24]))
                found += [frame] if target in (None, about) else []
        return found


def execute(arguments: list, folder: Optional[Path] = None) -> subprocess.CompletedProcess:
    """Runs the gateway with arguments of any kind, in a folder if given."""
    return subprocess.run([str(binary()), *map(str, arguments)], capture_output=True, text=True, errors="replace",
                          timeout=TIMEOUT_SECONDS, check=False, cwd=folder)


def replay(inputs: dict[str, Input], config: Optional[Config] = None, options: tuple = (),
           changes: tuple = ()) -> Run:
    """Replays captures. An input is a file, or a list of frames or bytes; the configuration is a document (JSON is
    YAML) or its text, the base topology if left out. `changes` are change documents, each with the milliseconds
    after the first packet at which it is applied."""
    with tempfile.TemporaryDirectory(prefix="nvgw-replay-") as name:
        folder = Path(name)
        document = config if isinstance(config, str) else json.dumps(config or topology.base(), indent=1)
        (folder / "nvgw.yaml").write_text(document)
        arguments = ["replay", "-c", folder / "nvgw.yaml"]
        for port, source in inputs.items():
            if not isinstance(source, Path):
                frames, source = timed(source), folder / f"in-{port}.pcap"
                captures.write_pcap(source, frames)
            arguments += ["--in", f"{port}={source}"]
        for number, (milliseconds, batch) in enumerate(changes):
            # The report names the document as the command line does: the same in every run.
            file = f"changes-{number}.yaml"
            (folder / file).write_text(json.dumps(batch))
            arguments += ["--at", f"{milliseconds / 1000}={file}"]
        out = folder / "out"
        done = execute([*arguments, "--out", out, *options], folder)
        written = sorted(out.glob("*.pcap"))
        report = out / "report.json"
        nat_log = out / "nat.jsonl"
        return Run(
            status=done.returncode,
            stdout=done.stdout,
            stderr=done.stderr,
            files={path.stem: path.read_bytes() for path in written},
            frames={path.stem: captures.read_pcap(path) for path in written} if done.returncode == 0 else {},
            report_text=report.read_text() if report.is_file() else "",
            nat_log=[json.loads(line) for line in nat_log.read_text().splitlines()] if nat_log.is_file() else [],
        )
