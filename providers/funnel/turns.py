"""One turn of the holder of a write lease: the oldest waiting intent, and all that can share its
write."""

import logging
from datetime import timedelta

from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from management_proxy.models import Upstream
from monitoring.encryption import UndecryptableError
from monitoring.leases import LeaseLost, Term
from monitoring.planned_statements import update_each
from monitoring.texts.recorded import Recorded
from providers import log_kinds as kinds
from providers.funnel.changes import Change, change_of
from providers.funnel.delivery import Delivery, Pair, give_up
from providers.funnel.intents import requeue, settle
from providers.models import Intent

logger = logging.getLogger(__name__)

MOST_TOGETHER = 200
# An intent is overtaken by later ones at most so often.
MOST_OVERTAKEN = 2
# By then a request that was given up has long been carried out or dropped.
UNKNOWN_REST = timedelta(seconds=20)

_INTERNAL = Recorded(_("internal error; see the log"))
_UNREADABLE = Recorded(_("the change cannot be read: %(error)s"))
# No change is at fault.
_OUT_OF_REACH = (LeaseLost, OperationalError, InterfaceError)


def take_turn(upstream: Upstream, term: Term) -> bool:
    """Carry out what waits longest, with what can join it; False if nothing waits. Raises
    LeaseLost."""
    requeue_interrupted(upstream, term)
    pairs = _next_together(upstream, term)
    if not pairs:
        return False
    try:
        Delivery(upstream, term, pairs).run()
    except _OUT_OF_REACH:
        raise
    except Exception:
        kinds.CHANGES_BROKE.log_exception(
            logger,
            logging.ERROR,
            upstream=upstream.name,
            intents=[intent.pk for intent, _ in pairs],
        )
        for intent, change in pairs:
            _alone(upstream, term, intent, change, is_first_try=len(pairs) == 1)
    return True


def _alone(
    upstream: Upstream, term: Term, intent: Intent, change: Change, *, is_first_try: bool
) -> None:
    """Find out which one of several is broken; it stays uncertain, and the others are not held up
    by it."""
    intent.refresh_from_db()
    try:
        if intent.is_waiting and not is_first_try:
            Delivery(upstream, term, [(intent, change)]).run()
    except _OUT_OF_REACH:
        raise
    except Exception:
        kinds.CHANGE_FAILED.log_exception(
            logger, logging.ERROR, upstream=upstream.name, intent=intent.pk
        )
        intent.refresh_from_db()
    if intent.is_waiting:
        give_up(term, intent, change, _INTERNAL())


def requeue_interrupted(upstream: Upstream, term: Term) -> None:
    """Bring back what a dead holder had in hand, and what stayed unknown and had time to become
    certain."""
    unsettled = Intent.objects.filter(upstream=upstream)
    for intent in unsettled.filter(state=Intent.State.APPLIED).exclude(token=term.token):
        requeue(term, intent)
    for intent in unsettled.filter(
        state=Intent.State.UNKNOWN, applied_at__lt=timezone.now() - UNKNOWN_REST
    ):
        requeue(term, intent)


def _next_together(upstream: Upstream, term: Term) -> list[Pair]:
    """The oldest intent, and those after it on the same resource that concern other parts of it."""
    waiting = Intent.objects.filter(upstream=upstream, state=Intent.State.REQUESTED).order_by("pk")
    while first := waiting.first():
        first.upstream = upstream
        if change := _readable(term, first):
            others = list(waiting.filter(pk__gt=first.pk)[:MOST_TOGETHER])
            for intent in others:
                intent.upstream = upstream  # not read again for each of them
            return _joining(term, first, change, others)
    return []


def _joining(term: Term, first: Intent, change: Change, others: list[Intent]) -> list[Pair]:
    """The first and those that share its write; they stop where one more would overtake another
    too often."""
    pairs, subjects, passed = [(first, change)], {first.subject}, list[Intent]()
    for intent in others if change.joins else []:
        other = (
            _readable(term, intent)
            if intent.resource == first.resource and intent.subject not in subjects
            else None
        )
        if other and other.joins:
            if any(one.overtaken >= MOST_OVERTAKEN for one in passed):
                break
            pairs.append((intent, other))
            for one in passed:
                one.overtaken += 1
        elif not intent.is_settled:
            passed.append(intent)
        subjects.add(intent.subject)
    update_each([one for one in passed if one.overtaken], "overtaken")
    return pairs


def _readable(term: Term, intent: Intent) -> Change | None:
    try:
        return change_of(intent)
    except (LookupError, ValueError, UndecryptableError) as error:
        settle(term, intent, None, Intent.State.FAILED, error=_UNREADABLE(error=error))
        return None
