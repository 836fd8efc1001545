"""One turn of the holder of a write lease: the oldest waiting intent, and all that can share its
write.

Every step that matters for a crash passes a failpoint; what a crash at each leaves behind is read
back by the next holder.
"""

import logging
import time
from datetime import timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from management_proxy.client.client import ManagementClient
from management_proxy.client.errors import (
    NotReached,
    Refused,
    ServerFault,
    Unintelligible,
    UpstreamError,
)
from management_proxy.encryption import UndecryptableError
from management_proxy.models import Upstream
from management_proxy.upstreams.registry import client_for
from monitoring.failpoints import around
from monitoring.leases import Term
from providers.errors import ChangeRefused
from providers.funnel.changes import Change, Moved, State, change_of
from providers.funnel.intents import LeaseLost, leave_unknown, mark_applied, requeue, settle
from providers.models import Intent

logger = logging.getLogger(__name__)

MOST_TOGETHER = 200
# Nobody waits longer because more than so many came later and were served earlier.
MOST_OVERTAKEN = 2
MOST_ATTEMPTS = 5
# How often a whole list may turn out to have been changed between reading and putting it.
MOST_MOVES = 50
# A reload lasts up to twice what the write took (contract 6.5); the margin covers the smallest
# ones.
SETTLE_FACTOR = 2.5
SETTLE_MARGIN_SECONDS = 0.02
LONGEST_SETTLE_SECONDS = 15.0
# By then a request that was given up has long been carried out or dropped.
UNKNOWN_REST = timedelta(seconds=20)
# Whoever asked is gone by then: what has not been sent, or is found lost, is not sent any more.
EXPIRY = timedelta(minutes=10)

Pair = tuple[Intent, Change]
# Nobody's change is at fault.
_OUT_OF_REACH = (LeaseLost, OperationalError, InterfaceError)


def take_turn(upstream: Upstream, term: Term) -> bool:
    """Carry out what waits longest, with what can join it; False if nothing waits. Raises
    LeaseLost."""
    requeue_interrupted(upstream, term)
    pairs = _next_together(upstream, term)
    if not pairs:
        return False
    try:
        _Turn(upstream, term, pairs).run()
    except _OUT_OF_REACH:
        raise
    except Exception:
        logger.exception(
            "Changes broke",
            extra={"upstream": upstream.name, "intents": [intent.pk for intent, _ in pairs]},
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
            _Turn(upstream, term, [(intent, change)]).run()
    except _OUT_OF_REACH:
        raise
    except Exception:
        logger.exception("A change broke", extra={"upstream": upstream.name, "intent": intent.pk})
        intent.refresh_from_db()
    if intent.is_waiting:
        _give_up(term, intent, change, "internal error; the log tells more")


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
    while (first := waiting.first()) and not (change := _readable(term, first)):
        continue
    if first is None or change is None:
        return []
    return _joining(term, first, change, list(waiting.filter(pk__gt=first.pk)[:MOST_TOGETHER]))


def _joining(term: Term, first: Intent, change: Change, others: list[Intent]) -> list[Pair]:
    """The first and those that share its write; they stop where one more would overtake somebody
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
    Intent.objects.bulk_update([one for one in passed if one.overtaken], ["overtaken"])
    return pairs


def _readable(term: Term, intent: Intent) -> Change | None:
    try:
        return change_of(intent)
    except (LookupError, ValueError, UndecryptableError) as error:
        settle(term, intent, None, Intent.State.FAILED, error=f"the change cannot be read: {error}")
        return None


def _give_up(term: Term, intent: Intent, change: Change, error: str) -> None:
    """Failed if nothing was ever sent, else unknown."""
    if intent.attempts:
        leave_unknown(term, intent, error, must_save=intent.must_save)
    else:
        settle(term, intent, change, Intent.State.FAILED, error=error)


class _Turn:
    """Intents that share one resource, from the fresh read to their outcome."""

    def __init__(self, upstream: Upstream, term: Term, pairs: list[Pair]) -> None:
        self.upstream = upstream
        self.term = term
        self.pairs = pairs
        self.resource = pairs[0][1].resource
        self.sent = 0
        # Whether the record says that they are about to be sent; what moves the list costs no time
        # for another one.
        self.is_marked = False

    def run(self) -> None:
        try:
            client = client_for(self.upstream)
            state = self.resource.read(client)
        except UpstreamError as error:
            for pair in self.pairs:
                _give_up(self.term, *pair, f"nothing could be read: {error}")
            return
        self._bring_about(client, state)

    def _bring_about(self, client: ManagementClient, state: State) -> None:
        moved = 0
        while self.sent < MOST_ATTEMPTS and moved < MOST_MOVES:
            after = self._plan(state)
            if not self.pairs:
                return
            sent_before = self.sent
            if not self._send(client, state, after):
                return
            moved += self.sent == sent_before
            try:
                with around("read back"):
                    state = self.resource.read(client)
            except UpstreamError as error:
                self._leave_all_unknown(f"sent, and could not be read back: {error}")
                return
            self._verify(state, is_last_word=self.sent > max(sent_before, 1))
        for pair in self.pairs if not self.sent else ():
            self._take_back_mark(pair[0])
            _give_up(
                self.term,
                *pair,
                "the list is being changed by somebody else all the time; nothing was sent",
            )
        if self.sent:
            self._leave_all_unknown(
                f"accepted and gone again {self.sent} times: somebody else writes at the same time"
            )

    def _plan(self, state: State) -> State:
        """The state to bring about; settles what need not or must not be sent and keeps the
        rest."""
        after = state
        remaining: list[Pair] = []
        for intent, change in self.pairs:
            if intent.attempts and change.holds(state):
                self._saved_again_or_verified(intent, change, state, remaining)
            elif reason := _too_late(intent):
                settle(
                    self.term,
                    intent,
                    change,
                    Intent.State.COMPENSATED if intent.attempts else Intent.State.FAILED,
                    error=reason,
                )
            else:
                try:
                    after = change.next(after)
                    remaining.append((intent, change))
                except ChangeRefused as refusal:
                    if self.sent and intent.attempts and (discarded := change.partly(state)):
                        # Sent a moment ago and here but for these: an older upstream knows fewer
                        # fields.
                        self._verified(
                            intent, change, state, f"the upstream does not keep {discarded}"
                        )
                        continue
                    outcome = Intent.State.COMPENSATED if intent.attempts else Intent.State.FAILED
                    settle(self.term, intent, change, outcome, refusal=refusal)
        self.pairs = remaining
        if after == state and not any(intent.must_save for intent, _ in remaining):
            self._verify(state)
        return after

    def _saved_again_or_verified(
        self, intent: Intent, change: Change, state: State, remaining: list[Pair]
    ) -> None:
        if intent.must_save and not self.sent:
            remaining.append(
                (intent, change)
            )  # it is in the upstream's memory, but not in its file
        else:
            self._verified(intent, change, state)

    def _send(self, client: ManagementClient, before: State, after: State) -> bool:
        """Whether to read back: it was accepted, and the upstream's reload has certainly passed; or
        the state had moved."""
        if not self.is_marked:
            mark_applied(
                self.term,
                [intent for intent, _ in self.pairs],
                [change.shown(before) for _, change in self.pairs],
            )
            self.is_marked = True
        started = time.monotonic()
        try:
            with around("upstream write"):
                self.pairs[0][1].write(client, before, after)
        except Moved:
            return True  # nothing was sent: planned anew from what is there now
        except NotReached as error:
            self._not_sent(str(error))
        except ServerFault as error:
            self._leave_all_unknown(f"the upstream failed: {error}", must_save=True)
        except Unintelligible as error:
            self._leave_all_unknown(str(error))
        except Refused as error:
            self._refused(error)
        except UpstreamError as error:
            self._after_silence(client, str(error), time.monotonic() - started)
        else:
            self._wait(time.monotonic() - started)
            self.sent += 1
            self.is_marked = False
            return True
        return False

    def _wait(self, took: float) -> None:
        if self.resource.reloads:
            time.sleep(
                min(
                    took * SETTLE_FACTOR * 2**self.sent + SETTLE_MARGIN_SECONDS,
                    LONGEST_SETTLE_SECONDS,
                )
            )

    def _verify(self, state: State, *, is_last_word: bool = False) -> None:
        """Settle what the state holds, also what it holds but for fields that it discards each
        time; the rest stays."""
        held, gone = [], []
        for intent, change in self.pairs:
            if change.holds(state):
                held.append((intent, change, change.partly(state)))
            elif is_last_word and (discarded := change.partly(state)):
                held.append((intent, change, discarded))
            else:
                gone.append((intent, change))
        # One commit for all: 64 of them take a tenth of the time.
        with transaction.atomic():
            for intent, change, discarded in held:
                self._verified(intent, change, state, discarded)
        self.pairs = gone

    def _verified(self, intent: Intent, change: Change, state: State, discarded: str = "") -> None:
        intent.discarded = discarded
        note = f"the upstream does not keep {discarded}" if discarded else ""
        settle(
            self.term, intent, change, Intent.State.VERIFIED, after=change.shown(state), error=note
        )

    def _not_sent(self, error: str) -> None:
        for intent, change in self.pairs:
            self._take_back_mark(intent)
            _give_up(self.term, intent, change, f"nothing was sent: {error}")

    @staticmethod
    def _take_back_mark(intent: Intent) -> None:
        intent.attempts -= 1  # this time certainly nothing went out
        intent.save(update_fields=["attempts"])

    def _refused(self, error: Refused) -> None:
        """A refusal of several at once is nobody's in particular: each is tried alone."""
        if len(self.pairs) > 1:
            for pair in self.pairs:
                _Turn(self.upstream, self.term, [pair]).run()
        else:
            settle(
                self.term,
                *self.pairs[0],
                Intent.State.FAILED,
                error=f"the upstream refused: {error}",
            )

    def _after_silence(self, client: ManagementClient, error: str, took: float) -> None:
        """No answer: what is there afterwards was done; what is not may still come."""
        self._wait(took)
        try:
            self._verify(self.resource.read(client))
        except UpstreamError as second:
            error = f"{error}; and then: {second}"
        self._leave_all_unknown(f"sent without an answer: {error}")

    def _leave_all_unknown(self, error: str, *, must_save: bool = False) -> None:
        for intent, _ in self.pairs:
            leave_unknown(self.term, intent, error, must_save=must_save)


def _too_late(intent: Intent) -> str:
    """Why it may not be sent (any more); empty if it may."""
    if intent.requested_at < timezone.now() - EXPIRY:
        return "nobody carried it out in time; the upstream does not hold it"
    later = Intent.objects.filter(
        upstream_id=intent.upstream_id,
        resource=intent.resource,
        subject=intent.subject,
        pk__gt=intent.pk,
    )
    if intent.attempts and (
        newer := later.filter(state=Intent.State.VERIFIED).order_by("pk").first()
    ):
        return f"overtaken by change #{newer.pk}"
    return ""
