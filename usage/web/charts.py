"""Geometry of charts that the server draws as SVG; pure. The templates only write it down.

Places and lengths are percentages of the plot, y counted downwards: the plot stretches to its card
while the labels, which are HTML, keep their size.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from monitoring.web.formats import localized

_WIDEST_BAR = 9.0
_LABELS = 7
_SPARKLINE_POINTS = 30

Columns = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Series:
    """One colour of a chart: the name of its column, what people call it and the CSS class that
    colours it."""

    column: str
    label: str
    css: str


ATTEMPTS = (
    Series("succeeded", _("Succeeded"), "succeeded"),
    Series("failed", _("Failed"), "failed"),
)
TOKENS = (
    Series("uncached_input_tokens", _("Input"), "kind-input"),
    Series("cache_read_tokens", _("Cache read"), "kind-cache-read"),
    Series("cache_write_tokens", _("Cache write"), "kind-cache-write"),
    Series("non_reasoning_output_tokens", _("Output"), "kind-output"),
    Series("reasoning_tokens", _("Reasoning"), "kind-reasoning"),
    Series("unclassified_tokens", _("Unclassified"), "kind-unclassified"),
)
COSTS = (
    Series("input", _("Input"), "kind-input"),
    Series("cache_read", _("Cache read"), "kind-cache-read"),
    Series("cache_write", _("Cache write"), "kind-cache-write"),
    Series("output", _("Output"), "kind-output"),
)
# A value as the title of a bucket has it.
Written = Callable[[Any], str]
PERCENTILES = (
    Series("p99_ms", "p99", "line-p99"),
    Series("p95_ms", "p95", "line-p95"),
    Series("p50_ms", "p50", "line-p50"),
)


@dataclass(frozen=True)
class Slot:
    """One bucket of the time axis: its name, a label (empty for one that needs none), where it
    leads, whether it is not over yet, and its first and last day as `first/last`."""

    name: str
    short: str
    href: str
    is_unfinished: bool = False
    days: str = ""


@dataclass(frozen=True)
class Segment:
    """One coloured part of a bar."""

    css: str
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """One bucket: place, parts from the bottom up, what it says when pointed at, and its values in
    the order of the series, separated by commas and empty where nothing was reported."""

    slot: Slot
    x: float
    width: float
    middle: float
    label: str
    title: str
    segments: list[Segment]
    values: str


@dataclass(frozen=True)
class Tick:
    """One line of the value axis."""

    y: float
    value: float


@dataclass(frozen=True)
class Line:
    """One series as lines, broken where there is no value, in points as SVG wants them."""

    series: Series
    pieces: list[str]


@dataclass(frozen=True)
class Chart:
    """Stacked bars or lines with legend and axes, and the same figures as rows of a table."""

    bars: list[Bar]
    ticks: list[Tick]
    series: list[Series]
    rows: list[tuple[Slot, list[float | None]]]
    lines: list[Line]


def counted(value: float | None) -> str:
    """1,234,567; words for what was not reported."""
    return gettext("not reported") if value is None else localized(f"{value:,}")


def bar_chart(
    slots: Sequence[Slot],
    columns: Columns,
    series: tuple[Series, ...],
    written: Written = counted,
) -> Chart:
    """One bar a bucket with a part for each series; a series without any figure is left out, None
    counts as nothing. `written` is a value as a bar's title has it."""
    drawn = [s for s in series if any(columns[s.column])] or [series[0]]
    rows = [(slot, [columns[s.column][number] for s in drawn]) for number, slot in enumerate(slots)]
    scale = axis(max([sum(value or 0 for value in values) for _, values in rows] or [0]))

    def segments(values: list[float | None]) -> list[Segment]:
        return _stacked(
            [
                (s.css, 100 * (value or 0) / scale[-1])
                for s, value in zip(drawn, values, strict=True)
            ]
        )

    bars = bars_of(rows, drawn, [segments(values) for _, values in rows], written)
    ticks = [Tick(round(100 - 100 * value / scale[-1], 2), value) for value in scale]
    return Chart(bars, ticks, drawn, rows, [])


def bars_of(
    rows: list[tuple[Slot, list[float | None]]],
    series: list[Series],
    segments: list[list[Segment]],
    written: Written,
) -> list[Bar]:
    """The bars of rows with their places and titles; `segments` are their coloured parts."""
    named = [number for number, (slot, _values) in enumerate(rows) if slot.short]
    # Counted from the newest, so that the last one always has its label.
    labelled = set(named[::-1][:: math.ceil(len(named) / _LABELS) or 1])
    slot_width = 100 / max(len(rows), 1)
    width = min(slot_width * 0.76, _WIDEST_BAR)
    names = [gettext(s.label) for s in series]
    bars = []
    for number, (slot, values) in enumerate(rows):
        middle = slot_width * (number + 0.5)
        title = (
            gettext("%(time)s (so far)") % {"time": slot.name} if slot.is_unfinished else slot.name
        ) + "".join(f"\n{name}: {written(v)}" for name, v in zip(names, values, strict=True))
        label = slot.short if number in labelled else ""
        bars.append(
            Bar(
                slot,
                round(middle - width / 2, 3),
                round(width, 3),
                round(middle, 3),
                label,
                title,
                segments[number],
                ",".join("" if value is None else str(value) for value in values),
            )
        )
    return bars


def _stacked(heights: list[tuple[str, float]]) -> list[Segment]:
    segments, base = [], 100.0
    for css, height in heights:
        base -= height
        if height > 0:
            segments.append(Segment(css, round(base, 3), round(height, 3)))
    return segments


def axis(largest: float) -> list[float]:
    """Values of about four lines, evenly apart in steps of 1, 2, 2.5 or 5 times a power of ten,
    from 0 to not below `largest`."""
    step = nice_ceiling(largest / 4)
    return [step * number for number in range(max(math.ceil(largest / step), 1) + 1)]


def nice_ceiling(value: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not below a value; at least 1, and
    whole, as counts are."""
    step = 1.0
    while step * 10 <= value:
        step *= 10
    factors = (1, 2, 5, 10) if step == 1 else (1, 2, 2.5, 5, 10)
    return next(step * factor for factor in factors if step * factor >= value)


def sparkline(values: list[float]) -> str:
    """The points of a small line over a box of 100 x 24; empty for fewer than two values, which
    make no line.

    More values than it has room for are averaged in groups: it shows the course, not each value.
    """
    if len(values) < 2:
        return ""
    size = math.ceil(len(values) / _SPARKLINE_POINTS)
    values = [
        sum(group) / len(group)
        for group in (values[n : n + size] for n in range(0, len(values), size))
    ]
    top = max(values) or 1
    step = 100 / (len(values) - 1)
    return " ".join(
        f"{step * number:.1f},{22 - 20 * value / top:.1f}" for number, value in enumerate(values)
    )
