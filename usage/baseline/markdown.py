"""A baseline as the snapshot that an issue or a pull request shows."""

from collections.abc import Iterable
from typing import Any

_SHOWN = {
    "history": "`GET /api/usage/history`",
    "collect": "`POST /api/usage/collect`",
    "management": "`ANY /api/management/…`",
}


def markdown(document: dict[str, Any]) -> str:
    """The snapshot; milliseconds unless it says otherwise."""
    machine, capture = document["machine"], document["capture"]
    rows = [_row(_SHOWN[name], one) for name, one in document["endpoints"].items()]
    parts = [
        f"### Baseline of {document['url']}",
        f"{capture['seconds'] / 3600:.2f} hours from {capture['started_at']}; one request in"
        f" {capture['interval_seconds']:g} s to an endpoint. {machine['cpus']} CPUs,"
        f" {machine['memory_bytes'] / 2**30:.0f} GiB, {machine['system']}, commit"
        f" {machine['commit'] or 'unknown'}; {document['dataset'] or 'dataset unknown'}.",
        _table(("endpoint", "requests", "p50", "p95", "p99", "statuses"), rows),
        _pages(document["pages"]) or document["pages_not_measured"],
        _resources(document["resources"]),
        _failures(document["failures"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _row(name: str, endpoint: dict[str, Any]) -> list[object]:
    latency = endpoint["latency_ms"] or {}
    shares = ", ".join(f"{s}: {share:.1%}" for s, share in endpoint["status_shares"].items())
    figures = [f"{latency[p]:.0f}" if p in latency else "" for p in ("p50", "p95", "p99")]
    return [name, endpoint["requests"], *figures, shares]


def _pages(pages: list[dict[str, Any]]) -> str:
    rows = [(f"`{page['page']}`", page["requests_per_minute"]) for page in pages]
    return _table(("page left open", "requests a minute"), rows) if rows else ""


def _resources(resources: dict[str, Any] | None) -> str:
    if resources is None:
        return "Memory and CPU were not measured."
    memory = resources["memory_mib"]
    return (
        f"Memory {memory['p50']:g} MiB (p50), {memory['max']:g} at most, {memory['first']:g} at the"
        f" start, {memory['last']:g} at the end; CPU {resources['cpu_percent_of_a_core']:g} % of a"
        " core."
    )


def _failures(failures: dict[str, int]) -> str:
    rows = [(f"`{name}`", count) for name, count in failures.items()]
    return _table(("class of failures", "responses"), rows) if rows else "No request failed."
