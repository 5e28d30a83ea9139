"""Capture files, written and read to the byte: times are whole nanoseconds, lengths may lie."""

import logging
import struct
from pathlib import Path
from typing import Iterable, NamedTuple, Optional

from scapy.utils import RawPcapReader

# Captures may hold blocks that scapy has no use for; that is no news.
logging.getLogger("scapy").setLevel(logging.ERROR)

ETHERNET = 1
MAGIC_MICRO = 0xA1B2C3D4
MAGIC_NANO = 0xA1B23C4D
SNAP_LENGTH = 262144


class Frame(NamedTuple):
    """A frame and its time. `original_length` differs from the data's length where a capture cut the frame."""

    time_ns: int
    data: bytes
    original_length: Optional[int] = None

    @property
    def wire_length(self) -> int:
        return len(self.data) if self.original_length is None else self.original_length


def write_pcap(path: Path, frames: Iterable[Frame], nano: bool = False, big_endian: bool = False,
               snap_length: int = SNAP_LENGTH, link_type: int = ETHERNET) -> None:
    """Writes a classic pcap with micro- or nanosecond time stamps in either byte order."""
    order = ">" if big_endian else "<"
    unit_ns = 1 if nano else 1000
    with open(path, "wb") as out:
        magic = MAGIC_NANO if nano else MAGIC_MICRO
        out.write(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap_length, link_type))
        record = struct.Struct(order + "IIII")
        for frame in frames:
            seconds, rest = divmod(frame.time_ns, 1_000_000_000)
            out.write(record.pack(seconds, rest // unit_ns, len(frame.data), frame.wire_length))
            out.write(frame.data)


def write_pcapng(path: Path, frames: Iterable[Frame], resolutions: Iterable[int] = (6,), big_endian: bool = False,
                 extra_blocks: bool = False) -> None:
    """Writes a pcapng with one interface for each of `resolutions` (decimal digits of a second); the frames go to
    them in turn. `extra_blocks` adds blocks that a reader has to skip: statistics, name resolution, one unknown."""
    order = ">" if big_endian else "<"
    digits = list(resolutions)

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        length = struct.pack(order + "I", len(body) + 12)
        return struct.pack(order + "I", kind) + length + body + length

    with open(path, "wb") as out:
        out.write(block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)))
        for resolution in digits:
            option = struct.pack(order + "HHB3xHH", 9, 1, resolution, 0, 0)
            out.write(block(1, struct.pack(order + "HHI", ETHERNET, 0, SNAP_LENGTH) + option))
        if extra_blocks:
            out.write(block(4, struct.pack(order + "HH", 0, 0)))
            out.write(block(0x0BAD0001, b"a block of another kind"))
        for index, frame in enumerate(frames):
            interface = index % len(digits)
            ticks = frame.time_ns * 10 ** digits[interface] // 1_000_000_000
            header = struct.pack(order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(frame.data),
                                 frame.wire_length)
            out.write(block(6, header + frame.data))
        if extra_blocks:
            out.write(block(5, struct.pack(order + "III", 0, 0, 0)))


def read_pcap(path: Path) -> list[Frame]:
    """Reads a little-endian microsecond Ethernet pcap, which is what the gateway owes; anything else is an error."""
    data = Path(path).read_bytes()
    magic, major, minor, _, _, _, link_type = struct.unpack_from("<IHHiIII", data)
    if (magic, major, minor, link_type) != (MAGIC_MICRO, 2, 4, ETHERNET):
        raise ValueError(f"{path}: not a microsecond Ethernet pcap: {data[:24].hex()}")
    frames, offset = [], 24
    while offset < len(data):
        seconds, micros, captured, original = struct.unpack_from("<IIII", data, offset)
        offset += 16
        if captured != original or offset + captured > len(data):
            raise ValueError(f"{path}: record {len(frames) + 1} is cut")
        frames.append(Frame(seconds * 1_000_000_000 + micros * 1000, data[offset:offset + captured]))
        offset += captured
    return frames


def read_foreign(path: Path) -> tuple[list[Frame], bool]:
    """Reads a capture of whatever kind through scapy: its frames, and whether all of them are Ethernet. Times are
    not kept: the frames of many captures are put into one, a millisecond apart."""
    reader = RawPcapReader(str(path))
    frames, all_ethernet = [], True
    try:
        for data, meta in reader:
            # A pcap has one link type; in a pcapng every packet's interface has its own.
            link_type = meta.linktype if hasattr(meta, "linktype") else reader.linktype
            all_ethernet &= link_type == ETHERNET
            frames.append(Frame(0, data, meta.wirelen))
    finally:
        reader.close()
    return frames, all_ethernet
