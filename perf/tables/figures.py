#!/usr/bin/env python3
"""The last run of `cargo bench -p nvgw-table-bench` as Markdown: nanoseconds per lookup or change, medians."""

import collections
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2] / "target" / "criterion"


def figures(root):
    """{group: {table: nanoseconds}}, the first of each group first."""
    groups = collections.defaultdict(dict)
    for path in sorted(root.glob("**/new/benchmark.json"), key=lambda path: path.stat().st_mtime):
        benchmark = json.loads(path.read_text(encoding="utf-8"))
        estimates = json.loads(path.with_name("estimates.json").read_text(encoding="utf-8"))
        elements = benchmark["throughput"]["Elements"]
        groups[benchmark["group_id"]][benchmark["function_id"]] = estimates["median"]["point_estimate"] / elements
    return groups


def rows(groups):
    """A table for each set of competitors."""
    heading = None
    for group, measured in groups.items():
        if list(measured) != heading:
            heading = list(measured)
            yield ""
            yield "| ns | " + " | ".join(heading) + " |"
            yield "|---|" + "---:|" * len(heading)
        yield f"| {group} | " + " | ".join(f"{value:.1f}" for value in measured.values()) + " |"


if __name__ == "__main__":
    found = figures(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
    if not found:
        sys.exit("no figures yet: cargo bench -p nvgw-table-bench")
    print("\n".join(rows(found)).lstrip())
