"""The body of `GET /api/usage/history`: the fields that consumers of the present dashboard read, and new ones beside them.

`inputTokens` always includes the cache and `outputTokens` the reasoning, whatever the provider (contract 2.5). Counts of
finer kinds are null where no event reported them.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone

from usage.failures import FailureClass
from usage.histograms import percentile
from usage.history_queries import Question, Scope, durations, grouped_sums, newest_events
from usage.status import collector_status
from usage.windows import Window

EVENTS_SHOWN = 200
LATENCIES_SHOWN = 120
UNATTRIBUTED = "unattributed"

Row = dict[str, Any]

__all__ = ["Scope", "Window", "history"]


def history(window: Window, scope: Scope) -> Row:
    """The answer for a window and a scope."""
    question = Question(window, scope)
    rows = grouped_sums(question)
    days, classes = [r for r in rows if r["is_day"]], [r for r in rows if r["is_class"]]
    pairs = [r for r in rows if not r["is_day"] and not r["is_class"]]
    return {
        "data": {
            "keys": _keys(pairs, scope),
            "totals": _totals(pairs),
            "dailyBreakdown": _daily(days, window),
            "modelBreakdown": _models(pairs),
            "failureBreakdown": _failures(classes),
            "requestEvents": [_event(r, scope) for r in newest_events(question, EVENTS_SHOWN)],
            "latencySeries": [_latency(r, scope) for r in reversed(newest_events(question, LATENCIES_SHOWN, with_latency=True))],
            "latencySummary": _summary(durations(question, "latency")),
            "ttftSummary": _summary(durations(question, "ttft")),
            "period": {"from": _iso(window.start), "to": _iso(window.end), "timeZone": window.zone.key},
            "collectorStatus": collector_status(),
            "truncated": False,
            "asOf": _iso(timezone.now()),
        },
        "isAdmin": scope.sees_everything,
    }


def _iso(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _added(rows: Iterable[Row], name: str) -> int | None:
    """The sum of a column over the rows that report it; None if none does."""
    reported = [row[name] for row in rows if row[name] is not None]
    return sum(reported) if reported else None


def _tokens(rows: list[Row]) -> Row:
    kinds = {
        "uncachedInputTokens": _added(rows, "uncached_input_tokens"),
        "cacheReadTokens": _added(rows, "cache_read_tokens"),
        "cacheWriteTokens": _added(rows, "cache_write_tokens"),
        "nonReasoningOutputTokens": _added(rows, "non_reasoning_output_tokens"),
        "reasoningTokens": _added(rows, "reasoning_tokens"),
        "unclassifiedTokens": _added(rows, "unclassified_tokens"),
    }
    return {
        "totalTokens": _added(rows, "total_tokens") or 0,
        "inputTokens": sum(kinds[k] or 0 for k in ("uncachedInputTokens", "cacheReadTokens", "cacheWriteTokens")),
        "outputTokens": (kinds["nonReasoningOutputTokens"] or 0) + (kinds["reasoningTokens"] or 0),
        **kinds,
    }


def _counted(rows: list[Row]) -> Row:
    attempts, failed = sum(r["attempts"] for r in rows), sum(r["failed"] for r in rows)
    return {
        "totalRequests": attempts,
        "clientRequests": sum(r["requests"] for r in rows),
        **_tokens(rows),
        "successCount": attempts - failed,
        "failureCount": failed,
    }


def _grouped(rows: list[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _failures(classes: list[Row]) -> list[Row]:
    failed = sorted((r for r in classes if r["failure_class"]), key=lambda r: (-r["attempts"], r["failure_class"]))
    return [{"failureClass": r["failure_class"], "label": FailureClass(r["failure_class"]).label, "count": r["attempts"]} for r in failed]


def _totals(pairs: list[Row]) -> Row:
    return _counted(pairs)


def _keys(pairs: list[Row], scope: Scope) -> Row:
    groups = _grouped(pairs, lambda r: r["client_key_id"])
    ranked = sorted(groups.items(), key=lambda item: -sum(r["attempts"] for r in item[1]))
    return {str(key_id or UNATTRIBUTED): _key(rows, scope) for key_id, rows in ranked}


def _key(rows: list[Row], scope: Scope) -> Row:
    counted = _counted(rows)
    first = rows[0]
    return {
        "keyName": _key_name(first),
        **_owner(first, scope),
        **counted,
        "reasoningTokens": counted["reasoningTokens"] or 0,
        "cachedTokens": counted["cacheReadTokens"] or 0,
        "models": {
            model: {name: value for name, value in _counted(of_model).items() if name in _MODEL_FIELDS}
            for model, of_model in _grouped(rows, lambda r: r["model"]).items()
        },
    }


_MODEL_FIELDS = {"totalRequests", "totalTokens", "inputTokens", "outputTokens", "successCount", "failureCount", "cacheReadTokens"}


def _key_name(row: Row) -> str:
    if row["client_key_id"] is None:
        return "No key"
    return row["key_name"] or (f"…{row['last_four']}" if row["last_four"] else f"Key {row['client_key_id']}")


def _owner(row: Row, scope: Scope) -> Row:
    if not scope.sees_everything or row["username"] is None:
        return {}
    return {"username": row["username"], **({"userId": str(row["owner_id"])} if "owner_id" in row else {})}


def _daily(days: list[Row], window: Window) -> list[Row]:
    by_day = _grouped(days, lambda r: r["day"])
    return [_day(day.isoformat(), by_day.get(day, [])) for day in window.days]


def _day(date: str, rows: list[Row]) -> Row:
    c = _counted(rows)
    return {
        "date": date, "requests": c["totalRequests"], "clientRequests": c["clientRequests"], "tokens": c["totalTokens"],
        "success": c["successCount"], "failure": c["failureCount"], **{n: v for n, v in c.items() if n.endswith("Tokens") and n != "totalTokens"},
    }  # fmt: skip


def _models(pairs: list[Row]) -> list[Row]:
    entries = []
    for model, rows in _grouped(pairs, lambda r: r["model"]).items():
        c = _counted(rows)
        entries.append({"model": model, "requests": c["totalRequests"], "tokens": c["totalTokens"], **c})
    return sorted(entries, key=lambda entry: (-entry["requests"], entry["model"]))


def _event(row: Row, scope: Scope) -> Row:
    t = _tokens([row])
    return {
        "id": str(row["id"]),
        "timestamp": _iso(row["timestamp"]),
        "keyId": str(row["client_key_id"] or UNATTRIBUTED),
        "keyName": _key_name(row),
        **({"username": row["username"]} if scope.sees_everything and row["username"] else {}),
        "model": row["model"],
        "alias": row["alias"],
        "provider": row["provider"],
        # Whose account served the request is for administrators.
        **({"credential": row["credential"] or ""} if scope.sees_everything else {}),
        "endpoint": row["endpoint"],
        "latencyMs": row["latency_ms"],
        "ttftMs": row["ttft_ms"],
        **t,
        "failed": row["failed"],
        "failureClass": row["failure_class"] or None,
        "failStatus": row["fail_status"],
        "requestId": row["request_id"],
    }


def _latency(row: Row, scope: Scope) -> Row:
    event = _event(row, scope)
    return {name: event[name] for name in ("timestamp", "keyName", "username", "model", "latencyMs", "failed") if name in event}


def _summary(measured: Row) -> Row:
    count, largest = measured["n"] or 0, measured["largest"] or 0
    return {
        "sampleCount": count,
        "averageMs": round((measured["total"] or 0) / count) if count else 0,
        **{f"p{p}Ms": percentile(measured["histogram"], p, largest) for p in (50, 90, 95, 99)},
        "maxMs": largest,
    }
