"""Rows of a report, as a run makes them."""

import caches
import figures
import ladder


def row(direction="decapsulate", rung="256", *, io=(50e6, 50e6, 50e6), nvgw=(20e6, 20e6, 20e6), others=None, **options):
    """A measured row, from the rates of its rounds."""
    made = ladder.row(direction, rung, **options)
    subject = {**dict.fromkeys(ladder.TRANSLATED, "nvgw-nat"), **dict.fromkeys(ladder.UPDATED, "nvgw-updates")}.get(
        direction, "nvgw")
    rates = {"testpmd-io": io, subject: nvgw, **(others or {})}
    programs = {name: figures.median_run([{"pps": rate, "core_share": 1.0} for rate in its])
                for name, its in rates.items()}
    for program in programs.values():
        program["cycles"] = 2.6e9 / program["pps"]
        program["ratios"] = {name: figures.paired_ratio(program, other) for name, other in programs.items()}
    return {"id": made.id, "direction": direction, "rung": rung, "flows": made.rung.flows,
            "customers": made.rung.customers, "vsids": made.rung.vsids, "routes": made.rung.routes, "draw": made.draw,
            "frame_bytes": made.shape.frame_bytes(made.from_tenants), "size": made.shape.size,
            "families": made.shape.families, "workers": made.workers, "queues": made.queues, "programs": programs,
            "tsc_hz": 2_600_000_000, "subject": subject}


def document(*rows):
    """A whole report with some of everything."""
    return {"version": 3,
            "machine": {"cpu": "a processor", "kernel": "6.1", "cpus": 2, "cores": [0, 1], "hugepages": True,
                        "dpdk": None, "nvgw": "nvgw 1"},
            "options": {"rounds": 3, "seconds": 4.0, "warm_up": 1.0, "seed": 1},
            "rows": list(rows), "goals": [{"row": "a", "goal": 2, "unit": "×", "beside": "b <c>", "figure": 1.0, "met": False},
                                       {"row": "a", "goal": 3, "unit": "s", "beside": None, "figure": None, "met": None}],
            "changes": [{"row": "a", "change": -0.1, "noise": 0.02, "verdict": "slower"}],
            "latency": [{"direction": "decapsulate", "load": load, "offered": 1e6, "forwarded": 1e6, "lost": 0.0,
                         "latency": {"from-tenants": {"p50": 1e-6 * load, "p99": 2e-6, "p99.9": 3e-6}}}
                        for load in (0.1, 0.5, 0.9)],
            "instructions": [{"row": "a", "caches": {name: vars(cache) for name, cache in caches.USUAL.items()},
                              "total": {"instructions": 200.0, "d1_misses": 11.25, "l2_misses": 2.5},
                              "functions": {"parse<u8>": {"instructions": 60.0, "d1_misses": 3.0, "l2_misses": 1.0}}}],
            "cards": [{"row": "a", "received": 2e6, "missed": 0.0, "forwarded": 1e6, "drops": {"ttl": 1e6},
                       "stages": {"parse": 40.0}}]}
