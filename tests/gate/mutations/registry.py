"""Every mutation: what it breaks, and which thresholds must turn red by it, and no others.

A mutation is a few lines that replace one thing of one module (tests/gate/mutations/patches.py), as
a mistake in a review would, or one expression of a script (scripts.py). Thresholds are named by
patterns of their figures.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.gate.mutations import patches

# What a mutation runs beside the scenarios of its own, to see that it turns nothing else red.
USUAL = ("triggers", "writes", "proxy", "ingest")


@dataclass(frozen=True)
class Mutation:
    """`reddens` must fail; `may_redden` may, since chance decides or it follows."""

    what: str
    apply: Callable[[], None]
    reddens: frozenset[str]
    may_redden: frozenset[str]
    scenarios: tuple[str, ...]


def _mutation(
    what: str,
    apply: Callable[[], None],
    *reddens: str,
    may: tuple[str, ...] = (),
    scenarios: tuple[str, ...] = USUAL,
) -> Mutation:
    return Mutation(what, apply, frozenset(reddens), frozenset(may), scenarios)


def _in_scripts() -> None:
    """The script is another one; see scripts.py."""


_OF_LEASES: dict[str, Mutation] = {
    "lease_without_condition": _mutation(
        "the lease is taken also while another process holds it",
        patches.lease_without_condition,
        # Fencing and the schema still allow no second run: callers get errors instead.
        "triggers.other_outcomes",
        may=("triggers.*", "writes.*", "errors.new_classes"),
        scenarios=("triggers", "writes"),
    ),
    "no_single_flight": _mutation(
        "the lease is taken, renewed and believed whoever holds it",
        patches.no_single_flight,
        "triggers.pop_overlaps",
        "triggers.run_overlaps",
        may=("triggers.*", "writes.*", "errors.new_classes"),
        scenarios=("triggers", "writes"),
    ),
    "lease_kept": _mutation(
        "a lease is not given up, and blocks until it runs out",
        patches.lease_kept,
        "leftovers.leases",
        may=("triggers.ran", "ingest.lag_p95_s"),
    ),
    "fence_ignored": _mutation(
        "a run that lost its lease writes its state all the same",
        patches.fence_ignored,
        "frozen_holder.late_states",
        scenarios=("triggers", "frozen_holder", "ingest"),
    ),
    "nameless_refusal": _mutation(
        "a trigger that is refused does not learn which run is in progress",
        patches.nameless_refusal,
        "triggers.refused_without_run",
    ),
}
_OF_EVENTS: dict[str, Mutation] = {
    "rollup_off_by_one": _mutation(
        "rollups count one attempt more for each group that is added",
        patches.rollup_off_by_one,
        "triggers.sums_off",
        "ingest.sums_off",
    ),
    "dropped_page": _mutation(
        "every third page is forgotten instead of stored",
        patches.dropped_page,
        "ingest.not_exact",
        may=("triggers.not_exact", "ingest.lag_p95_s"),
    ),
    "spool_kept": _mutation(
        "a spooled page stays there after it was stored",
        patches.spool_kept,
        "leftovers.spooled",
    ),
    "lazy_collector": _mutation(
        "the collector polls every 25 seconds",
        patches.lazy_collector,
        "ingest.lag_p95_s",
    ),
}
_HISTORY = ("history", "triggers")
_OF_HISTORY: dict[str, Mutation] = {
    "cached_for_anyone": _mutation(
        "a cached result is served to any user",
        patches.cached_for_anyone,
        "history.of_others",
        scenarios=_HISTORY,
    ),
    "growing_cache": _mutation(
        "every result about usage is kept for ever",
        patches.growing_cache,
        "history.memory_mib_per_1000_calls",
        scenarios=_HISTORY,
    ),
    "no_cache": _mutation(
        "no result is ever found in the cache",
        patches.no_cache,
        "history.cached_of_uncached",
        scenarios=_HISTORY,
    ),
    "busy_history": _mutation(
        "every query about usage computes for half a second",
        patches.busy_history,
        "history.p95_*_of_reference",
        "history.cpu_*_of_reference",
        scenarios=_HISTORY,
    ),
}
_OF_UPSTREAMS: dict[str, Mutation] = {
    "retry_storm": _mutation(
        "whatever failed is sent again up to ten times",
        patches.retry_storm,
        "proxy.attempts_per_request",
    ),
    "no_deadline": _mutation(
        "a call that hangs may do so for half a minute",
        patches.no_deadline,
        "proxy.longest_hang_s",
    ),
    "ban_ignored": _mutation(
        "a ban of our address stops no caller",
        patches.ban_ignored,
        "ban.requests_while_banned",
        may=("errors.new_classes",),
        scenarios=("ban", "triggers"),
    ),
    "sporadic_error": _mutation(
        "every fifth summary fails",
        patches.sporadic_error,
        "errors.new_classes",
        scenarios=("ban", "triggers"),
    ),
    "no_read_back": _mutation(
        "a change counts as made when the upstream has accepted it",
        patches.no_read_back,
        "writes.lost",
        may=("writes.misreported",),
    ),
}
_OF_PAGES: dict[str, Mutation] = {
    "polling_while_hidden": _mutation(
        "hidden tabs go on polling",
        _in_scripts,
        "pages.hidden_per_minute",
        scenarios=("pages",),
    ),
    "every_tab_polls": _mutation(
        "each tab of a browser polls by itself",
        _in_scripts,
        "pages.ten_tabs_of_one",
        scenarios=("pages",),
    ),
    "always_whole": _mutation(
        "a page requests what it has already",
        _in_scripts,
        "pages.unchanged_bytes",
        scenarios=("pages",),
    ),
    "impatient_polling": _mutation(
        "pages poll every two seconds",
        _in_scripts,
        "pages.*_per_minute",
        may=("pages.uncounted_share",),
        scenarios=("pages",),
    ),
    "page_that_collects": _mutation(
        "the Monitoring page triggers a collection as it is shown",
        patches.page_that_collects,
        "pages.taken_off_the_queue",
        may=("pages.*_per_minute", "pages.unchanged_bytes"),
        scenarios=("pages",),
    ),
}
MUTATIONS = {**_OF_LEASES, **_OF_EVENTS, **_OF_HISTORY, **_OF_UPSTREAMS, **_OF_PAGES}
