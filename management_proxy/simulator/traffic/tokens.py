"""Token counters of an attempt, raw and broken down, as each provider family means them (contract
2.5)."""

import random
from dataclasses import dataclass
from typing import Any

from management_proxy.simulator.traffic.failures import GEMINI_LIKE


@dataclass(frozen=True)
class Used:
    """What an attempt really used, in disjoint parts."""

    uncached: int = 0
    cache_read: int = 0
    cache_write: int = 0
    spoken: int = 0
    reasoned: int = 0

    @property
    def input(self) -> int:
        return self.uncached + self.cache_read + self.cache_write

    @property
    def output(self) -> int:
        return self.spoken + self.reasoned

    @property
    def total(self) -> int:
        return self.input + self.output


NOTHING = Used()


def draw(rng: random.Random, family: str, *, thinks: bool) -> Used:
    """Draw plausible counts: long prompts mostly served from the cache, short responses."""
    prompt = min(int(rng.lognormvariate(8.6, 1.1)) + 12, 900_000)
    cached = int(prompt * rng.choice((0.0, 0.0, 0.55, 0.8, 0.9, 0.95)))
    spoken = min(int(rng.lognormvariate(5.9, 1.0)) + 1, 64_000)
    reasoned = int(spoken * rng.random() * 0.9) if thinks else 0
    written = int((prompt - cached) * rng.random() * 0.7) if family == "claude" else 0
    return Used(prompt - cached - written, cached, written, spoken, reasoned)


def reported(used: Used, family: str) -> dict[str, Any]:
    """Return the raw counters, whose meaning differs per family."""
    is_claude, is_gemini = family == "claude", family in GEMINI_LIKE
    return {
        "input_tokens": used.uncached if is_claude else used.input,
        "output_tokens": used.spoken if is_gemini else used.output,
        "reasoning_tokens": used.reasoned,
        "cached_tokens": used.cache_read or (used.cache_write if is_claude else 0),
        "cache_read_tokens": used.cache_read,
        "cache_read_tokens_present": True,
        "cache_creation_tokens": used.cache_write,
        "total_tokens": used.total,
    }


def breakdown(used: Used) -> dict[str, Any]:
    return {
        "schema_version": 2,
        "quality": "complete",
        "total_tokens": used.total,
        "input": {
            "total_tokens": used.input,
            "uncached_tokens": used.uncached,
            "cache_read_tokens": used.cache_read,
            "cache_write_tokens": used.cache_write,
        },
        "output": {
            "total_tokens": used.output,
            "non_reasoning_tokens": used.spoken,
            "reasoning_tokens": used.reasoned,
        },
        "unclassified_tokens": 0,
    }
