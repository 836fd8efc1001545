"""What happened in the past that a simulator begins with: a model that is new since last week, and
an outage of one provider yesterday."""

from dataclasses import dataclass

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

    def has_model(self, model: str, at: int) -> bool:
        """Whether a model was there at an instant, in nanoseconds."""
        return model != NEW_MODEL or at >= (self.now - NEW_FOR_DAYS * DAY) * NANOSECONDS

    def is_ill(self, provider: str, at: int) -> bool:
        """Whether every request to a provider failed at an instant, in nanoseconds."""
        yesterday = (self.now // DAY - 1) * DAY
        begins, ends = yesterday + OUTAGE_BEGINS, yesterday + OUTAGE_ENDS
        return provider == ILL_PROVIDER and begins <= at // NANOSECONDS < ends
