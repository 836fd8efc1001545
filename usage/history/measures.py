"""Sums of usage as JSON: counts, kinds of tokens, speed and durations. Counts that no event
reported are null.

`inputTokens` always includes the cache and `outputTokens` the reasoning, whatever the provider
(contract 2.5).
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from usage.history.queries import PERCENTILES, Bins
from usage.history.snapshot import Row
from usage.history.source_sql import MAXIMA, MEASURES
from usage.models import TOKEN_KINDS
from usage.rollups.histograms import duration_of
from usage.rollups.tables import COST_SUMS

DURATIONS = ("latency", "ttft")
_KINDS = {
    name: name.split("_")[0] + "".join(part.capitalize() for part in name.split("_")[1:])
    for name in TOKEN_KINDS
}
_NULLABLE = ("total_tokens", *TOKEN_KINDS, *COST_SUMS)
NOTHING: Row = {**dict.fromkeys(MEASURES, 0), **dict.fromkeys(_NULLABLE)}


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


def _sum(column: Sequence[Any]) -> int | None:
    reported = [value for value in column if value is not None] if None in column else column
    return sum(reported) if reported else None


def tokens(row: Row) -> Row:
    """Every kind of tokens, and their sums."""
    return {
        "totalTokens": row["total_tokens"] or 0,
        "inputTokens": (row["uncached_input_tokens"] or 0)
        + (row["cache_read_tokens"] or 0)
        + (row["cache_write_tokens"] or 0),
        "outputTokens": (row["non_reasoning_output_tokens"] or 0) + (row["reasoning_tokens"] or 0),
        **{told: row[name] for name, told in _KINDS.items()},
    }


def counted(row: Row) -> Row:
    """Attempts, the client requests that they belong to, their outcomes and tokens."""
    return {
        "attempts": row["attempts"],
        "requests": row["requests"],
        "succeeded": row["attempts"] - row["failed"],
        "failed": row["failed"],
        **tokens(row),
        "tokensPerSecond": tokens_per_second(row),
    }


def tokens_per_second(row: Row) -> float | None:
    """Output tokens per second of latency, of the attempts that succeeded; None if they took no
    time."""
    return (
        round(1000 * row["generated_tokens"] / row["generation_ms"], 2)
        if row["generation_ms"]
        else None
    )


def duration(row: Row, measure: str, bins: Bins | None = None) -> dict[str, Any]:
    """Count, average and maximum of `latency` or `ttft` in milliseconds, over the attempts that
    have one; with `bins` also percentiles."""
    count, largest = row[f"{measure}_count"], row[f"{measure}_max_ms"]
    told = {
        "sampleCount": count,
        "averageMs": round(row[f"{measure}_sum_ms"] / count) if count else 0,
    }
    if bins is not None:
        told |= {f"p{p}Ms": _within(bins.get(p), largest) for p in PERCENTILES}
    return told | {"maxMs": largest}


def _within(bin_number: int | None, largest: int) -> int:
    return 0 if bin_number is None else min(round(duration_of(bin_number)), largest)
