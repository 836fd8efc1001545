"""What happened in the past that a simulator begins with: a model that is new since last week, an
outage of one provider yesterday, and accounts that serve nothing any more."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from management_proxy.simulator.clock import NANOSECONDS

DAY, HOUR = 86_400, 3_600
NEW_MODEL, NEW_FOR_DAYS = "gpt-5.5", 6
ILL_PROVIDER = "claude"
# Of yesterday, in seconds after midnight UTC.
OUTAGE_BEGINS, OUTAGE_ENDS = 10 * HOUR + 20 * 60, 11 * HOUR + 35 * 60


@dataclass(frozen=True)
class Story:
    """The past of a simulator that starts at an instant, in seconds since 1970."""

    now: int
    # Since when credentials rest, by auth index.
    rested_since: Mapping[str, float] = field(default_factory=dict)

    def has_model(self, model: str, at: int) -> bool:
        """Whether a model was there at an instant, in nanoseconds."""
        return model != NEW_MODEL or at >= (self.now - NEW_FOR_DAYS * DAY) * NANOSECONDS

    def rests(self, index: str, at: int) -> bool:
        """Whether a credential served nothing at an instant, in nanoseconds."""
        since = self.rested_since.get(index)
        return since is not None and at >= since * NANOSECONDS

    def outage(self) -> tuple[int, int]:
        """When the outage began and ended, in seconds since 1970."""
        yesterday = (self.now // DAY - 1) * DAY
        return yesterday + OUTAGE_BEGINS, yesterday + OUTAGE_ENDS

    def is_ill(self, provider: str, at: int) -> bool:
        """Whether every request to a provider failed at an instant, in nanoseconds."""
        begins, ends = self.outage()
        return provider == ILL_PROVIDER and begins <= at // NANOSECONDS < ends
