"""Many events fast: requests are generated and serialised once, then repeated with new instants and
ids."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from management_proxy.simulator.clock import NANOSECONDS, go_timestamp
from management_proxy.simulator.http.wire import go_json
from management_proxy.simulator.profiles import Profile
from management_proxy.simulator.results import BUCKET_SECONDS
from management_proxy.simulator.traffic.generator import MILLISECOND, Event, Traffic, is_counted
from management_proxy.simulator.traffic.request_ids import RequestIds
from management_proxy.simulator.traffic.story import ILL_PROVIDER, Story

MOST_TEMPLATES, OUTAGE_TEMPLATES = 3000, 50
INSTANT, IDENTITY = "@instant@", "@identity@"
# Of attempts: the credential, whether they failed, and the ten minutes in which they ended, counted
# since 1970.
Outcome = tuple[str, bool, int]


@dataclass(frozen=True)
class Template:
    """One event, cut where instant and request id go in."""

    head: bytes
    middle: bytes
    tail: bytes
    delay: int
    provider: str
    model: str
    index: str
    failed: bool
    is_counted: bool

    def fill(self, instant: bytes, identity: bytes) -> bytes:
        return b"".join((self.head, instant, self.middle, identity, self.tail))

    def outcome(self, end: int) -> Outcome:
        """What it counts as, of a request that ended at an instant in nanoseconds."""
        return self.index, self.failed, end // NANOSECONDS // BUCKET_SECONDS


@dataclass
class Batch:
    """Generated payloads and how many counted attempts of each credential went well or failed."""

    payloads: list[bytes]
    outcomes: Counter[Outcome]


def _cut(event: Event, profile: Profile, delay: int) -> Template:
    marked = profile.shape({**event, "timestamp": INSTANT, "request_id": IDENTITY})
    head, rest = go_json(marked).split(INSTANT.encode(), 1)
    middle, tail = rest.split(IDENTITY.encode(), 1)
    return Template(
        head,
        middle,
        tail,
        delay,
        event["provider"],
        event["model"],
        event["auth_index"],
        event["failed"],
        is_counted(event),
    )


def _cut_all(attempts: list[tuple[int, Event]], profile: Profile) -> list[Template]:
    """Return a request's templates; their delays count from its end, since events are queued when
    attempts are over."""
    last, event = attempts[-1]
    end = last + event["latency_ms"] * MILLISECOND
    return [_cut(event, profile, instant - end) for instant, event in attempts]


class Bulk:
    """An endless supply of events that costs little: generated requests, repeated."""

    def __init__(
        self, traffic: Traffic, profile: Profile, requests: int, now: float, seed: int
    ) -> None:
        generated = (
            traffic.request(int(now) * NANOSECONDS) for _ in range(min(requests, MOST_TEMPLATES))
        )
        self._requests = [_cut_all(attempts, profile) for attempts in generated if attempts]
        self._traffic, self._profile, self._now = traffic, profile, int(now)
        self._ids = traffic.ids
        self._offset = traffic.offset_minutes
        self._random = random.Random(seed)
        self._position = 0

    def take(self, events: int, start: int, step: int) -> Batch:
        """Return exactly so many events of requests that ended at `start` and then every `step`
        nanoseconds."""
        batch = Batch([], Counter())
        while self._requests and len(batch.payloads) < events:
            identity = self._ids.new().encode()
            for template in self._requests[self._position % len(self._requests)][
                : events - len(batch.payloads)
            ]:
                instant = go_timestamp(start + template.delay, self._offset)
                batch.payloads.append(template.fill(instant.encode(), identity))
                batch.outcomes[template.outcome(start)] += template.is_counted
            self._position += 1
            start += step
        return batch

    def past(self, ends: list[int], rested_since: Mapping[str, float]) -> Batch:
        """Return the events of requests that ended at those instants, in nanoseconds, in the order
        of time; what happens in them is in `story.py`."""
        story, failing = Story(self._now, rested_since), self._failing()
        # Before those of the present, however many there are.
        ids = RequestIds(ends[0] / NANOSECONDS if ends else 0.0)
        events: list[tuple[int, bytes]] = []
        outcomes: Counter[Outcome] = Counter()
        for end in ends if self._requests else ():
            identity = ids.new().encode()
            for template in self._chosen(story, failing, end):
                instant = end + template.delay
                text = go_timestamp(instant, self._offset).encode()
                events.append((instant, template.fill(text, identity)))
                outcomes[template.outcome(end)] += 1
        return Batch([payload for _, payload in sorted(events)], outcomes)

    def _failing(self) -> list[list[Template]]:
        start = self._now * NANOSECONDS
        made = (self._traffic.failing_request(ILL_PROVIDER, start) for _ in range(OUTAGE_TEMPLATES))
        return [_cut_all(attempts, self._profile) for attempts in made if attempts]

    def _chosen(self, story: Story, failing: list[list[Template]], end: int) -> list[Template]:
        request = self._random.choice(self._requests)
        while not _is_possible(story, request, end):
            request = self._random.choice(self._requests)
        is_ill = failing and story.is_ill(request[0].provider, end)
        return self._random.choice(failing) if is_ill else request


def _is_possible(story: Story, request: list[Template], end: int) -> bool:
    resting = any(story.rests(template.index, end) for template in request)
    return not resting and story.has_model(request[0].model, end)


def generate(
    traffic: Traffic, profile: Profile, events: int, now: float, spread: float, seed: int
) -> Batch:
    """Return exactly so many events whose requests ended within the last `spread` seconds."""
    step = max(int(spread * NANOSECONDS) // max(events, 1), 1)
    return Bulk(traffic, profile, events, now, seed).take(
        events, int((now - spread) * NANOSECONDS), step
    )
