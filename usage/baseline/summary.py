"""From samples to the document of a baseline."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from usage.baseline.probes import COLLECT, HISTORY, MANAGEMENT

PERCENTS = (50, 95, 99)


def summarise(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Latency and status shares by endpoint, failure classes, load of pages, and resources."""
    return {
        "endpoints": {
            name: _endpoint([s for s in samples if s.get("endpoint") == name])
            for name in (HISTORY, COLLECT, MANAGEMENT)
        },
        "failures": dict(Counter(_class_of(s) for s in samples if s.get("failure")).most_common()),
        "pages": [sample["page"] for sample in samples if "page" in sample],
        "resources": _resources([s for s in samples if "memory_bytes" in s]),
    }


def percentile(values: Iterable[float], percent: int) -> float:
    """Nearest rank; there must be values."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _endpoint(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Latencies are of the responses below 400; failures would be quick or slow by accident."""
    statuses = Counter(str(sample["status"]) for sample in samples)
    took = [sample["ms"] for sample in samples if 0 < sample["status"] < 400]
    shares = {status: round(n / len(samples), 4) for status, n in sorted(statuses.items())}
    latency = {f"p{p}": percentile(took, p) for p in PERCENTS} if took else None
    return {"requests": len(samples), "latency_ms": latency, "status_shares": shares}


def _class_of(sample: dict[str, Any]) -> str:
    return f"{sample['endpoint']} {sample['status']} {sample['failure']}"


def _resources(samples: list[dict[str, Any]]) -> dict[str, Any] | None:
    if len(samples) < 2:
        return None
    memory = [sample["memory_bytes"] for sample in samples]
    first, last = samples[0], samples[-1]
    seconds = max(last["elapsed"] - first["elapsed"], 1e-9)
    return {
        "memory_mib": {
            "p50": round(percentile(memory, 50) / 2**20, 1),
            "max": round(max(memory) / 2**20, 1),
            "first": round(memory[0] / 2**20, 1),
            "last": round(memory[-1] / 2**20, 1),
        },
        "cpu_percent_of_a_core": round(
            100 * (last["cpu_seconds"] - first["cpu_seconds"]) / seconds, 2
        ),
    }
