"""Realistic usage events, the same for the same seed: requests with their attempts, and days of
history.

A request draws its client, provider and model, then makes attempts until one succeeds or the
failure is final. Attempts of a request share its id, and so do the turns of a websocket session.
Some Codex successes carry an additional event for an image tool, some Gemini ones are abandoned
streams that count as successes without tokens.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from management_proxy.simulator.clock import NANOSECONDS, go_timestamp, http_date
from management_proxy.simulator.traffic import tokens
from management_proxy.simulator.traffic.failures import GEMINI_LIKE, Failure, failures_of
from management_proxy.simulator.traffic.request_ids import RequestIds
from management_proxy.simulator.traffic.rhythm import Rhythm
from management_proxy.simulator.traffic.tokens import NOTHING, Used
from management_proxy.simulator.traffic.world import FAMILIES, Credential, Family, World

Event = dict[str, Any]

FAILURE_RATE = 0.04
IMAGE_MODEL = "gpt-image-2"
CANCELLED = 499
IMAGE_RATE = 0.01
ABANDONED_RATE = 0.01
MOST_ATTEMPTS = 3
MOST_TURNS, ANOTHER_TURN_RATE = 5, 0.6
EFFORTS = ("", "", "low", "medium", "high")
TIERS = ("auto", "auto", "auto", "default", "priority", "flex")
MILLISECOND = 1_000_000


def is_counted(event: Event) -> bool:
    """Whether the account's counters go up: not for what the client broke off, nor twice for an
    attempt that made an image (contract 12)."""
    return bool(event["model"] != IMAGE_MODEL and event["fail"]["status_code"] != CANCELLED)


class Traffic:
    """A seeded stream of requests in a world."""

    def __init__(
        self,
        world: World,
        seed: int = 0,
        offset_minutes: int = 480,
        failure_rate: float = FAILURE_RATE,
        started: float = 0.0,
    ) -> None:
        self.world = world
        self.ids = RequestIds(started)
        self.offset_minutes = offset_minutes
        self.failure_rate = failure_rate
        self._random = random.Random(seed)
        self._seed = seed
        self._failures = {name: failures_of(name) for name in FAMILIES}

    def request(self, start: int) -> list[tuple[int, Event]]:
        """Return one client request's events, each with its instant in nanoseconds."""
        if not self.world.by_provider:
            return []
        provider = self._random.choices(self.world.providers, self.world.provider_weights())[0]
        return self._request_to(provider, start, self._failure)

    def failing_request(self, provider: str, start: int) -> list[tuple[int, Event]]:
        """Return the events of one request during an outage of a provider, whose attempts all
        fail; none if there is no such provider."""
        if provider not in self.world.by_provider:
            return []
        return self._request_to(provider, start, self._outage)

    def _request_to(
        self, provider: str, start: int, failure_of: Callable[[Family], Failure | None]
    ) -> list[tuple[int, Event]]:
        rng = self._random
        pool = self.world.by_provider[provider]
        family = FAMILIES[pool[0].family]
        model, alias = _zipf(rng, pool[0].models)
        shared = self._shared(family, model, alias)
        events: list[tuple[int, Event]] = []
        for credential in self._credentials(pool):
            failure = failure_of(family)
            event = self._attempt(shared, credential, family, start, failure)
            events.append((start, event))
            if failure is None and provider == "codex" and rng.random() < IMAGE_RATE:
                events.append((start, self._image(event)))
            if failure is None or not failure.is_retried:
                break
            start += event["latency_ms"] * MILLISECOND + rng.randrange(MILLISECOND)
        if _is_websocket(shared) and failure is None:
            events += self._turns(
                shared, credential, family, start + event["latency_ms"] * MILLISECOND
            )
        return events

    def _turns(
        self, shared: Event, credential: Credential, family: Family, start: int
    ) -> list[tuple[int, Event]]:
        """Return the further turns of a websocket session, each some seconds after the one before
        it."""
        rng = self._random
        events: list[tuple[int, Event]] = []
        while len(events) < MOST_TURNS and rng.random() < ANOTHER_TURN_RATE:
            start += int(rng.lognormvariate(8.5, 0.8) * MILLISECOND)
            event = self._attempt(shared, credential, family, start, None)
            events.append((start, event))
            start += event["latency_ms"] * MILLISECOND
        return events

    def _credentials(self, pool: tuple[Credential, ...]) -> list[Credential]:
        first = self._random.randrange(len(pool))
        order = pool[first:] + pool[:first]
        return list(itertools.islice(itertools.cycle(order), min(MOST_ATTEMPTS, len(order) + 1)))

    def _shared(self, family: Family, model: str, alias: str) -> Event:
        """Return what all attempts of a request have in common."""
        rng = self._random
        effort = rng.choice(EFFORTS)
        return {
            "client_ip": f"10.0.{rng.randrange(4)}.{rng.randrange(2, 250)}",
            "x_forwarded_for": f"203.0.113.{rng.randrange(256)}" if rng.random() < 0.3 else "",
            "user_agent": rng.choice(family.agents),
            "model": model,
            "alias": f"{alias}({effort})" if effort and rng.random() < 0.3 else alias,
            "endpoint": rng.choice(family.endpoints),
            "api_key": rng.choices(self.world.client_keys, self.world.key_weights)[0],
            "request_id": self.ids.new(),
            "reasoning_effort": effort,
            "service_tier": rng.choice(TIERS),
        }

    def _failure(self, family: Family) -> Failure | None:
        rng = self._random
        if rng.random() >= self.failure_rate:
            return None
        return _one_of(rng, self._failures[family.name])

    def _outage(self, family: Family) -> Failure:
        """Return a failure of the provider itself."""
        kinds = [kind for kind in self._failures[family.name] if kind.status >= 500]
        return _one_of(self._random, kinds)

    def _attempt(
        self,
        shared: Event,
        credential: Credential,
        family: Family,
        start: int,
        failure: Failure | None,
    ) -> Event:
        rng = self._random
        abandoned = failure is None and family.name in GEMINI_LIKE and rng.random() < ABANDONED_RATE
        used = NOTHING
        if failure is None and not abandoned:
            used = tokens.draw(rng, family.name, thinks=bool(shared["reasoning_effort"]))
        latency, ttft = self._times(used, failure)
        headers = (
            None if failure and not failure.has_headers else self._headers(family, start, failure)
        )
        return self.event(
            shared, credential, family, start, (latency, ttft), used, failure, headers
        )

    def _times(self, used: Used, failure: Failure | None) -> tuple[int, int]:
        rng = self._random
        if failure:
            latency = rng.randint(*failure.takes)
            return latency, max(latency - rng.randrange(3), 0) if failure.has_headers else 0
        ttft = min(int(rng.lognormvariate(6.9, 0.6)) + 60, 90_000)
        return ttft + int(used.output * rng.uniform(8, 24)), ttft

    def _headers(self, family: Family, start: int, failure: Failure | None) -> dict[str, list[str]]:
        content_type = failure.content_type if failure else "text/event-stream; charset=utf-8"
        number = self._random.getrandbits(32)
        return {
            "Content-Type": [content_type],
            "Date": [http_date(start // NANOSECONDS)],
            family.request_header: [f"req_{number:08x}"],
            **({"Retry-After": ["30"]} if failure and failure.status == 429 else {}),
        }

    def event(
        self,
        shared: Event,
        credential: Credential,
        family: Family,
        start: int,
        times: tuple[int, int],
        used: Used,
        failure: Failure | None,
        headers: dict[str, list[str]] | None,
    ) -> Event:
        """Return one attempt's event; `times` are its latency and time to the first token."""
        tier = shared["service_tier"]
        status = failure.status if failure else 200
        body = failure.text(shared["model"], family.url) if failure else ""
        return {
            "timestamp": go_timestamp(start, self.offset_minutes),
            "latency_ms": times[0],
            "ttft_ms": times[1],
            "source": credential.source or shared["api_key"],
            "auth_index": credential.index,
            **({"access_token_sha256": credential.token_hash} if credential.token_hash else {}),
            "client_ip": shared["client_ip"],
            "x_forwarded_for": shared["x_forwarded_for"],
            "user_agent": shared["user_agent"],
            "tokens": tokens.reported(used, family.name),
            "failed": failure is not None,
            "generate": True,
            "fail": {"status_code": status, "body": body},
            **({"response_headers": headers} if headers else {}),
            "accounting_version": 2,
            "token_breakdown": tokens.breakdown(used),
            "provider": credential.provider,
            "executor_type": _executor(family, shared),
            "model": shared["model"],
            "alias": shared["alias"],
            "endpoint": shared["endpoint"],
            "auth_type": credential.auth_type,
            "api_key": shared["api_key"],
            "request_id": shared["request_id"],
            "reasoning_effort": shared["reasoning_effort"],
            "service_tier": tier,
            **({"response_service_tier": "default"} if tier == "auto" and not failure else {}),
        }

    def _image(self, parent: Event) -> Event:
        """Return the additional event of an image tool: everything of its parent but model and
        tokens."""
        used = Used(
            uncached=self._random.randrange(40, 400), spoken=self._random.choice((1056, 4160, 6240))
        )
        counted = {
            "tokens": tokens.reported(used, "codex"),
            "token_breakdown": tokens.breakdown(used),
        }
        return {**parent, **counted, "model": IMAGE_MODEL}

    def history(self, days: int, per_day: int, now: datetime) -> Iterator[Event]:
        """Yield the events of the last days in the order of their timestamps; `per_day` counts
        client requests."""
        end = int(now.timestamp())
        waiting: list[tuple[int, int, Event]] = []
        number = 0
        for start in self.starts(end, days, per_day):
            while waiting and waiting[0][0] <= start:
                yield heapq.heappop(waiting)[2]
            for instant, event in self.request(start):
                if instant > end * NANOSECONDS:
                    break
                number += 1
                heapq.heappush(waiting, (instant, number, event))
        while waiting:
            yield heapq.heappop(waiting)[2]

    def starts(self, end: int, days: int, per_day: int) -> Iterator[int]:
        """Yield when requests begin, in nanoseconds, over the days before `end`."""
        return Rhythm(self._seed, self.offset_minutes).starts(end, days, per_day)


def _executor(family: Family, shared: Event) -> str:
    kind = "WebsocketsExecutor" if _is_websocket(shared) else "Executor"
    return family.executor.replace("Executor", kind)


def _one_of(rng: random.Random, kinds: list[Failure]) -> Failure:
    return rng.choices(kinds, [kind.weight for kind in kinds])[0]


def _is_websocket(shared: Event) -> bool:
    return str(shared["endpoint"]).startswith("GET ")


def _zipf(rng: random.Random, items: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    return rng.choices(items, [1 / (rank + 1) for rank in range(len(items))])[0]
