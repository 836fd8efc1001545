"""Results about usage with their costs, and the same with the cost columns left out of every
statement and result, in turn."""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import msgspec

from tests.bench.report import Row

_WANTED = "1.10 at most"
_COST_FIELDS = ("costNanoUsd", "listCostNanoUsd", "cacheSavingsNanoUsd", "cost", "priceVersion")
Days = tuple[date, date]
Read = Callable[[Days], Any]


def reading(turns: int) -> list[Row]:
    """The median of either, and of their ratios in each turn."""
    return [_row(name, read, days, turns) for name, read, days in _cases()]


def _row(name: str, read: Read, days: int, turns: int) -> Row:
    chance = random.Random(name)
    took: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(turns + 3):
        last = datetime.now(UTC).date() - timedelta(days=chance.randrange(3))
        period = (last - timedelta(days=days - 1), last)
        for with_costs in (turn % 2 == 0, turn % 2 == 1):
            with ExitStack() as stack:
                if not with_costs:
                    stack.enter_context(costs_left_out())
                started = time.perf_counter()
                msgspec.json.encode(read(period))
                took[with_costs].append((time.perf_counter() - started) * 1000)
    ratios = [one / other for one, other in zip(took[True][3:], took[False][3:], strict=True)]
    medians = [statistics.median(took[kind][3:]) for kind in (True, False)]
    figures = f"{medians[0]:.1f} ms with costs, {medians[1]:.1f} without"
    return [f"{name}: {figures}", f"{statistics.median(ratios):.2f} times", _WANTED]


def _cases() -> list[tuple[str, Read, int]]:
    from usage.api.history_body import history
    from usage.api.summary_body import breakdown_body, summary_body
    from usage.history.dimensions import Dimension
    from usage.history.scope import Scope
    from usage.history.summaries import SummaryQuery, breakdown, summary
    from usage.history.windows import Window

    zone, scope = ZoneInfo("UTC"), Scope(None, sees_everything=True)

    def whole(days: Days) -> Any:
        return history(Window(days[0], days[1], zone), scope)

    def totals(days: Days) -> Any:
        query = SummaryQuery(Window(days[0], days[1], zone).period, scope)
        return summary_body(query, summary(query))

    def groups(days: Days) -> Any:
        by = (Dimension.KEY, Dimension.MODEL)
        query = SummaryQuery(Window(days[0], days[1], zone).period, scope, groups=by, top=1000)
        return breakdown_body(query, breakdown(query))

    return [
        ("history, 30 days", whole, 30),
        ("history, 90 days", whole, 90),
        ("summary with series, 30 days", totals, 30),
        ("breakdown by key and model, 30 days", groups, 30),
    ]


@contextmanager
def costs_left_out() -> Iterator[None]:
    """Within it no statement reads a cost, and no result computes one."""
    from usage.api import history_body
    from usage.events import fields
    from usage.history import measures, queries, source_sql

    def kept(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in source_sql.COSTS)

    kept_of_pairs = [n for n in history_body._OF_PAIRS if n not in (source_sql.PAID, "priced")]
    nothing = measures._costs(measures.NOTHING)
    shown = {name: sql for name, sql in fields._FIELDS.items() if name not in _COST_FIELDS}
    with (
        patch.object(queries, "MEASURES", kept(source_sql.MEASURES)),
        patch.object(queries.Query.sums, "__defaults__", (kept(source_sql.MEASURES),)),
        patch.object(history_body, "COUNTS", kept(source_sql.COUNTS)),
        patch.object(history_body, "_OF_PAIRS", tuple(kept_of_pairs)),
        patch.object(history_body, "_model_of_key", _model_of_key),
        patch.object(measures, "_costs", lambda row: nothing),
        patch.object(fields, "_FIELDS", shown),
    ):
        yield


def _model_of_key(pair: dict[str, Any]) -> dict[str, Any]:
    """What history has of a model under a key, but for its costs."""
    cache_read = pair["cache_read_tokens"]
    return {
        "totalRequests": pair["attempts"],
        "totalTokens": pair["total_tokens"] or 0,
        "inputTokens": (
            (pair["uncached_input_tokens"] or 0)
            + (cache_read or 0)
            + (pair["cache_write_tokens"] or 0)
        ),
        "outputTokens": (
            (pair["non_reasoning_output_tokens"] or 0) + (pair["reasoning_tokens"] or 0)
        ),
        "successCount": pair["attempts"] - pair["failed"],
        "failureCount": pair["failed"],
        "cacheReadTokens": cache_read,
    }
