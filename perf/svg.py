"""Plots as SVG, with colours from the page's style sheet: bars beside each other, bars of parts, and lines."""

import math
from html import escape

WIDTH, VALUES = 960, 110
# Of a letter of a label, in a wide font.
LETTER = 6.8
BAR, GAP, GROUP_GAP = 14, 2, 14
AXIS = 26


def ticks(largest, wanted=5):
    """Round numbers from 0 to at least `largest`, some `wanted` steps."""
    if largest <= 0:
        return [0, 1]
    rough = largest / wanted
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    return [step * number for number in range(math.ceil(largest / step - 1e-9) + 1)]


def number(value):
    """Three digits that say something, without an exponent."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def legend(names):
    """`names`: (colour class, text)."""
    items = "".join(f'<span><i class="{colour}"></i>{escape(name)}</span>' for colour, name in names)
    return f'<p class="legend">{items}</p>'


def _frame(height, title, body):
    return (f'<div class="scroll"><svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
            f"<title>{escape(title)}</title>{body}</svg></div>")


def _left(groups):
    """Where bars begin: right of the longest label."""
    return 20 + math.ceil(LETTER * max(len(label) for label, _ in groups))


def _grid(marks, left, scale, top, bottom, unit):
    parts = []
    for mark in marks:
        x = left + mark * scale
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}"/>'
                     f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{number(mark)}</text>')
    parts.append(f'<text class="tick" x="{WIDTH}" y="{bottom + 16}" text-anchor="end">{escape(unit)}</text>')
    return "".join(parts)


def bars(title, groups, unit):
    """Groups of bars: (label, [(colour class, name, value)])."""
    marks = ticks(max(value for _, its in groups for _, _, value in its))
    left = _left(groups)
    scale = (WIDTH - left - VALUES) / marks[-1]
    y, parts = 4, []
    for label, its in groups:
        middle = y + len(its) * (BAR + GAP) / 2
        parts.append(f'<text class="label" x="{left - 10}" y="{middle + 3:.1f}" text-anchor="end">{escape(label)}</text>')
        for colour, name, value in its:
            parts.append(f'<rect class="{colour}" x="{left}" y="{y}" width="{value * scale:.1f}" height="{BAR}" rx="2">'
                         f"<title>{escape(name)}: {number(value)} {escape(unit)}</title></rect>"
                         f'<text class="value" x="{left + value * scale + 5:.1f}" y="{y + BAR - 3}">{number(value)}</text>')
            y += BAR + GAP
        y += GROUP_GAP
    bottom = y - GROUP_GAP + 4
    return _frame(bottom + AXIS, title, _grid(marks, left, scale, 0, bottom, unit) + "".join(parts))


def stacks(title, rows, unit):
    """A bar of parts for each row: (label, [(colour class, name, value)])."""
    marks = ticks(max(sum(value for _, _, value in its) for _, its in rows))
    left = _left(rows)
    scale = (WIDTH - left - VALUES) / marks[-1]
    height, y, parts = 22, 4, []
    for label, its in rows:
        parts.append(f'<text class="label" x="{left - 10}" y="{y + 15}" text-anchor="end">{escape(label)}</text>')
        x = left
        for colour, name, value in its:
            width = value * scale
            parts.append(f'<rect class="{colour}" x="{x:.1f}" y="{y}" width="{max(width - 1, 0):.1f}" height="{height}">'
                         f"<title>{escape(name)}: {number(value)} {escape(unit)}</title></rect>")
            if width > 34:
                parts.append(f'<text class="inside" x="{x + width / 2:.1f}" y="{y + 15}" text-anchor="middle">'
                             f"{number(value)}</text>")
            x += width
        parts.append(f'<text class="value" x="{x + 5:.1f}" y="{y + 15}">'
                     f"{number(sum(value for _, _, value in its))}</text>")
        y += height + 8
    return _frame(y + AXIS, title, _grid(marks, left, scale, 0, y, unit) + "".join(parts))


def lines(title, series, x_unit, y_unit):
    """Lines with a point for each value: (colour class, name, [(x, y)]); both axes begin at 0."""
    left, right, top, bottom = 70, WIDTH - 130, 22, 280
    x_marks = ticks(max(x for _, _, points in series for x, _ in points))
    y_marks = ticks(max(y for _, _, points in series for _, y in points))
    def place(x, y):
        return left + x / x_marks[-1] * (right - left), bottom - y / y_marks[-1] * (bottom - top)
    parts = []
    for mark in x_marks:
        x, _ = place(mark, 0)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{number(mark)}</text>')
    for mark in y_marks:
        _, y = place(0, mark)
        parts.append(f'<line class="grid" x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
                     f'<text class="tick" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{number(mark)}</text>')
    parts.append(f'<text class="tick" x="{left - 8}" y="12" text-anchor="end">{escape(y_unit)}</text>'
                 f'<text class="tick" x="{right + 26}" y="{bottom + 18}">{escape(x_unit)}</text>')
    lowest = bottom + 14
    for colour, name, points in sorted(series, key=lambda one: one[2][-1][1]):
        placed = [place(x, y) for x, y in points]
        parts.append(f'<polyline class="line {colour}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in placed)}"/>')
        for (x, y), (shown_x, shown_y) in zip(placed, points):
            parts.append(f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{escape(name)}: '
                         f"{number(shown_y)} {escape(y_unit)} at {number(shown_x)} {escape(x_unit)}</title></circle>")
        # Names at the lines' ends, none over another.
        lowest = min(placed[-1][1] + 4, lowest - 14)
        parts.append(f'<text class="label" x="{placed[-1][0] + 10:.1f}" y="{lowest:.1f}">{escape(name)}</text>')
    return _frame(bottom + AXIS, title, "".join(parts))
