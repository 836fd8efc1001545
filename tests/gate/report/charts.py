"""Line charts as inline SVG: no script, no font, no file beside the page."""

from collections.abc import Mapping, Sequence
from html import escape

Point = tuple[float, float]
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 860, 220, 84, 28, 12
# Of Okabe and Ito: distinguishable by colour-blind eyes and on both grounds.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#a08000")
MOST_POINTS = 400


def line_chart(
    title: str,
    unit: str,
    series: Mapping[str, Sequence[Point]],
    incidents: Sequence[tuple[float, str]] = (),
    *,
    cuts_peaks: bool = False,
) -> str:
    """A figure with its legend; instants in seconds. Empty series are left out; where peaks are
    cut, the highest twentieth of the points touches the top."""
    shown = {name: _thinned(points) for name, points in series.items() if points}
    if not shown:
        return ""
    longest = max(at for points in shown.values() for at, _ in points) or 1.0
    values = sorted(value for points in shown.values() for _, value in points)
    highest = (values[int(0.95 * len(values))] if cuts_peaks else values[-1]) or 1.0

    def place(at: float, value: float) -> str:
        x = LEFT + (WIDTH - LEFT - 8) * at / longest
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(value / highest, 1.0))
        return f"{x:.1f},{y:.1f}"

    lines = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="'
        f'{" ".join(place(at, max(value, 0.0)) for at, value in points)}"/>'
        for colour, points in zip(_colours(len(shown)), shown.values(), strict=True)
    )
    marks = "".join(_mark(place(at, highest), text) for at, text in incidents if at <= longest)
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{_axes(longest, highest, unit)}{marks}{lines}</svg>{_legend(list(shown))}</figure>"
    )


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    step = -(-len(points) // MOST_POINTS)
    return points[::step]


def _colours(count: int) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(count)]


def _mark(place: str, text: str) -> str:
    x = place.partition(",")[0]
    return (
        f'<line class="mark" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}">'
        f"<title>{escape(text)}</title></line>"
    )


def _axes(longest: float, highest: float, unit: str) -> str:
    most = f"{_number(highest)} {escape(unit)}"
    texts = [
        f'<text x="{LEFT - 6}" y="{TOP + 8}" text-anchor="end">{most}</text>',
        f'<text x="{LEFT - 6}" y="{HEIGHT - BOTTOM}" text-anchor="end">0</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 8}">0 s</text>',
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 8}" text-anchor="end">{longest:.0f} s</text>',
    ]
    frame = f'<path class="axis" fill="none" d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - 8}"/>'
    return frame + "".join(texts)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _legend(names: Sequence[str]) -> str:
    items = "".join(
        f'<li><span class="swatch" style="background:{colour}"></span>{escape(name)}</li>'
        for colour, name in zip(_colours(len(names)), names, strict=True)
    )
    return f'<ul class="legend">{items}</ul>'
