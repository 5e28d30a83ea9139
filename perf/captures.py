"""Captures of the ladder's rows."""

import contextlib
import random
import struct

import frames

# Of a flood's frames, one of so many is for the control thread.
FLOOD_ONE_OF = 16
BURST = 64
HEADER_BYTES, RECORD_HEADER_BYTES = 24, 16


def write_outbound(paths, row, seed):
    """Writes frames from tenants, the flows' numbers deciding which of the paths has them; returns how many."""
    shape = row.shape
    order = random.Random(f"{row.rung.name}/frames/{seed}")
    sizes = shape.sizes(order)

    def stream():
        for number in row.rung.drawn(row.draw, seed, "out"):
            yield number, shape.from_tenant(row.rung.flow(number, shape.inner), order.randrange(256), next(sizes))
    return write(paths, stream())


def write_flooded(path, row, seed):
    """Writes what `write_outbound` does, with an ARP request in place of one of so many frames."""
    ordinary = path.with_suffix(".calm")
    write_outbound([ordinary], row, seed)
    with open(ordinary, "rb") as capture:
        write([path], ((0, frame if place % FLOOD_ONE_OF else frames.arp_request())
                        for place, frame in enumerate(read(capture))))
    ordinary.unlink()


def write_inbound(paths, row, seed):
    """Writes answers to the flows' customers, in the same way."""
    shape = row.shape
    sizes = shape.sizes(random.Random(f"{row.rung.name}/frames/{seed}"))

    def stream():
        for number in row.rung.drawn(row.draw, seed, "in"):
            flow = row.rung.flow(number, shape.inner)
            yield number, shape.from_outside(flow.server, flow.address, flow.port, next(sizes))
    return write(paths, stream())


def write_answers(paths, row, ends, seed):
    """Writes one frame from outside for each (server, address, port), in an order drawn from the seed."""
    order = random.Random(f"{len(ends)}/answers/{seed}")
    order.shuffle(ends)
    sizes = row.shape.sizes(order)
    return write(paths, ((number, row.shape.from_outside(*end, next(sizes))) for number, end in enumerate(ends)))


def read(capture):
    """The frames of an open capture of ours."""
    capture.read(HEADER_BYTES)
    while header := capture.read(RECORD_HEADER_BYTES):
        yield capture.read(struct.unpack("<IIII", header)[2])


def write(paths, numbered_frames):
    """Writes (number, frame) pairs, the number deciding which of the paths has a frame; returns how many."""
    written = 0
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(path, "wb")) for path in paths]
        for file in files:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, frame in numbered_frames:
            # A replay takes frames of one time as they come from a port: a burst at a time.
            seconds, microseconds = divmod(written // BURST, 1_000_000)
            files[number % len(files)].write(struct.pack("<IIII", seconds, microseconds, len(frame), len(frame)) + frame)
            written += 1
    return written
