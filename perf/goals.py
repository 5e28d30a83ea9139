"""The project's goals of speed, and whether a run's rows meet them."""

from ladder import COMBINATIONS, ROUTED, row


def _id(*arguments, **options):
    return row(*arguments, **options).id


def _goals():
    """(row, the least figure, beside what): `None` for Mpps, a program's name for the ratio to it in the same rounds,
    another row's id for the ratio to the same program there."""
    decapsulate, encapsulate = (_id(direction, "256") for direction in ROUTED)
    yield decapsulate, 32, None
    yield decapsulate, 0.8, "least"
    yield decapsulate, 0.36, "testpmd-io"
    yield decapsulate, 3.8, "ovs"
    yield encapsulate, 33, None
    yield encapsulate, 0.8, "least"
    yield encapsulate, 2.7, "ovs"
    for direction in ROUTED:
        yield _id(direction, "65536"), 21, None
        yield _id(direction, "65536"), 5, "ovs"
        yield _id(direction, "million"), 0.4, _id(direction, "256")
        for families in COMBINATIONS[1:]:
            yield _id(direction, "256", families=families), 0.8, _id(direction, "256")
        yield _id(direction, "65536", workers=2), 1.9, _id(direction, "65536")
    for rung, rate in (("256", 19), ("65536", 8), ("1000000", 6)):
        yield _id("translate-out", rung), rate, None
    yield _id("new-sessions", "new"), 1, None


def judged(rows):
    """Every goal that the rows tell of: what was reached, what is asked, whether it is met."""
    by_id = {measured["id"]: measured for measured in rows if measured.get("subject")}
    result = []
    for name, least, beside in _goals():
        if name not in by_id:
            continue
        reached = _figure(by_id, name, beside)
        if reached is not None:
            result.append({"row": name, "beside": beside, "figure": reached, "goal": least, "met": reached >= least})
    return result


def _figure(by_id, name, beside):
    measured = by_id[name]
    subject = measured["programs"][measured["subject"]]
    if beside is None:
        return subject["pps"] / 1e6
    if beside in measured["programs"]:
        return subject["ratios"][beside]
    if beside in by_id:
        other = by_id[beside]
        return subject["pps"] / other["programs"][other["subject"]]["pps"]
    return None
