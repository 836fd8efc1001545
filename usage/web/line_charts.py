"""Geometry of lines over the time axis of usage/web/charts.py: durations over decades, and what
is compared over an even axis from 0; pure."""

import math
from collections.abc import Callable, Sequence

from django.utils.translation import gettext

from monitoring.web.formats import localized
from usage.web.charts import (
    Bar,
    Chart,
    Columns,
    Line,
    Series,
    Slot,
    Tick,
    Written,
    axis,
    bars_of,
    counted,
)

Rows = list[tuple[Slot, list[float | None]]]
Place = Callable[[float], float]


def timed(value: int | None) -> str:
    """1,200 ms; words for what was not measured."""
    return gettext("not reported") if value is None else localized(f"{value:,} ms")


def line_chart(slots: Sequence[Slot], columns: Columns, series: tuple[Series, ...]) -> Chart:
    """Durations: one line a series over a logarithmic axis that spans the whole decades it needs;
    nothing is drawn where a value is 0."""
    rows: Rows = [
        (slot, [columns[s.column][number] or None for s in series])
        for number, slot in enumerate(slots)
    ]
    shown = [value for _, values in rows for value in values if value] or [1, 10]
    low = math.floor(math.log10(min(shown)))
    high = max(math.ceil(math.log10(max(shown))), low + 1)

    def y(value: float) -> float:
        return round(100 - 100 * (math.log10(value) - low) / (high - low), 2)

    ticks = [Tick(y(10**power), 10**power) for power in range(low, high + 1)]
    return _chart(rows, series, ticks, y, timed)


def even_line_chart(
    slots: Sequence[Slot],
    columns: Columns,
    series: tuple[Series, ...],
    written: Written = counted,
) -> Chart:
    """One line a series over an even axis from 0, broken where there is no value."""
    rows: Rows = [
        (slot, [columns[s.column][number] for s in series]) for number, slot in enumerate(slots)
    ]
    scale = axis(max([value for _, values in rows for value in values if value] or [0]))

    def y(value: float) -> float:
        return round(100 - 100 * value / scale[-1], 2)

    return _chart(rows, series, [Tick(y(value), value) for value in scale], y, written)


def _chart(
    rows: Rows, series: tuple[Series, ...], ticks: list[Tick], y: Place, written: Written
) -> Chart:
    bars = bars_of(rows, list(series), [[] for _ in rows], written)
    lines = [Line(s, _pieces(bars, rows, number, y)) for number, s in enumerate(series)]
    return Chart(bars, ticks, list(series), rows, lines)


def _pieces(bars: list[Bar], rows: Rows, number: int, y: Place) -> list[str]:
    pieces: list[list[str]] = [[]]
    for bar, (_, values) in zip(bars, rows, strict=True):
        value = values[number]
        if value is not None:
            pieces[-1].append(f"{bar.middle} {y(value)}")
        elif pieces[-1]:
            pieces.append([])
    # A line needs two ends, also where it is a point.
    return [f"M{piece[0]}L{' '.join(piece)}" for piece in pieces if piece]
