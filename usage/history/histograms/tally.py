"""What remains of histograms: percentiles where nothing more is added, counts where something may
be."""

from dataclasses import dataclass

from usage.history.histograms.packed import Counts, Place, over_numbers, summed
from usage.rollups.histograms import percentile_bins

PERCENTILES = (50, 90, 95, 99)
# The number of all intervals together.
WHOLE = -1
# The bin (usage/rollups/histograms.py) of each percentile.
Bins = dict[int, int]


# Without slots, with which the cache would take several times as long to pickle it.
@dataclass(frozen=True)
class Tally:
    """Bins of percentiles of the places that are settled, counts of the others."""

    settled: dict[Place, Bins]
    counts: dict[Place, Counts]

    def added(self, later: dict[Place, Counts]) -> dict[Place, Bins]:
        """The bins of percentiles of all places, with counts that came later."""
        counts = {
            place: summed(self.counts.get(place, []), later.get(place, []))
            for place in self.counts.keys() | later.keys()
        }
        return self.settled | {place: _bins(found) for place, found in counts.items()}


NOTHING = Tally({}, {})


def with_whole(found: dict[Place, Counts]) -> dict[Place, Counts]:
    """The same with those of all numbers together as number `WHOLE`, without those of no number."""
    whole = {(WHOLE, *place): counts for place, counts in over_numbers(found).items()}
    return {place: counts for place, counts in found.items() if place[0] is not None} | whole


def tally(found: dict[Place, Counts], settled_before: int) -> Tally:
    """The counts of places as what remains of them; numbers below one are settled."""
    settled = {place for place in found if place[0] is not None and 0 <= place[0] < settled_before}
    return Tally(
        {place: _bins(found[place]) for place in settled},
        {place: counts for place, counts in found.items() if place not in settled},
    )


def _bins(counts: Counts) -> Bins:
    return dict(zip(PERCENTILES, percentile_bins(counts, PERCENTILES), strict=True))
