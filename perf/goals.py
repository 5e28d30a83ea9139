"""The project's goals of speed, and whether a run's rows meet them."""

from dataclasses import dataclass

from ladder import COMBINATIONS, ROUTED, UPDATED, row

MPPS, TIMES, CHANGES, SECONDS = "Mpps", "×", "changes/s", "s"


@dataclass(frozen=True)
class Goal:
    """What is asked of a row: of a ratio the unit is TIMES, and `beside` what it is to, a program of the same rounds
    or another row's id for the same program there."""

    row: str
    goal: float
    unit: str = MPPS
    beside: str | None = None

    def met_by(self, figure):
        return figure <= self.goal if self.unit == SECONDS else figure >= self.goal


def _id(*arguments, **options):
    return row(*arguments, **options).id


def goals():
    """All of them."""
    decapsulate, encapsulate = (_id(direction, "256") for direction in ROUTED)
    yield Goal(decapsulate, 32)
    yield Goal(decapsulate, 0.8, TIMES, "least")
    yield Goal(decapsulate, 0.36, TIMES, "testpmd-io")
    yield Goal(decapsulate, 3.8, TIMES, "ovs")
    yield Goal(encapsulate, 33)
    yield Goal(encapsulate, 0.8, TIMES, "least")
    yield Goal(encapsulate, 2.7, TIMES, "ovs")
    for direction in ROUTED:
        yield Goal(_id(direction, "65536"), 21)
        yield Goal(_id(direction, "65536"), 5, TIMES, "ovs")
        yield Goal(_id(direction, "million"), 0.4, TIMES, _id(direction, "256"))
        for families in COMBINATIONS[1:]:
            yield Goal(_id(direction, "256", families=families), 0.8, TIMES, _id(direction, "256"))
        yield Goal(_id(direction, "65536", workers=2), 1.9, TIMES, _id(direction, "65536"))
    for rung, rate in (("256", 19), ("65536", 8), ("1000000", 6)):
        yield Goal(_id("translate-out", rung), rate)
    yield Goal(_id("new-sessions", "new"), 1)
    for direction in UPDATED:
        updates = _id(direction, "routes")
        yield Goal(updates, 0.9, TIMES, "nvgw")
        yield Goal(updates, 500_000, CHANGES)
        yield Goal(updates, 3, SECONDS)


def judged(rows, every=False):
    """What was reached, what is asked, whether it is met, of every goal whose row is among these, or of every goal.

    Where a row or what it is compared with was not measured, neither figure nor verdict is there."""
    by_id = {measured["id"]: measured for measured in rows if measured.get("subject") or "failed" in measured}
    result = []
    for goal in goals():
        if every or goal.row in by_id:
            reached = _figure(by_id, goal)
            result.append({"row": goal.row, "goal": goal.goal, "unit": goal.unit, "beside": goal.beside,
                           "figure": reached, "met": None if reached is None else goal.met_by(reached)})
    return result


def _subject(by_id, name):
    """What the program that a row is about reached; `None` where the row was not measured."""
    measured = by_id.get(name, {})
    return measured["programs"][measured["subject"]] if measured.get("subject") else None


def _figure(by_id, goal):
    subject = _subject(by_id, goal.row)
    if not subject:
        return None
    if goal.unit == MPPS:
        return subject["pps"] / 1e6
    if goal.unit == CHANGES:
        return subject["updates"]["rate"]
    if goal.unit == SECONDS:
        return subject["updates"]["load_seconds"]
    other = _subject(by_id, goal.beside)
    return subject["pps"] / other["pps"] if other else subject["ratios"].get(goal.beside)
