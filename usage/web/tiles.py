"""The tiles of totals: a figure each, what is under it, its change against the time before, and its
course."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from django.utils.translation import gettext as _

from monitoring.templatetags.figures import (
    duration,
    exact,
    exact_money,
    measured,
    money,
    percent,
    short,
)
from usage.history.measures import Counts, Duration, Measures
from usage.web.charts import sparkline


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure in words, what is small behind it, and the points of its course; `change` is in
    percent, or in points of a percentage."""

    name: str
    heading: str
    figure: str
    under: str
    title: str
    points: str
    change: float | None = None
    is_in_points: bool = False
    href: str = ""
    small: str = ""


def share(part: float | None, whole: float | None) -> float:
    """A percentage, 0 of nothing."""
    return 100 * (part or 0) / whole if whole else 0.0


def change(now: float | None, before: float | None) -> float | None:
    """The change against before in percent; None where there is nothing to compare with."""
    return 100 * ((now or 0) - before) / before if before else None


def success_rate(counts: Counts) -> float:
    """The share of the attempts that succeeded."""
    return share(counts.succeeded, counts.attempts)


def cache_rate(counts: Counts) -> float:
    """The share of the input tokens that were read from a cache."""
    return share(counts.cache_read_tokens, counts.input_tokens)


class Totals(Protocol):
    """What a window used, whose course are the points, beside the time before."""

    @property
    def totals(self) -> Measures: ...
    @property
    def before(self) -> Measures: ...
    @property
    def is_comparable(self) -> bool: ...
    @property
    def points(self) -> Sequence[Measures]: ...


def tiles(data: Totals, leads: Mapping[str, str]) -> list[Tile]:
    """The tiles of a window; `leads` are addresses by a tile's name."""
    makers: tuple[Callable[[Measures, Measures, Sequence[Measures]], Tile], ...] = (
        _requests,
        _success,
        _tokens,
        _cost,
        _cache,
        _latency,
        _first_token,
    )
    made = [make(data.totals, data.before, data.points) for make in makers]
    if not data.is_comparable:
        made = [replace(tile, change=None) for tile in made]
    return [replace(tile, href=leads.get(tile.name, "")) for tile in made]


def _requests(now: Measures, before: Measures, points: Sequence[Measures]) -> Tile:
    return Tile(
        "requests",
        _("Requests"),
        short(now.requests),
        _("%(count)s attempts") % {"count": short(now.attempts)},
        _("%(requests)s client requests took %(attempts)s attempts; %(before)s requests before")
        % {
            "requests": exact(now.requests),
            "attempts": exact(now.attempts),
            "before": exact(before.requests),
        },
        sparkline([point.requests for point in points]),
        change(now.requests, before.requests),
    )


def _success(now: Measures, before: Measures, points: Sequence[Measures]) -> Tile:
    return Tile(
        "failures",
        _("Succeeded"),
        percent(success_rate(now)),
        _("%(count)s failed") % {"count": exact(now.failed)},
        _(
            "%(succeeded)s attempts succeeded, %(failed)s failed, %(before)s before; the change is"
            " in points, the line is of failures"
        )
        % {
            "succeeded": exact(now.succeeded),
            "failed": exact(now.failed),
            "before": exact(before.failed),
        },
        sparkline([point.failed for point in points]),
        success_rate(now) - success_rate(before) if before.attempts else None,
        is_in_points=True,
    )


def _tokens(now: Measures, before: Measures, points: Sequence[Measures]) -> Tile:
    return Tile(
        "tokens",
        _("Tokens"),
        short(now.total_tokens),
        _("%(input)s in · %(output)s out")
        % {"input": short(now.input_tokens), "output": short(now.output_tokens)},
        _("%(total)s tokens: %(input)s in, %(output)s out; %(before)s before")
        % {
            "total": exact(now.total_tokens),
            "input": exact(now.input_tokens),
            "output": exact(now.output_tokens),
            "before": exact(before.total_tokens),
        },
        sparkline([point.total_tokens for point in points]),
        change(now.total_tokens, before.total_tokens),
    )


def _cost(now: Measures, before: Measures, points: Sequence[Measures]) -> Tile:
    return Tile(
        "cost",
        _("Cost"),
        money(now.cost_nano_usd),
        _("list %(cost)s") % {"cost": money(now.list_cost_nano_usd)},
        _(
            "%(paid)s paid, %(list)s by list price, %(unpriced)s attempts without a price;"
            " %(before)s before"
        )
        % {
            "paid": exact_money(now.cost_nano_usd),
            "list": exact_money(now.list_cost_nano_usd),
            "unpriced": exact(now.unpriced_attempts),
            "before": exact_money(before.cost_nano_usd),
        },
        sparkline([point.cost_nano_usd or 0 for point in points]) if now.cost_nano_usd else "",
        change(now.cost_nano_usd, before.cost_nano_usd),
    )


def _cache(now: Measures, before: Measures, points: Sequence[Measures]) -> Tile:
    return Tile(
        "cache",
        _("Cache rate"),
        percent(cache_rate(now)),
        _("of input tokens"),
        _("%(read)s of %(input)s input tokens were read from a cache; the change is in points")
        % {"read": exact(now.cache_read_tokens), "input": exact(now.input_tokens)},
        sparkline([cache_rate(point) for point in points if point.input_tokens]),
        cache_rate(now) - cache_rate(before) if before.input_tokens else None,
        is_in_points=True,
    )


def _latency(now: Measures, before: Measures, points: Sequence[Measures]) -> Tile:
    return _of_duration(
        "latency", _("Latency"), now.latency, before.latency, [p.latency for p in points]
    )


def _first_token(now: Measures, before: Measures, points: Sequence[Measures]) -> Tile:
    return _of_duration("ttft", _("First token"), now.ttft, before.ttft, [p.ttft for p in points])


def _of_duration(
    name: str, heading: str, now: Duration, before: Duration, points: Sequence[Duration]
) -> Tile:
    def shown(milliseconds: int | None) -> str:
        return measured(milliseconds or 0, now.sample_count)

    return Tile(
        name,
        heading,
        shown(now.p95_ms),
        f"p50 {shown(now.p50_ms)} · p99 {shown(now.p99_ms)}",
        _("%(count)s samples, the slowest %(slowest)s; the line is of averages")
        % {"count": exact(now.sample_count), "slowest": duration(now.max_ms)},
        sparkline([point.average_ms for point in points if point.average_ms]),
        change(now.p95_ms, before.p95_ms),
        small="p95",
    )
