"""Sums of usage as values: counts, kinds of tokens, costs, speed and durations.

Counts that no event reported are None, and so are costs where nothing has a price. Input tokens
always include the cache and output tokens the reasoning, whatever the provider (contract 2.5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from usage.history.histograms.tally import PERCENTILES, Bins
from usage.history.snapshot import Row
from usage.history.source_sql import MAXIMA, MEASURES
from usage.models import COST_KINDS, TOKEN_KINDS
from usage.rollups.histograms import duration_of
from usage.rollups.tables import COST_SUMS

DURATIONS = ("latency", "ttft")
_NULLABLE = ("total_tokens", *TOKEN_KINDS, *COST_SUMS)
_kinds_of = itemgetter(*COST_KINDS)
NOTHING: Row = {**dict.fromkeys(MEASURES, 0), **dict.fromkeys(_NULLABLE)}


# Without slots, with which the cache would take several times as long to pickle it.
@dataclass(frozen=True)
class Duration:
    """Milliseconds over the attempts that have a duration; percentiles are None where they were
    not requested."""

    sample_count: int
    average_ms: int
    p50_ms: int | None
    p90_ms: int | None
    p95_ms: int | None
    p99_ms: int | None
    max_ms: int


@dataclass(frozen=True)
class Cost:
    """Nano-dollars by kind, all None where nothing has a price; output includes the reasoning."""

    input: int | None
    cache_read: int | None
    cache_write: int | None
    output: int | None


@dataclass(frozen=True)
class Counts:
    """Attempts, the client requests that they belong to, their outcomes, tokens and costs.

    Costs are nano-dollars of the attempts that have a price: what is paid, by the price list, what
    the cache saved, and what the failed ones cost. Speed is output tokens per second of latency, of
    the attempts that succeeded; None if they took no time.
    """

    attempts: int
    requests: int
    succeeded: int
    failed: int
    total_tokens: int
    input_tokens: int
    output_tokens: int
    uncached_input_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    non_reasoning_output_tokens: int | None
    reasoning_tokens: int | None
    unclassified_tokens: int | None
    tokens_per_second: float | None
    cost_nano_usd: int | None
    list_cost_nano_usd: int | None
    cache_savings_nano_usd: int | None
    failed_cost_nano_usd: int | None
    unpriced_attempts: int
    cost: Cost


@dataclass(frozen=True)
class Measures(Counts):
    """Counts, and how long attempts took: in all, and until their first token."""

    latency: Duration
    ttft: Duration


def added(rows: Sequence[Row]) -> Row:
    """The sums of rows over the measures that they have; None where none reports a count. Nothing
    for no rows."""
    if len(rows) <= 1:
        return rows[0] if rows else NOTHING
    names = [name for name in MEASURES if name in rows[0]]
    columns = zip(*map(itemgetter(*names), rows), strict=True)
    return {
        name: max(column) if name in MAXIMA else _sum(column)
        for name, column in zip(names, columns, strict=True)
    }


def _sum(column: Sequence[int | None]) -> int | None:
    # Nearly always the former, which takes a third of the time.
    reported = column if None not in column else [count for count in column if count is not None]
    return sum(reported) if reported else None  # type: ignore[arg-type]


def counts(row: Row) -> Counts:
    """The counts of a row of sums."""
    return Counts(**_counts(row))


def measures(
    row: Row, percentiles: Sequence[str] = (), bins: dict[str, Bins] | None = None
) -> Measures:
    """Everything of a row of sums; percentiles of some durations, whose bins are by its name."""
    bins = bins or {}
    latency, ttft = (
        duration(row, name, bins.get(name, {}) if name in percentiles else None)
        for name in DURATIONS
    )
    return Measures(**_counts(row), latency=latency, ttft=ttft)


def _counts(row: Row) -> dict[str, Any]:
    kinds = {name: row[name] for name in TOKEN_KINDS}
    known = {name: count or 0 for name, count in kinds.items()}
    milliseconds = row["generation_ms"]
    return {
        "attempts": row["attempts"],
        "requests": row["requests"],
        "succeeded": row["attempts"] - row["failed"],
        "failed": row["failed"],
        "total_tokens": row["total_tokens"] or 0,
        "input_tokens": known["uncached_input_tokens"]
        + known["cache_read_tokens"]
        + known["cache_write_tokens"],
        "output_tokens": known["non_reasoning_output_tokens"] + known["reasoning_tokens"],
        **kinds,
        "tokens_per_second": round(1000 * row["generated_tokens"] / milliseconds, 2)
        if milliseconds
        else None,
        **_costs(row),
    }


def _costs(row: Row) -> dict[str, Any]:
    return {
        "cost_nano_usd": paid(row),
        "list_cost_nano_usd": row["list_cost"],
        "cache_savings_nano_usd": row["cache_savings"],
        "failed_cost_nano_usd": row["failed_cost"] if row["priced"] else None,
        "unpriced_attempts": row["attempts"] - row["priced"],
        "cost": Cost(*_kinds_of(row)),
    }


def paid(row: Row) -> int | None:
    """The nano-dollars of a row of sums; None where nothing of it has a price."""
    return sum(_kinds_of(row)) if row["priced"] else None


def cost_of_each(cost: int | None, unit: int, count: int) -> int | None:
    """Nano-dollars for so many of a count, rounded half up; None without a price or a count."""
    return None if cost is None or not count else (2 * cost * unit + count) // (2 * count)


def duration(row: Row, name: str, bins: Bins | None = None) -> Duration:
    """`latency` or `ttft` of a row of sums; with `bins` also its percentiles."""
    count, largest = row[f"{name}_count"], row[f"{name}_max_ms"]
    average = round(row[f"{name}_sum_ms"] / count) if count else 0
    p50, p90, p95, p99 = _percentiles(bins, largest)
    return Duration(count, average, p50, p90, p95, p99, largest)


def _percentiles(bins: Bins | None, largest: int) -> list[int | None]:
    if bins is None:
        return [None] * len(PERCENTILES)
    return [
        min(round(duration_of(bins[percent])), largest) if percent in bins else 0
        for percent in PERCENTILES
    ]
