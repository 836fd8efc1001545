"""Reading acts: whose they are, what is planned, and what became of it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Case, Count, Q, QuerySet, Value, When

from providers.models import BulkAct, BulkItem, Intent

STATES = Intent.State
Outcome = BulkItem.Outcome


@dataclass(frozen=True)
class Counts:
    """How many items have each verdict, and how many of those to do are done, failed, open."""

    verdicts: dict[str, int]
    done: int
    failed: int
    open: int

    @property
    def to_do(self) -> int:
        """How many the confirmation has done."""
        return self.done + self.failed + self.open

    @property
    def named_verdicts(self) -> list[tuple[Any, int]]:
        """The verdicts that there are, as people call them."""
        return [
            (label, number)
            for value, label in BulkItem.Verdict.choices
            if (number := self.verdicts.get(value))
        ]


def own_acts(user: User) -> QuerySet[BulkAct]:
    """A user's acts; those of others are theirs alone."""
    return BulkAct.objects.select_related("upstream", "user").filter(user=user)


def items_of(act: BulkAct) -> QuerySet[BulkItem]:
    """An act's items with their intents; what went wrong comes first."""
    failed = Q(outcome="failed") | Q(intent__state__in=("failed", "compensated", "unknown"))
    rank = Case(
        When(failed, then=Value(0)),
        When(verdict__in=("refused", "duplicate"), then=Value(1)),
        When(verdict="replaces", then=Value(2)),
        default=Value(3),
    )
    return act.items.select_related("intent").order_by(rank, "pk")


def counts_of(act: BulkAct) -> Counts:
    """How far an act is."""
    verdicts, outcomes = Counter[str](), Counter[str]()
    counted = act.items.values_list("verdict", "outcome", "intent__state").annotate(Count("pk"))
    for verdict, outcome, state, number in counted:
        verdicts[verdict] += number
        if verdict in BulkItem.TO_DO:
            outcomes[outcome_of(outcome, state)] += number
    done, failed, still_open = (
        outcomes[word] for word in (Outcome.DONE, Outcome.FAILED, Outcome.OPEN)
    )
    return Counts(dict(verdicts), done, failed, still_open)


def is_over(act: BulkAct, counts: Counts) -> bool:
    """Whether nothing of an act is open any more."""
    return act.finished_at is not None and not counts.open


def outcome_of(outcome: str, state: str | None) -> str:
    """An item's outcome by its own and the state of its intent."""
    if state == STATES.VERIFIED:
        return Outcome.DONE
    if state in (STATES.FAILED, STATES.COMPENSATED):
        return Outcome.FAILED
    return outcome
