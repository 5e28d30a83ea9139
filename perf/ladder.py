"""The rows of the ladder, and the profiles: which of them a run climbs."""

from dataclasses import dataclass

import flows
from frames import SIZES, Shape

ROUTED = ("decapsulate", "encapsulate")
# The same ways with translation between, and how fast sessions are made.
TRANSLATED = ("translate-out", "translate-in", "new-sessions")
# As decapsulate, with a flood for the control thread among it.
FLOODED = "flood"
# As decapsulate and encapsulate, while the external routes change.
UPDATED = ("updates-out", "updates-in")
DIRECTIONS = ROUTED + TRANSLATED + (FLOODED,) + UPDATED
DRAWS = ("each", "uniform", "zipf")
COMBINATIONS = ("4in4", "6in4", "4in6", "6in6")
IMIX = "imix"


@dataclass(frozen=True)
class Row:
    """What is measured at a time. `queues` may be fewer than workers: the others live from what is handed over."""

    direction: str
    rung: flows.Rung
    shape: Shape = Shape()
    draw: str = "each"
    workers: int = 1
    queues: int = 1

    @property
    def id(self):
        """What a row is called in files, the same in every run."""
        name = [self.direction, self.rung.name, "imix" if self.shape.size == IMIX else f"{self.shape.size}B",
                self.shape.families, self.draw, f"{self.workers}w"]
        return "/".join(name + ([f"{self.queues}q"] if self.queues != self.workers else []))

    @property
    def from_tenants(self):
        return self.direction not in ("encapsulate", "translate-in", "updates-in")

    @property
    def plain(self):
        """Whether the programs beside the gateway that know IPv4 and one worker can do the same."""
        return self.direction in ROUTED and self.shape.families == "4in4" and self.workers == 1

    @property
    def text(self):
        parts = [self.direction, self.rung.text]
        if self.draw != "each":
            parts.append(f"drawn {'by Zipf' if self.draw == 'zipf' else 'uniformly'}")
        size = "IMIX, " if self.shape.size == IMIX else ""
        parts.append(f"{size}{self.shape.frame_bytes(self.from_tenants):.0f}-byte frames")
        if self.shape.families != "4in4":
            parts.append(f"IPv{self.shape.families[0]} in IPv{self.shape.families[-1]}")
        if self.workers > 1:
            parts.append(f"{self.workers} workers, {self.queues} queue{'s' if self.queues > 1 else ''}")
        return ", ".join(parts)


def row(direction, rung, size=64, families="4in4", draw=None, workers=1, queues=None):
    """A row; flows are drawn uniformly where a capture does not have all."""
    if direction == "new-sessions":
        rung = flows.NEW_SESSIONS
    elif direction in UPDATED:
        rung = flows.ROUTES
    elif isinstance(rung, str):
        rung = flows.RUNGS[rung]
    return Row(direction, rung, Shape(size, families), draw or ("uniform" if rung.frames else "each"), workers,
               queues or workers)


def makes_sense(candidate):
    """Whether a row is a measurement: translation is IPv4's and its own rungs', floods ask by ARP, and routes
    change beside IPv4 flows."""
    if candidate.direction not in ROUTED:
        return (candidate.shape.families == "4in4" and candidate.rung.name != "million" and candidate.workers == 1
                and candidate.shape.size == 64)
    return candidate.rung.name != "million" or candidate.shape.families == "4in4"


def quick(workers):
    """The rows of which the project states goals."""
    rows = [row(direction, rung) for rung in ("256", "65536", "million") for direction in ROUTED]
    rows += [row("translate-out", rung) for rung in ("256", "65536", "1000000")] + [row("new-sessions", "new")]
    rows += [row(direction, "256", families=families) for families in COMBINATIONS[1:] for direction in ROUTED]
    rows += [row(direction, "routes") for direction in UPDATED]
    if workers > 1:
        rows += [row(direction, "65536", workers=2) for direction in ROUTED]
    return rows


def default(workers):
    """The goals' rows, sizes, draws, and what else bears on a decision."""
    rows = quick(workers)
    rows += [row(direction, "million", draw="zipf") for direction in ROUTED]
    rows += [row(direction, "256", size) for size in (*SIZES[1:], IMIX) for direction in ROUTED]
    rows += [row("translate-in", rung) for rung in ("256", "65536")] + [row(FLOODED, "256")]
    if workers > 1:
        rows += [row(direction, "65536", workers=2, queues=1) for direction in ROUTED]
    return rows


def full(workers):
    """Everything with everything, as far as it makes sense."""
    rows = default(workers)
    rows += [row(direction, rung, size, families) for rung in ("256", "65536") for size in (*SIZES, IMIX)
             for families in COMBINATIONS for direction in ROUTED]
    rows += [row("translate-in", "1000000"), row(FLOODED, "65536")]
    if workers > 1:
        rows += [row(direction, rung, workers=2, queues=queues) for rung in ("256", "65536", "million")
                 for queues in (2, 1) for direction in ROUTED]
    return list(dict.fromkeys(rows))


PROFILES = {"quick": quick, "default": default, "full": full}


def named(options):
    """Whether options name rows: without, a profile is climbed."""
    return any((options.direction, options.rung, options.size, options.families, options.draw, options.workers))


def chosen(options, workers):
    """The rows of a run: those that the options combine to, or those of a profile; in the order of their rungs, so that
    a rung's routes are drawn once."""
    if not named(options):
        return PROFILES[options.profile](workers)
    rows = []
    for rung in options.rung or ("256", "65536"):
        for direction in options.direction or ROUTED:
            for size in options.size or (64,):
                for families in options.families or ("4in4",):
                    for draw in options.draw or (None,):
                        for count in options.workers or ("1",):
                            many, _, queues = count.partition(":")
                            rows.append(row(direction, rung, size, families, draw, int(many), int(queues or many)))
    return [candidate for candidate in dict.fromkeys(rows) if makes_sense(candidate)]
