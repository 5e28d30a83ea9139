"""What hostile senders do to a frame: end it anywhere, with and without saying so, and write wrong bytes; and tunnels
for many frames in little time."""

import struct

from .ip import shortened, version
from .packets import checksum, ethertype_offset, nvgre
from .topology import Vm

# Written over each byte in turn.
WRONG = (0x00, 0x01, 0x7F, 0x80, 0xFF)


def cuts(data: bytes, start: int = 1) -> list[bytes]:
    """Every beginning of the data that is not all of it; a capture has no frame without a byte."""
    return [data[:length] for length in range(start, len(data))]


def honest_cuts(frame: bytes) -> list[bytes]:
    """The frame ending after each byte of its IP packet, with a length field that says so where it is there."""
    start = ethertype_offset(frame) + 2
    return [frame[:start] + shortened(frame[start:], length) for length in range(len(frame) - start)]


def wrong_bytes(data: bytes) -> list[bytes]:
    """Each byte of the data replaced by each of some others."""
    return [data[:place] + bytes([value]) + data[place + 1:] for place in range(len(data)) for value in WRONG
            if data[place] != value]


class Tunnel:
    """What `nvgre` does with the frames of a VM's host, without dissecting a header for each."""

    def __init__(self, vm: Vm):
        self._empty = nvgre(b"", vm.vsid, vm.provider_address, vm.site, src_mac=vm.next_hop_mac)
        self._start = ethertype_offset(self._empty) + 2

    def __call__(self, inner: bytes) -> bytes:
        start = self._start
        head = bytearray(self._empty)
        length = len(head) - start + len(inner)
        if version(self._empty[start:]) == 6:
            head[start + 4:start + 6] = struct.pack("!H", length - 40)
        else:
            head[start + 2:start + 4] = struct.pack("!H", length)
            head[start + 10:start + 12] = bytes(2)
            head[start + 10:start + 12] = struct.pack("!H", checksum(bytes(head[start:start + 20])))
        return bytes(head) + inner
