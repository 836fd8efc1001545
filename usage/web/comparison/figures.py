"""From a comparison to what the templates of the Compare page write down: a table of the same
figures of both sides, overlaid charts, and links."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from monitoring.templatetags.figures import amount, duration, exact, money, pace, percent
from monitoring.web.currency import shown
from usage.history.measures import Measures, cost_of_each
from usage.history.windows import Window
from usage.reports.comparison import Selection, Side
from usage.web.charts import Chart, Columns, Series, counted
from usage.web.line_charts import even_line_chart, line_chart
from usage.web.links import Links, slots
from usage.web.tiles import cache_rate, change, success_rate

Number = float | None
Value = Callable[[Measures], Number]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its name, its value of a side, and how that is written."""

    label: str
    value: Value
    written: Callable[[Any], str] = exact
    is_percentage: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of both sides in words; `change` is in percent of the other side, or in points of a
    percentage, None where there is nothing to compare with."""

    label: str
    one: str
    other: str
    change: Number
    is_in_points: bool


@dataclass(frozen=True, slots=True)
class Overlay:
    """A chart of both sides."""

    name: str
    heading: str
    unit: str
    chart: Chart


def _per_thousand(side: Measures) -> Number:
    return cost_of_each(side.cost_nano_usd, 1_000, side.requests)


def _of_duration(name: str, percentile: str) -> Value:
    """A percentile of `latency` or `ttft`; None without samples, where 0 would be a lie."""

    def value(side: Measures) -> Number:
        found = getattr(side, name)
        milliseconds: int | None = getattr(found, f"{percentile}_ms")
        return milliseconds if found.sample_count else None

    return value


def _rate(of: Callable[[Measures], float], whole: str) -> Value:
    """A percentage; None of nothing."""
    return lambda side: of(side) if getattr(side, whole) else None


FIGURES = (
    Figure(_("Requests"), lambda side: side.requests),
    Figure(_("Attempts"), lambda side: side.attempts),
    Figure(_("Failed"), lambda side: side.failed),
    Figure(_("Success rate"), _rate(success_rate, "attempts"), percent, is_percentage=True),
    Figure(_("Tokens"), lambda side: side.total_tokens),
    Figure(_("Input tokens"), lambda side: side.input_tokens),
    Figure(_("Output tokens"), lambda side: side.output_tokens),
    Figure(_("Cache rate"), _rate(cache_rate, "input_tokens"), percent, is_percentage=True),
    Figure(_("Cost"), lambda side: side.cost_nano_usd, money),
    Figure(_("Cost of 1,000 requests"), _per_thousand, money),
    Figure(_("Tokens per second"), lambda side: side.tokens_per_second, pace),
    Figure(_("Latency p50"), _of_duration("latency", "p50"), duration),
    Figure(_("Latency p95"), _of_duration("latency", "p95"), duration),
    Figure(_("Latency p99"), _of_duration("latency", "p99"), duration),
    Figure(_("First token p50"), _of_duration("ttft", "p50"), duration),
    Figure(_("First token p95"), _of_duration("ttft", "p95"), duration),
    Figure(_("First token p99"), _of_duration("ttft", "p99"), duration),
)


def rows(one: Measures, other: Measures) -> list[Row]:
    """The table of both sides."""
    return [_row(figure, figure.value(one), figure.value(other)) for figure in FIGURES]


def _row(figure: Figure, one: Number, other: Number) -> Row:
    return Row(
        gettext(figure.label),
        figure.written(one),
        figure.written(other),
        _change(figure, one, other),
        figure.is_percentage,
    )


def _change(figure: Figure, one: Number, other: Number) -> Number:
    if one is None or other is None:
        return None
    return one - other if figure.is_percentage else change(one, other)


class Overlays:
    """Charts with a line for each side, over the buckets of the first one."""

    def __init__(
        self,
        selection: Selection,
        window: Window,
        links: Links,
        labels: Sequence[str],
        now: datetime,
    ) -> None:
        self._axis = slots(window, selection.query.bucket, links, now)
        self._series = tuple(
            Series(str(n), label, f"line-{n}") for n, label in enumerate(labels, 1)
        )

    def charts(self, sides: Sequence[Side]) -> list[Overlay]:
        """All of them; cost only where something has a price."""
        even, timed = self._even, self._timed
        charts = [
            Overlay("requests", gettext("Requests"), "", even(sides, lambda p: p.requests)),
            Overlay("tokens", gettext("Tokens"), "", even(sides, lambda p: p.total_tokens)),
            Overlay("rate", gettext("Tokens per second"), "", even(sides, _rate_of)),
            Overlay("latency", gettext("Latency p95"), "ms", timed(sides, "latency")),
            Overlay("ttft", gettext("First token p95"), "ms", timed(sides, "ttft")),
        ]
        if any(side.totals.cost_nano_usd is not None for side in sides):
            cost = even_line_chart(self._axis, self._columns(sides, _cost), self._series, amount)
            charts.append(Overlay("cost", gettext("Cost"), "money", cost))
        return charts

    def _even(self, sides: Sequence[Side], value: Value) -> Chart:
        return even_line_chart(self._axis, self._columns(sides, value), self._series, counted)

    def _timed(self, sides: Sequence[Side], name: str) -> Chart:
        columns = self._columns(sides, _of_duration(name, "p95"))
        return line_chart(self._axis, columns, self._series)

    def _columns(self, sides: Sequence[Side], value: Value) -> Columns:
        """Values by bucket; cut or followed by nothing where the other side has more of these."""
        count = len(self._axis)
        return {
            str(n): [*map(value, side.points[:count]), *[None] * (count - len(side.points))]
            for n, side in enumerate(sides, 1)
        }


def _rate_of(side: Measures) -> Number:
    return side.tokens_per_second


def _cost(side: Measures) -> Number:
    """In nano-units of the page's currency, so that its axis has round amounts of it."""
    cost = side.cost_nano_usd
    return None if cost is None else shown().currency.of(cost)
