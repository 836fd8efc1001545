"""Geometry of charts that the server draws as SVG; pure. The template only writes it down."""

from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 720, 200
_LEFT, _BOTTOM, _TOP = 44, 22, 8


@dataclass(frozen=True)
class Segment:
    """One coloured part of a bar."""

    series: int
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """One day: place, parts from the bottom up, and what it says when pointed at."""

    x: float
    width: float
    label: str
    title: str
    shows_label: bool
    segments: list[Segment]


@dataclass(frozen=True)
class Tick:
    """One line of the value axis."""

    y: float
    value: float


@dataclass(frozen=True)
class Chart:
    """A stacked bar chart with its legend and axis, and the same figures as rows of a table."""

    bars: list[Bar]
    ticks: list[Tick]
    legend: list[str]
    rows: list[tuple[str, list[int | None]]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT


def nice_ceiling(value: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not below a value."""
    step = 1.0
    while step * 10 <= value:
        step *= 10
    return next(step * factor for factor in (1, 2, 2.5, 5, 10) if step * factor >= value)


def daily_chart(days: list[dict[str, Any]], series: tuple[tuple[str, str], ...]) -> Chart:
    """One bar a day, with a part for each `(field, label)`; None counts as nothing."""
    top = nice_ceiling(max([sum(day[name] or 0 for name, _ in series) for day in days] or [1]) or 1)
    plot = HEIGHT - _TOP - _BOTTOM
    slot = (WIDTH - _LEFT) / max(len(days), 1)
    every = max(1, len(days) // 8)
    bars = []
    for number, day in enumerate(days):
        segments, base = [], float(HEIGHT - _BOTTOM)
        for index, (name, _) in enumerate(series):
            height = plot * (day[name] or 0) / top
            base -= height
            if height > 0:
                segments.append(Segment(index, round(base, 2), round(height, 2)))
        title = day["date"] + "".join(f"\n{label}: {_told(day[name])}" for name, label in series)
        width = max(slot * 0.78, 1)
        bars.append(Bar(round(_LEFT + slot * number + (slot - width) / 2, 2), round(width, 2), day["date"][5:], title, number % every == 0, segments))
    ticks = [Tick(round(HEIGHT - _BOTTOM - plot * part, 2), top * part) for part in (0, 0.5, 1)]
    rows = [(day["date"], [day[name] for name, _ in series]) for day in days]
    return Chart(bars, ticks, [label for _, label in series], rows)


def _told(value: int | None) -> str:
    return "not reported" if value is None else f"{value:,}"


def sparkline(values: list[int]) -> str:
    """The points of a small line over a box of 100 x 24."""
    if len(values) < 2:
        values = [*values, *values] or [0, 0]
    top = max(values) or 1
    step = 100 / (len(values) - 1)
    return " ".join(f"{step * n:.1f},{22 - 20 * value / top:.1f}" for n, value in enumerate(values))
