"""The first two data caches of a core, as valgrind can be told of them."""

import pathlib
from dataclasses import dataclass

CACHES = pathlib.Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True)
class Cache:
    """A cache with as many sets as valgrind simulates: a power of two."""

    bytes: int
    ways: int
    line: int

    @classmethod
    def rounded(cls, size, ways, line):
        """What is nearest to a cache of so many bytes, and not larger."""
        sets = 1 << (size // (ways * line)).bit_length() - 1
        return cls(sets * ways * line, ways, line)

    @property
    def option(self):
        """As valgrind's `--D1` and `--LL` take it."""
        return f"{self.bytes},{self.ways},{self.line}"

    @property
    def text(self):
        size = f"{self.bytes >> 20} MiB" if self.bytes % 2**20 == 0 else f"{self.bytes / 1024:g} KiB"
        return f"{size}, {self.ways}-way"


# Those of a server's core, for machines that do not tell.
USUAL = {"D1": Cache(48 << 10, 12, 64), "L2": Cache(2 << 20, 16, 64)}
_PLACES = {(1, "Data"): "D1", (2, "Unified"): "L2"}


def of_this_machine(folder=CACHES):
    """`D1` and `L2`, as the kernel tells them."""
    found = {}
    for index in folder.glob("index*"):
        try:
            told = {name: (index / name).read_text().strip()
                    for name in ("level", "type", "size", "ways_of_associativity", "coherency_line_size")}
            place = _PLACES.get((int(told["level"]), told["type"]))
            size = int(told["size"].removesuffix("K")) << 10
            cache = Cache.rounded(size, int(told["ways_of_associativity"]), int(told["coherency_line_size"]))
        except (OSError, ValueError, ZeroDivisionError):
            # A virtual machine may leave any of them out, or say 0.
            continue
        if place:
            found[place] = cache
    return {**USUAL, **found}
