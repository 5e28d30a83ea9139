"""An external routing table of any size with the internet's mix of prefix lengths."""

import random
from functools import lru_cache

# IPv4 prefixes of the default-free zone by length, in thousands; rounded from what route collectors publish.
MIX = {8: 0.016, 9: 0.013, 10: 0.04, 11: 0.1, 12: 0.3, 13: 0.6, 14: 1.2, 15: 2.1, 16: 13.5, 17: 8.3, 18: 13.9,
       19: 25.4, 20: 45.0, 21: 52.0, 22: 110.0, 23: 98.0, 24: 580.0}
# Neighbours of the external network to which the routes lead, evenly.
NEXT_HOPS = 64
# Where prefixes come from: unicast, without what the benchmark's own stations have.
FIRST, LAST = 11 << 24, 198 << 24
KEPT_OUT = ((100, 100), (127, 127))


def shares(count):
    """How many of so many routes have each length; the sum is `count`, and /24 takes what rounding leaves."""
    total = sum(MIX.values())
    result = {length: int(count * share / total) for length, share in MIX.items()}
    result[24] += count - sum(result.values())
    return result


@lru_cache(maxsize=1)
def routes(count):
    """Different (prefix, length, next hop) in random order, prefixes as numbers; the same in every run."""
    source = random.Random(f"internet/{count}")
    result = []
    for length, wanted in shares(count).items():
        step = 1 << (32 - length)
        seen = set()
        while len(seen) < wanted:
            prefix = source.randrange(FIRST, LAST) // step * step
            if prefix not in seen and prefix >= FIRST and not any(
                    low << 24 < prefix + step and prefix < high + 1 << 24 for low, high in KEPT_OUT):
                seen.add(prefix)
        result += [(prefix, length) for prefix in sorted(seen)]
    source.shuffle(result)
    return [(prefix, length, number % NEXT_HOPS) for number, (prefix, length) in enumerate(result)]


def address_in(route, salt):
    """An address that a route leads to, unless a longer prefix takes it."""
    prefix, length, _ = route
    return prefix + salt % (1 << (32 - length))
