"""Every mutation: what it breaks, and which thresholds must turn red by it, and no others.

A mutation is a few lines that replace one thing of one module (tests/gate/mutations/patches.py), as
a mistake in a review would. Thresholds are named by patterns of their figures.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.gate.mutations import patches


@dataclass(frozen=True)
class Mutation:
    """`reddens` must fail; `may_redden` may, since chance or what follows decides."""

    what: str
    apply: Callable[[], None]
    reddens: frozenset[str]
    may_redden: frozenset[str] = field(default_factory=frozenset)


def _mutation(
    what: str, apply: Callable[[], None], *reddens: str, may: tuple[str, ...] = ()
) -> Mutation:
    return Mutation(what, apply, frozenset(reddens), frozenset(may))


MUTATIONS: dict[str, Mutation] = {
    "lease_without_condition": _mutation(
        "the lease is taken also while another process holds it",
        patches.lease_without_condition,
        "triggers.pop_overlaps",
        may=("triggers.*", "*.run_overlaps"),
    ),
    "fence_ignored": _mutation(
        "a run that lost its lease writes its state all the same",
        patches.fence_ignored,
        "frozen_holder.late_states",
    ),
    "rollup_off_by_one": _mutation(
        "rollups count one attempt more for each group that is added",
        patches.rollup_off_by_one,
        "*.sums_off",
    ),
    "cached_for_anyone": _mutation(
        "a cached result is served to any user",
        patches.cached_for_anyone,
        "history.of_others",
    ),
    "growing_cache": _mutation(
        "every result about usage is kept for ever",
        patches.growing_cache,
        "history.memory_mib_per_1000_calls",
    ),
    "slow_history": _mutation(
        "every query about usage waits for a third of a second",
        patches.slow_history,
        "history.p95_*_of_reference",
    ),
    "retry_storm": _mutation(
        "whatever failed is sent again up to ten times",
        patches.retry_storm,
        "proxy.attempts_per_request",
    ),
    "ban_ignored": _mutation(
        "a ban of our address stops no caller",
        patches.ban_ignored,
        "ban.requests_while_banned",
    ),
    "dropped_page": _mutation(
        "every third page is forgotten instead of stored",
        patches.dropped_page,
        "*.not_exact",
    ),
    "no_read_back": _mutation(
        "a change counts as made when the upstream has accepted it",
        patches.no_read_back,
        "writes.lost",
    ),
}
