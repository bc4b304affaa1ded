"""Draws the results of a dashboard's panels as SVG."""

from html import escape

COLOURS = ["#3274d9", "#e0752d", "#37872d", "#8f3bb8", "#c4162a", "#b877d9", "#fade2a", "#5794f2", "#73bf69", "#ff9830"]
WIDTH, HEIGHT, GAP = 440, 190, 14
PREFIXES = [(1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m")]


def short(value):
    for factor, prefix in PREFIXES:
        if abs(value) >= factor:
            return f"{value / factor:.3g} {prefix}".strip()
    return "0"


def panel(title, unit, stack, series, x, y):
    """`series` are pairs of a name and its points, (seconds, value)."""
    left, top, right, bottom = x + 50, y + 24, x + WIDTH - 8, y + HEIGHT - 44
    # A stacked graph draws each series on top of the sum of the previous ones.
    below, lines = {}, []
    for name, points in series:
        if stack:
            points = [(when, below.get(when, 0) + value) for when, value in points]
            below.update(points)
        lines.append((name, points))
    times = [when for _, points in lines for when, _ in points]
    values = [value for _, points in lines for _, value in points]
    first, last, most = min(times), max(times), max(values) or 1
    if not stack:
        lines.sort(key=lambda line: -max(value for _, value in line[1]))
    out = [
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" fill="#fff" stroke="#d8d9da"/>',
        f'<text x="{x + 8}" y="{y + 16}" font-weight="bold">{escape(title)}</text>',
        f'<text x="{right}" y="{y + 16}" text-anchor="end" fill="#777">{escape(unit)}</text>',
    ]
    for part in (0, 0.5, 1):
        height = bottom - (bottom - top) * part
        out.append(f'<path d="M{left} {height:.0f}H{right}" stroke="#eee"/>')
        out.append(f'<text x="{left - 4}" y="{height + 4:.0f}" text-anchor="end" fill="#777">{short(most * part)}</text>')
    for number, (name, points) in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        places = " ".join(
            f"{left + (right - left) * (when - first) / max(last - first, 1):.0f},{bottom - (bottom - top) * value / most:.0f}"
            for when, value in points
        )
        out.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        if number < 6:
            if number == 5 and len(lines) > 6:
                name, colour = f"and {len(lines) - 5} more", "#777"
            column, row = x + 8 + number % 2 * (WIDTH // 2), bottom + 14 + number // 2 * 13
            out.append(f'<text x="{column}" y="{row}" fill="{colour}">{escape(name[:38])}</text>')
    return out


def dashboard(title, note, panels):
    """`panels` are the arguments of `panel`, without the position."""
    rows = (len(panels) + 1) // 2
    width, height = 2 * WIDTH + 3 * GAP, 50 + rows * (HEIGHT + GAP)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#f4f5f5"/>',
        f'<text x="{GAP}" y="22" font-size="16" font-weight="bold">{escape(title)}</text>',
        f'<text x="{GAP}" y="40" fill="#777">{escape(note)}</text>',
    ]
    for number, content in enumerate(panels):
        out += panel(*content, GAP + number % 2 * (WIDTH + GAP), 50 + number // 2 * (HEIGHT + GAP))
    return "\n".join([*out, "</svg>", ""])
