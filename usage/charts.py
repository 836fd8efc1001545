"""Geometry of charts that the server draws as SVG; pure. The templates only write it down.

Places and lengths are percentages of the plot, y counted downwards: the plot stretches to its card while the labels,
which are HTML, keep their size.
"""

import math
from dataclasses import dataclass
from datetime import date
from typing import Any

_WIDEST_BAR = 9.0
_DAY_LABELS = 7
_SPARKLINE_POINTS = 30


@dataclass(frozen=True)
class Series:
    """One colour of a stacked chart: the field of a day, its name and the CSS class that colours it."""

    field: str
    label: str
    css: str


ATTEMPTS = (Series("success", "Succeeded", "succeeded"), Series("failure", "Failed", "failed"))
TOKENS = (
    Series("uncachedInputTokens", "Input", "kind-input"),
    Series("cacheReadTokens", "Cache read", "kind-cache-read"),
    Series("cacheWriteTokens", "Cache write", "kind-cache-write"),
    Series("nonReasoningOutputTokens", "Output", "kind-output"),
    Series("reasoningTokens", "Reasoning", "kind-reasoning"),
    Series("unclassifiedTokens", "Unclassified", "kind-unclassified"),
)


@dataclass(frozen=True)
class Segment:
    """One coloured part of a bar."""

    css: str
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """One day: place, parts from the bottom up, and what it says when pointed at."""

    day: str
    x: float
    width: float
    middle: float
    label: str
    title: str
    is_unfinished: bool
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
    series: list[Series]
    rows: list[tuple[str, list[int | None]]]


@dataclass(frozen=True)
class Dot:
    """One attempt: earlier is left, slower is higher."""

    x: float
    y: float
    point: dict[str, Any]


@dataclass(frozen=True)
class LatencyChart:
    """Attempts in order over a logarithmic axis of time, with the percentiles of the whole range as lines."""

    dots: list[Dot]
    ticks: list[Tick]
    lines: list[tuple[str, Tick]]


def page_charts(data: dict[str, Any], today: date) -> dict[str, Any]:
    """Every chart of the usage page."""
    days = data["dailyBreakdown"]
    return {
        "attempts_chart": daily_chart(days, ATTEMPTS, today),
        "tokens_chart": daily_chart(days, TOKENS, today),
        "latency_chart": latency_chart(data["latencySeries"], data["latencySummary"]),
        "sparklines": _sparklines(data),
    }


def daily_chart(days: list[dict[str, Any]], series: tuple[Series, ...], today: date) -> Chart:
    """One bar a day with a part for each series; a series without any figure is left out, None counts as nothing."""
    drawn = [s for s in series if any(day[s.field] for day in days)] or [series[0]]
    scale = axis(max([sum(day[s.field] or 0 for s in drawn) for day in days] or [0]))
    every = math.ceil(len(days) / _DAY_LABELS) or 1
    # Counted from the newest, so that the last bar always has its label.
    labelled = {day["date"] for day in days[::-1][::every]}
    slot = 100 / max(len(days), 1)
    bars = [_bar(day, drawn, slot * number, slot, scale[-1], day["date"] in labelled, today) for number, day in enumerate(days)]
    ticks = [Tick(round(100 - 100 * value / scale[-1], 2), value) for value in scale]
    return Chart(bars, ticks, drawn, [(day["date"], [day[s.field] for s in drawn]) for day in days])


def _bar(day: dict[str, Any], series: list[Series], x: float, slot: float, top: float, is_labelled: bool, today: date) -> Bar:
    width = min(slot * 0.76, _WIDEST_BAR)
    middle = x + slot / 2
    is_unfinished = day["date"] == today.isoformat()
    title = day["date"] + (" (so far)" if is_unfinished else "") + "".join(f"\n{s.label}: {_told(day[s.field])}" for s in series)
    label = "" if not is_labelled else "today" if is_unfinished else day["date"][5:]
    segments = _stacked([(s.css, 100 * (day[s.field] or 0) / top) for s in series])
    return Bar(day["date"], round(middle - width / 2, 3), round(width, 3), round(middle, 3), label, title, is_unfinished, segments)


def _stacked(heights: list[tuple[str, float]]) -> list[Segment]:
    segments, base = [], 100.0
    for css, height in heights:
        base -= height
        if height > 0:
            segments.append(Segment(css, round(base, 3), round(height, 3)))
    return segments


def axis(largest: float) -> list[float]:
    """Values of about four lines, evenly apart in steps of 1, 2, 2.5 or 5 times a power of ten, from 0 to not below `largest`."""
    step = nice_ceiling(largest / 4)
    return [step * number for number in range(max(math.ceil(largest / step), 1) + 1)]


def nice_ceiling(value: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not below a value; at least 1, and whole, as counts are."""
    step = 1.0
    while step * 10 <= value:
        step *= 10
    factors = (1, 2, 5, 10) if step == 1 else (1, 2, 2.5, 5, 10)
    return next(step * factor for factor in factors if step * factor >= value)


def latency_chart(points: list[dict[str, Any]], summary: dict[str, Any]) -> LatencyChart:
    """Newest attempts, oldest first; the axis spans the whole decades that the points and percentiles need."""
    lines = [(f"p{p}", summary[f"p{p}Ms"]) for p in (50, 95)]
    shown = [max(ms, 1) for ms in (*(p["latencyMs"] for p in points), *(ms for _, ms in lines))]
    low = math.floor(math.log10(min(shown)))
    high = max(math.ceil(math.log10(max(shown))), low + 1)

    def y(ms: float) -> float:
        return round(100 - 100 * (math.log10(max(ms, 1)) - low) / (high - low), 2)

    dots = [Dot(round(100 * (number + 0.5) / len(points), 2), y(point["latencyMs"]), point) for number, point in enumerate(points)]
    ticks = [Tick(y(10**power), 10**power) for power in range(low, high + 1)]
    return LatencyChart(dots, ticks, [(name, Tick(y(ms), ms)) for name, ms in lines])


def _sparklines(data: dict[str, Any]) -> dict[str, str]:
    days, newest = data["dailyBreakdown"], data["requestEvents"][::-1]
    return {
        "requests": sparkline([day["clientRequests"] for day in days]),
        "failures": sparkline([day["failure"] for day in days]),
        "tokens": sparkline([day["tokens"] for day in days]),
        "cache": sparkline([(day["cacheReadTokens"] or 0) / day["inputTokens"] for day in days if day["inputTokens"]]),
        "latency": sparkline([point["latencyMs"] for point in data["latencySeries"]]),
        "ttft": sparkline([event["ttftMs"] for event in newest if event["ttftMs"] is not None]),
    }


def sparkline(values: list[float]) -> str:
    """The points of a small line over a box of 100 x 24; empty for fewer than two values, which make no line.

    More values than it has room for are averaged in groups: it shows the course, not each value.
    """
    if len(values) < 2:
        return ""
    size = math.ceil(len(values) / _SPARKLINE_POINTS)
    values = [sum(group) / len(group) for group in (values[n : n + size] for n in range(0, len(values), size))]
    top = max(values) or 1
    step = 100 / (len(values) - 1)
    return " ".join(f"{step * number:.1f},{22 - 20 * value / top:.1f}" for number, value in enumerate(values))


def _told(value: int | None) -> str:
    return "not reported" if value is None else f"{value:,}"
