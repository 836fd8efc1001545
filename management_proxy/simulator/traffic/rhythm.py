"""When requests begin: many in the evening, few at night and at weekends, some hours in a burst."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from management_proxy.simulator.clock import NANOSECONDS

HOUR_SECONDS = 3600
WEEKEND_FACTOR = 0.78
# One hour in about a hundred is a burst.
BURST_RATE, BURST_FACTOR = 1 / 97, 3.5
HOUR_WEIGHTS = (
    *(0.35, 0.28, 0.25, 0.25, 0.35, 0.60, 0.90, 1.20, 1.50, 1.70, 1.80, 1.70),
    *(1.60, 1.50, 1.50, 1.60, 1.80, 2.00, 2.20, 2.00, 1.60, 1.20, 0.80, 0.50),
)


@dataclass(frozen=True)
class Rhythm:
    """The same instants for the same seed, by the clock of an offset from UTC."""

    seed: int
    offset_minutes: int

    def starts(self, end: int, days: int, per_day: int) -> Iterator[int]:
        """Yield when requests begin, in nanoseconds, over the days before `end`, in seconds."""
        rng = random.Random(self.seed ^ 0x5EED)
        hours = days * 24
        first = end - hours * HOUR_SECONDS
        weights = [self._weight(rng, first + hour * HOUR_SECONDS) for hour in range(hours)]
        for hour, count in enumerate(shares(days * per_day, weights)):
            begins = (first + hour * HOUR_SECONDS) * NANOSECONDS
            step = HOUR_SECONDS * NANOSECONDS // max(count, 1)
            for position in range(count):
                yield begins + position * step + rng.randrange(step)

    def _weight(self, rng: random.Random, second: int) -> float:
        local = second + self.offset_minutes * 60
        weekday = (local // 86400 + 3) % 7
        weight = HOUR_WEIGHTS[local // HOUR_SECONDS % 24] * (
            WEEKEND_FACTOR if weekday >= 5 else 1.0
        )
        return weight * (BURST_FACTOR if rng.random() < BURST_RATE else 1.0)


def shares(total: int, weights: list[float]) -> list[int]:
    """Split a total by weights into whole numbers that add up to it (largest remainder)."""
    whole = sum(weights) or 1.0
    exact = [total * weight / whole for weight in weights]
    counts = [int(share) for share in exact]
    by_rest = sorted(range(len(exact)), key=lambda at: counts[at] - exact[at])
    for at in by_rest[: total - sum(counts)]:
        counts[at] += 1
    return counts
