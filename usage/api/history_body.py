"""The body of `GET /api/usage/history`: the fields that consumers of the present dashboard read,
and new ones beside them."""

from collections.abc import Iterable
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
from usage.history.measures import DURATIONS, Counts, added, counts, duration, paid
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.snapshot import Row, one_instant, rows
from usage.history.source_sql import COUNTS
from usage.history.windows import Interval, Window, midnight
from usage.models.failures import FailureClass, group_of

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
_NOT_OF_DAYS = {*_RENAMED, "totalTokens", "tokensPerSecond"}


def history(window: Window, scope: Scope, filters: Filters | None = None) -> Row:
    """The body of a window, a scope and filters. Raises InvalidQuery where it would need events
    that were pruned."""
    filters = filters or Filters()
    with one_instant():
        whole = Query([window.period], scope, filters)
        pairs = Query([window.period], scope, filters, (Dimension.KEY, Dimension.MODEL)).sums(
            COUNTS
        )
        classes = Query(_days(window), scope, filters, (Dimension.FAILURE_CLASS,)).sums()
        bins = whole.percentiles(DURATIONS).get((0, 1), {})
        events = _newest(window, scope, filters)
    total = added(classes)
    data = {
        "keys": _keys(pairs, scope),
        "totals": _counts_body(counts(total)),
        "dailyBreakdown": _daily(classes, window),
        "modelBreakdown": _models(pairs),
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
    counts = {
        name: sum(row["attempts"] for row in rows)
        for name, rows in _grouped(classes, "group_1").items()
        if name
    }
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [
        {
            "failureClass": name,
            "failureGroup": group_of(name).value,
            "label": str(FailureClass(name).label),
            "count": count,
        }
        for name, count in ranked
    ]


def _keys(pairs: list[Row], scope: Scope) -> Row:
    groups = _grouped(pairs, "group_1")
    names = key_names(int(key) for key in groups if key)
    ranked = sorted(groups.items(), key=lambda item: -sum(row["attempts"] for row in item[1]))
    return {
        key or UNATTRIBUTED: _key(key, rows, names.get(int(key or 0)), scope)
        for key, rows in ranked
    }


def _key(key: str, pairs: list[Row], known: Row | None, scope: Scope) -> Row:
    counted = counts(added(pairs))
    owner = (
        {"username": known["owner__username"], "userId": str(known["owner_id"])}
        if known and known["owner_id"] and scope.sees_everything
        else {}
    )
    models = {pair["group_2"]: _model_of_key(pair) for pair in pairs}
    name = known["name"] if known else f"Key {key}" if key else NO_KEY
    return {
        "keyName": name,
        **owner,
        **_counts_body(counted),
        "reasoningTokens": counted.reasoning_tokens or 0,
        "cachedTokens": counted.cache_read_tokens or 0,
        "models": models,
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
        "costNanoUsd": paid(pair),
        "unpricedAttempts": pair["attempts"] - pair["priced"],
    }


def _daily(classes: list[Row], window: Window) -> list[Row]:
    by_number = _grouped(classes, "number")
    return [_day(day, added(by_number.get(number, []))) for number, day in enumerate(window.days)]


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


def _models(pairs: list[Row]) -> list[Row]:
    entries = []
    for model, of_model in _grouped(pairs, "group_2").items():
        counted = counts(added(of_model))
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
