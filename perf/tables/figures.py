#!/usr/bin/env python3
"""The last run of `cargo bench -p nvgw-table-bench` as Markdown: nanoseconds per lookup or change, medians."""

import argparse
import collections
import json
import pathlib
import re
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
# What the benchmarks of changes are called.
CHANGES = "/withdraw and announce"


def figures(root):
    """{group: {table: nanoseconds}}, the first of each group first."""
    groups = collections.defaultdict(dict)
    for path in sorted(root.glob("**/new/benchmark.json"), key=lambda path: path.stat().st_mtime):
        benchmark = json.loads(path.read_text(encoding="utf-8"))
        estimates = json.loads(path.with_name("estimates.json").read_text(encoding="utf-8"))
        elements = benchmark["throughput"]["Elements"]
        groups[benchmark["group_id"]][benchmark["function_id"]] = estimates["median"]["point_estimate"] / elements
    return groups


def place(group):
    """Groups of a kind side by side, by size, hits before misses, whichever was measured last."""
    kind, size, *rest = group.split("/")
    return kind, int(size), rest


def table(groups, what):
    """Tables for each set of competitors."""
    lines, heading = [], None
    for group, measured in sorted(groups.items(), key=lambda item: place(item[0])):
        if list(measured) != heading:
            heading = list(measured)
            lines += ["", f"| ns {what} | " + " | ".join(heading) + " |", "|---|" + "---:|" * len(heading)]
        name = group.removesuffix(CHANGES)
        lines.append(f"| {name} | " + " | ".join(f"{value:.1f}" for value in measured.values()) + " |")
    return "\n".join(lines[1:])


def tables(groups):
    """Those of lookups and those of changes."""
    changes = {group: measured for group, measured in groups.items() if group.endswith(CHANGES)}
    lookups = {group: measured for group, measured in groups.items() if group not in changes}
    return {"lookups": table(lookups, "a lookup"), "changes": table(changes, "a change")}


def written(document, found):
    """A document whose marked places have these tables."""
    for name, text in found.items():
        begin, end = f"<!-- figures: {name} -->", "<!-- end of figures -->"
        pattern = re.compile(f"{begin}.*?{end}", re.S)
        if not pattern.search(document):
            raise SystemExit(f"no place for the {name}: {begin} … {end}")
        document = pattern.sub(lambda _, new=f"{begin}\n{text}\n{end}": new, document, count=1)
    return document


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put them into docs/tables.md")
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=REPOSITORY / "target/criterion")
    options = parser.parse_args()
    measured_groups = figures(options.root)
    if not measured_groups:
        sys.exit("no figures yet: cargo bench -p nvgw-table-bench")
    of_run = tables(measured_groups)
    if options.write:
        place_in = REPOSITORY / "docs/tables.md"
        place_in.write_text(written(place_in.read_text(encoding="utf-8"), of_run), encoding="utf-8")
    print("\n\n".join(of_run.values()))
