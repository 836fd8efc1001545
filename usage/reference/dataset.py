"""The field's reference dataset as queue elements: pure, deterministic, any size.

It is the dataset that the products of this field are measured on: by default 3,205,740 events of 90
days, 1,226,326 of them in the last 30, made by 50 client keys through 500 credentials with 50
models; 1 % fail. Traffic follows the hours and weekdays of one city with bursts, few keys make most
of it, each key prefers a few credentials and models, and the other dimensions follow from these.
The same shape gives the same events on every machine.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from usage.reference.instants import Shape, instants

EVENTS, DAYS, SEED = 3_205_740, 90, 20260806
KEYS, MODELS, CREDENTIALS = 50, 50, 500
# Tiers of keys: how many, the weight of one, how many are active at once, and for how long before
# the next ones are.
_TIERS = (
    (15, 10, 15, timedelta(days=365)),
    (25, 3, 9, timedelta(hours=6)),
    (10, 1, 1, timedelta(days=1)),
)
_POOL = CREDENTIALS // KEYS
_ACTIVE_TAIL = 2
_CLUSTER = 15  # the models that a key requests
_BORROWED = 0.20
_FAILED = 0.01
_ALTERNATE = 0.005
_REPEATED_REQUEST = 250
_ENDPOINTS = ("POST /v1/responses", "POST /v1/chat/completions", "POST /v1/messages")
_EFFORTS = ("", "low", "medium", "high")
_TIER_NAMES = (
    "",
    "",
    "default",
    "default",
    "default",
    "default",
    "default",
    "default",
    "priority",
    "priority",
)
_FAILURES = (
    (429, '{"error":{"message":"Rate limit reached for requests","type":"rate_limit_error"}}'),
    (429, '{"error":{"message":"You have hit your usage limit","type":"usage_limit_reached"}}'),
    (503, '{"error":{"message":"The provider is overloaded","type":"overloaded_error"}}'),
    (500, '{"error":{"message":"Internal server error","type":"server_error"}}'),
    (401, '{"error":{"message":"The token has expired","type":"authentication_error"}}'),
)


class Combination(NamedTuple):
    """What an event's dimensions follow from; numbers of keys, credentials and models count from
    0."""

    key: int
    credential: int
    model: int
    is_alternate: bool
    failure: int | None

    def fields(self) -> dict[str, object]:
        """The fields of the queue element that are the same for all events of the combination."""
        is_compatible = self.credential % 4 == 3
        provider, executor = (
            ("openai", "OpenAICompatExecutor") if is_compatible else ("codex", "CodexExecutor")
        )
        turn = self.model + self.is_alternate
        tier = _TIER_NAMES[turn % 10]
        status, body = (200, "") if self.failure is None else _FAILURES[self.failure]
        return {
            "provider": provider,
            "auth_type": "apikey" if is_compatible else "oauth",
            "executor_type": "" if self.credential % 6 == 5 else executor,
            "auth_index": f"{0x5EED_0000_0000_0000 + self.credential:016x}",
            "source": f"sk-seeded-provider-{self.credential:04d}"
            if is_compatible
            else f"account-{self.credential:03d}@seeded.example",
            "model": f"model-{self.model:02d}",
            "alias": f"model-{self.model:02d}",
            "endpoint": _ENDPOINTS[turn % 3],
            "reasoning_effort": _EFFORTS[turn % 4],
            "service_tier": tier,
            "response_service_tier": "" if self.credential % 7 == 6 else tier,
            "api_key": f"sk-seeded-client-{self.key:04d}",
            "client_ip": f"10.1.{self.key // 10}.{self.key}",
            "user_agent": "seeded-client/1.0",
            "failed": self.failure is not None,
            "fail": {"status_code": status, "body": body},
            "generate": True,
            "accounting_version": 2,
        }


class Sample(NamedTuple):
    """One event: when, what it is, and what it used (counts of tokens, milliseconds)."""

    at: datetime
    combination: Combination
    request_id: str
    input: int
    output: int
    reasoning: int
    cache_read: int
    cache_write: int
    latency_ms: int
    ttft_ms: int

    def fields(self) -> dict[str, object]:
        """The fields of the queue element that are this event's own."""
        total = self.input + self.output
        return {
            "timestamp": self.at.isoformat(),
            "request_id": self.request_id,
            "latency_ms": self.latency_ms,
            "ttft_ms": self.ttft_ms,
            "tokens": {
                "input_tokens": self.input,
                "output_tokens": self.output,
                "reasoning_tokens": self.reasoning,
                "cached_tokens": self.cache_read,
                "cache_read_tokens": self.cache_read,
                "cache_read_tokens_present": True,
                "cache_creation_tokens": self.cache_write,
                "total_tokens": total,
            },
            "token_breakdown": {
                "schema_version": 2,
                "quality": "complete",
                "total_tokens": total,
                "unclassified_tokens": 0,
                "input": {
                    "total_tokens": self.input,
                    "uncached_tokens": self.input - self.cache_read - self.cache_write,
                    "cache_read_tokens": self.cache_read,
                    "cache_write_tokens": self.cache_write,
                },
                "output": {
                    "total_tokens": self.output,
                    "non_reasoning_tokens": self.output - self.reasoning,
                    "reasoning_tokens": self.reasoning,
                },
            },
        }


def samples(shape: Shape) -> Iterator[Sample]:
    """Every event, oldest first."""
    chance = random.Random(f"content {shape.seed}").random
    traffic = _Traffic(shape.seed)
    request_id = ""
    for number, at in enumerate(instants(shape)):
        if number % _REPEATED_REQUEST or not number:
            # An odd factor makes of consecutive numbers different ones that look random.
            request_id = f"{(number + 1) * 2_654_435_761 % 2**32:08x}"
        given, put_out = 80 + int(chance() * 4000), 20 + int(chance() * 1200)
        latency = 250 + int(chance() * 45_000)
        yield Sample(
            at,
            traffic.combination(number, at),
            request_id,
            given,
            put_out,
            int(chance() * (put_out + 1)),
            int(chance() * (given // 2)),
            int(chance() * (given // 5)),
            latency,
            50 + int(chance() * min(latency, 8000)),
        )


class _Traffic:
    """Who requests what, by one stream of chance."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"traffic {seed}").random
        weights = random.Random(f"keys {seed}")
        self._tiers = []
        first = 0
        for count, weight, active, period in _TIERS:
            total = sum(weight * weights.uniform(0.9, 1.1) for _ in range(count))
            self._tiers.append((total, first, count, active, int(period.total_seconds())))
            first += count
        self._whole = sum(tier[0] for tier in self._tiers)

    def combination(self, number: int, at: datetime) -> Combination:
        chance, seconds = self._chance, int(at.timestamp())
        key = number if number < KEYS else self._key(seconds)
        borrowed = chance() < _BORROWED
        rank = self._rank(key, seconds)
        credential = (key + borrowed) % KEYS + KEYS * rank
        model = (key * 7 + (rank + self._neighbour()) % _CLUSTER) % MODELS
        # The first events use everything there is once.
        if number < CREDENTIALS:
            credential = number
        if number < MODELS:
            model = number
        failure = int(chance() * len(_FAILURES)) if chance() < _FAILED else None
        return Combination(key, credential, model, chance() < _ALTERNATE, failure)

    def _key(self, seconds: int) -> int:
        at = self._chance() * self._whole
        for total, first, count, active, period in self._tiers:
            if at < total:
                return first + (seconds // period * active + int(self._chance() * active)) % count
            at -= total
        return KEYS - 1

    def _rank(self, key: int, seconds: int) -> int:
        rank = int(self._chance() ** 10 * _POOL)
        week = seconds // 604_800
        return rank and 1 + (week * _ACTIVE_TAIL + key + rank % _ACTIVE_TAIL) % (_POOL - 1)

    def _neighbour(self) -> int:
        at = self._chance()
        if at < 0.85:
            return 0
        return 1 if at < 0.99 else 2 + int(self._chance() * (_CLUSTER - 2))
