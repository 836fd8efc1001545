"""What a run consists of: its scenarios, in order, and how long each takes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from tests.gate.faults import beneath, within
from tests.gate.load import Gate
from tests.gate.scenarios import (
    baseline,
    everything,
    history,
    ingest,
    observability,
    pages,
    proxy,
    triggers,
    writes,
)

# The field's reference dataset, and one that a fresh clone has in seconds.
REFERENCE_EVENTS, FEW_EVENTS = 3_205_740, 80_000
Work = Callable[[Gate], None]


@dataclass(frozen=True)
class Plan:
    """A run: how many events of how many days the database holds at its start, and its scenarios by
    name."""

    name: str
    events: int
    days: int
    scenarios: dict[str, Work]
    # Seconds until everything that was delivered is stored, at most.
    patience: float = 60.0
    # Whether it is one of seconds, judged by the bounds of such.
    is_brief: bool = False

    def only(self, names: list[str]) -> "Plan":
        """The same with these scenarios alone, in its own order; raises KeyError."""
        if unknown := set(names) - set(self.scenarios):
            raise KeyError(f"no scenario {', '.join(sorted(unknown))}")
        return replace(self, scenarios={n: w for n, w in self.scenarios.items() if n in names})


FAULTS: dict[str, Work] = {
    "database_restart": beneath.restart_database,
    "upstream_restart": beneath.restart_upstream,
    "ban": beneath.ban,
    "killed_worker": within.kill_worker,
    "killed_holder": within.kill_holder,
    "frozen_holder": within.freeze_holder,
    "full_disk": within.fill_disk,
}


def _scaled(factor: float) -> dict[str, Work]:
    """The loads, longer by a factor than in the short plan."""
    return {
        "history": partial(history.run, seconds=15 * factor),
        "triggers": triggers.run,
        "baseline": baseline.run,
        "pages": partial(pages.run, seconds=60 * factor),
        "writes": writes.run,
        "proxy": partial(proxy.run, seconds=12 * factor),
        "ingest": partial(ingest.run, seconds=15 * factor),
        "everything": partial(everything.run, seconds=40 * factor),
        "observability": observability.run,
    }


SHORT = Plan("short", FEW_EVENTS, 30, {**_scaled(1), **FAULTS})
FULL = Plan("full", REFERENCE_EVENTS, 90, {**_scaled(6), **FAULTS})
SOAK = Plan("soak", FEW_EVENTS, 30, {"soak": partial(everything.run, seconds=3600, name="soak")})
# Of the self-test, which runs the whole of it once, and parts of it for every mutation.
BRIEF = Plan(
    "brief",
    FEW_EVENTS,
    30,
    {
        "history": partial(history.run, seconds=9, rounds=4),
        "triggers": partial(triggers.run, triggers=112, most_seconds=44),
        "baseline": partial(baseline.run, rounds=3, seconds=4),
        # So long that the bounds of a minute hold for each of its parts.
        "pages": partial(pages.run, seconds=44),
        "writes": writes.run,
        "proxy": partial(proxy.run, seconds=4),
        "ingest": partial(ingest.run, seconds=5, retention=10),
        "everything": partial(everything.run, seconds=24, retention=10),
        "soak": partial(everything.judged_as, name="soak"),
        "observability": observability.run,
        **FAULTS,
    },
    patience=25,
    is_brief=True,
)
PLANS = {plan.name: plan for plan in (SHORT, FULL, SOAK, BRIEF)}
