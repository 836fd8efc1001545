"""What is counted of changes, whichever process makes them (monitoring/metrics/shared.py)."""

from monitoring.metrics.shared import SharedCounter, SharedHistogram
from providers.models import Intent

CHANGES = SharedCounter(
    "providers_changes", "Changes that are settled, by their outcome.", ["upstream", "state"]
)
WAIT = SharedHistogram(
    "providers_change_wait_seconds",
    "From the request of a change until it was settled.",
    ["upstream"],
    (0.1, 0.5, 1, 2, 5, 10, 30, 120, 600),
)


def count_settled(intent: Intent) -> None:
    """Count a change that has just been settled."""
    name = intent.upstream.name
    CHANGES.inc(name, str(intent.state))
    if intent.settled_at:
        WAIT.observe(name, value=(intent.settled_at - intent.requested_at).total_seconds())
