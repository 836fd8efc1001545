"""The body of `GET /api/usage/history`: the fields that consumers of the present dashboard read,
and new ones beside them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from django.utils import timezone

from monitoring.api.instants import iso
from usage.api.collection_body import collector_body
from usage.api.summary_body import (
    COUNT_NAMES,
    cost_body,
    counts_body,
    counts_of,
    duration_body,
    period_body,
)
from usage.collector.status import collector_status
from usage.events.fields import JOINS, fields_for, select_list
from usage.events.pages import page_of_events
from usage.events.query import EventQuery
from usage.history.dimensions import UNATTRIBUTED, Dimension, Filters
from usage.history.labels import NO_KEY, key_names
from usage.history.measures import DURATIONS, NOTHING, Counts, added, counts, duration
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.snapshot import Row, one_instant, rows
from usage.history.source_sql import COUNTS, PAID
from usage.history.windows import Interval, Window, midnight
from usage.models.failures import FailureClass, group_of
from usage.rollups.tables import TOKEN_SUMS

# Sums by the value of a group.
Sums = dict[str, Row]
EVENTS_SHOWN = 200
LATENCIES_SHOWN = 120
_LATENCY_FIELDS = ("timestamp", "keyName", "username", "model", "latencyMs", "failed")
# What that dashboard calls counts otherwise than the rest of the API.
_RENAMED = {
    "attempts": "totalRequests",
    "requests": "clientRequests",
    "succeeded": "successCount",
    "failed": "failureCount",
}
_NAMES = [_RENAMED.get(name, name) for name in COUNT_NAMES]
# What a model under a key is shown by.
_OF_PAIRS = ("attempts", "failed", *TOKEN_SUMS, "priced", PAID)
_NOT_OF_DAYS = {*_RENAMED, "totalTokens", "tokensPerSecond"}


def history(window: Window, scope: Scope, filters: Filters | None = None) -> Row:
    """The body of a window, a scope and filters. Raises InvalidQuery where it would need events
    that were pruned."""
    filters = filters or Filters()
    with one_instant():
        whole = Query([window.period], scope, filters)
        pairs, by_key, by_model = _sums(replace(whole, groups=(Dimension.KEY, Dimension.MODEL)))
        days = replace(whole, intervals=_days(window)).sums()
        classes = replace(whole, groups=(Dimension.FAILURE_CLASS,)).sums(("attempts",))
        bins = whole.percentiles(DURATIONS).get((0, 1), {})
        events = _newest(window, scope, filters)
    total = added(days)
    data = {
        "keys": _keys(by_key, pairs, scope),
        "totals": _counts_body(counts(total)),
        "dailyBreakdown": _daily(days, window),
        "modelBreakdown": _models(by_model),
        "failureBreakdown": _failures(classes),
        "requestEvents": events[:EVENTS_SHOWN],
        "latencySeries": _latencies(events, window, scope, filters),
        **{
            f"{name}Summary": duration_body(duration(total, name, bins.get(name, {})))
            for name in DURATIONS
        },
        "period": period_body(window.period),
        "collectorStatus": collector_body(collector_status()),
        "truncated": False,
        "asOf": iso(timezone.now()),
    }
    return {"data": data, "isAdmin": scope.sees_everything}


def _sums(of_pairs: Query) -> tuple[list[Row], Sums, Sums]:
    """The sums of pairs of values, and those of each value of either group."""
    of_one = [replace(of_pairs, groups=(group,)) for group in of_pairs.groups]
    if sum(query.rows_to_read for query in of_one) < of_pairs.rows_to_read:
        by_key, by_model = ({row["group_1"]: row for row in query.sums(COUNTS)} for query in of_one)
        return of_pairs.sums(_OF_PAIRS), by_key, by_model
    # They would have the same sources, and are the sums of the pairs.
    pairs = of_pairs.sums((*COUNTS, PAID))
    by_key, by_model = (
        {value: added(rows) for value, rows in _grouped(pairs, name).items()}
        for name in ("group_1", "group_2")
    )
    return pairs, by_key, by_model


def _days(window: Window) -> list[Interval]:
    edges = [midnight(day, window.zone) for day in window.days]
    return [
        Interval(start, end) for start, end in zip(edges, [*edges[1:], window.end], strict=True)
    ]


def _counts_body(counted: Counts) -> Row:
    named = zip(_NAMES, counts_of(counted), strict=True)
    return {**dict(named), "cost": cost_body(counted.cost)}


def _grouped(rows: Iterable[Row], name: str) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[name], []).append(row)
    return groups


def _failures(classes: list[Row]) -> list[Row]:
    failed = [row for row in classes if row["group_1"]]
    return [
        {
            "failureClass": row["group_1"],
            "failureGroup": group_of(row["group_1"]).value,
            "label": str(FailureClass(row["group_1"]).label),
            "count": row["attempts"],
        }
        for row in sorted(failed, key=lambda row: (-row["attempts"], row["group_1"]))
    ]


def _keys(by_key: Sums, pairs: list[Row], scope: Scope) -> Row:
    names, models = key_names(int(key) for key in by_key if key), _grouped(pairs, "group_1")
    ranked = sorted(by_key.items(), key=lambda item: -item[1]["attempts"])
    return {
        key or UNATTRIBUTED: _key(key, row, models[key], names.get(int(key or 0)), scope)
        for key, row in ranked
    }


def _key(key: str, row: Row, pairs: list[Row], known: Row | None, scope: Scope) -> Row:
    counted = counts(row)
    owner = (
        {"username": known["owner__username"], "userId": str(known["owner_id"])}
        if known and known["owner_id"] and scope.sees_everything
        else {}
    )
    name = known["name"] if known else f"Key {key}" if key else NO_KEY
    return {
        "keyName": name,
        **owner,
        **_counts_body(counted),
        "reasoningTokens": counted.reasoning_tokens or 0,
        "cachedTokens": counted.cache_read_tokens or 0,
        "models": {pair["group_2"]: _model_of_key(pair) for pair in pairs},
    }


def _model_of_key(pair: Row) -> Row:
    # Thousands in one response: only what it contains is worked out.
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
        "costNanoUsd": pair[PAID] if pair["priced"] else None,
        "unpricedAttempts": pair["attempts"] - pair["priced"],
    }


def _daily(days: list[Row], window: Window) -> list[Row]:
    by_number = {row["number"]: row for row in days}
    return [_day(day, by_number.get(number, NOTHING)) for number, day in enumerate(window.days)]


def _day(day: date, row: Row) -> Row:
    counted = counts(row)
    kinds = counts_body(counted).items()
    return {
        "date": day.isoformat(),
        "requests": counted.attempts,
        "clientRequests": counted.requests,
        "tokens": counted.total_tokens,
        "success": counted.succeeded,
        "failure": counted.failed,
        **{name: count for name, count in kinds if name not in _NOT_OF_DAYS},
    }


def _models(by_model: Sums) -> list[Row]:
    entries = []
    for model, row in by_model.items():
        counted = counts(row)
        entries.append(
            {
                "model": model,
                "requests": counted.attempts,
                "tokens": counted.total_tokens,
                **_counts_body(counted),
            }
        )
    return sorted(entries, key=lambda entry: (-entry["requests"], entry["model"]))


def _newest(window: Window, scope: Scope, filters: Filters) -> list[Row]:
    return page_of_events(
        EventQuery(window.start, window.end, scope, filters), None, EVENTS_SHOWN
    ).rows


def _latencies(newest: list[Row], window: Window, scope: Scope, filters: Filters) -> list[Row]:
    """The newest events with a latency, oldest first; read only if they are not among the newest
    of all."""
    events = [event for event in newest if event["latencyMs"]][:LATENCIES_SHOWN]
    if len(events) < LATENCIES_SHOWN and len(newest) == EVENTS_SHOWN:
        events = _newest_with_latency(window, scope, filters)
    return [
        {name: event[name] for name in _LATENCY_FIELDS if name in event}
        for event in reversed(events)
    ]


def _newest_with_latency(window: Window, scope: Scope, filters: Filters) -> list[Row]:
    return rows(
        "history.newest_with_latency",
        f'SELECT {select_list(fields_for(scope))} FROM usage_event AS e {JOINS} WHERE e."timestamp"'
        f' >= %(start)s AND e."timestamp" < %(end)s AND e.latency_ms > 0 AND {scope.over("e")} AND'
        f' {filters.sql()} ORDER BY e."timestamp" DESC, e.id DESC LIMIT %(limit)s',
        {
            "start": window.start,
            "end": window.end,
            "limit": LATENCIES_SHOWN,
            "owner": scope.owner_id,
            **filters.parameters,
        },
    )
