"""Figures of the usage page that follow from the history answer."""

from typing import Any

ROWS_SHOWN = 50

_KINDS = (
    ("uncachedInputTokens", "Input", "input"),
    ("cacheReadTokens", "Cache read", "cache-read"),
    ("cacheWriteTokens", "Cache write", "cache-write"),
    ("nonReasoningOutputTokens", "Output", "output"),
    ("reasoningTokens", "Reasoning", "reasoning"),
    ("unclassifiedTokens", "Unclassified", "unclassified"),
)


def share(part: float, whole: float) -> float:
    """A percentage, 0 of nothing."""
    return 100 * part / whole if whole else 0.0


def page_figures(data: dict[str, Any]) -> dict[str, Any]:
    """Rates, kinds of tokens with their shares, and the ranked tables."""
    totals = data["totals"]
    return {
        "success_rate": share(totals["successCount"], totals["totalRequests"]),
        "cache_rate": share(totals["cacheReadTokens"] or 0, totals["inputTokens"]),
        "kinds": [{"label": label, "css": css, "count": totals[name], "share": share(totals[name] or 0, totals["totalTokens"])} for name, label, css in _KINDS],
        "keys": [_ranked(key, totals) | {"id": key_id} for key_id, key in list(data["keys"].items())[:ROWS_SHOWN]],
        "models": [_ranked(model, totals) for model in data["modelBreakdown"][:ROWS_SHOWN]],
        "failures": [f | {"share": share(f["count"], totals["failureCount"])} for f in data["failureBreakdown"]],
    }


def _ranked(entry: dict[str, Any], totals: dict[str, Any]) -> dict[str, Any]:
    return entry | {
        "share": share(entry["totalRequests"], totals["totalRequests"]),
        "success_rate": share(entry["successCount"], entry["totalRequests"]),
        "cache_rate": share(entry["cacheReadTokens"] or 0, entry["inputTokens"]),
    }
