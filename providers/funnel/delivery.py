"""Delivery of intents that share one resource: from a fresh read over one request to what was read
back.

Every step that matters for a crash passes a failpoint; what a crash at each leaves behind is read
back by the next holder of the lease.
"""

import time
from contextlib import suppress
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import (
    NotFound,
    NotReached,
    Refused,
    ServerFault,
    Unintelligible,
    UpstreamError,
)
from management_proxy.client.http import ManagementClient
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.failpoints import around
from monitoring.leases import Term
from monitoring.texts.recorded import Recorded
from providers.errors import ChangeRefused
from providers.funnel.changes import Change, Moved, State
from providers.funnel.intents import leave_unknown, mark_applied, settle, settle_verified
from providers.models import Intent

MOST_ATTEMPTS = 5
# How often a whole list may turn out to have been changed between reading and putting it.
MOST_MOVES = 50
# A reload lasts up to twice what the write took (contract 6.5); the margin covers the smallest
# ones.
SETTLE_FACTOR = 2.5
SETTLE_MARGIN_SECONDS = 0.02
LONGEST_SETTLE_SECONDS = 15.0
# By then no user waits for it: what has not been sent, or is found lost, is not sent any more.
EXPIRY = timedelta(minutes=10)

Pair = tuple[Intent, Change]
_UNREAD = Recorded(_("nothing could be read: %(error)s"))
_NOT_SENT = Recorded(_("nothing was sent: %(reason)s"))
_CONTESTED = Recorded(_("another program keeps changing the list"))
_GONE_AGAIN = Recorded(
    _("accepted and gone again %(times)s times: another program writes at the same time")
)
_NOT_READ_BACK = Recorded(_("sent, and could not be read back: %(error)s"))
_SILENCE = Recorded(_("sent, without a response: %(error)s"))
_AND_THEN = Recorded(_("%(error)s; and then: %(reason)s"))
_UPSTREAM_FAILED = Recorded(_("the upstream failed: %(error)s"))
_REFUSED = Recorded(_("the upstream refused: %(error)s"))
_DISCARDED = Recorded(_("the upstream does not keep %(fields)s"))
_TOO_LATE = Recorded(_("it was not sent in time; the upstream does not have it"))
_OVERTAKEN = Recorded(_("overtaken by change #%(number)s"))


class Delivery:
    """Intents that share one resource, from the fresh read to their outcome."""

    def __init__(self, upstream: Upstream, term: Term, pairs: list[Pair]) -> None:
        self.upstream = upstream
        self.term = term
        self.pairs = pairs
        self.resource = pairs[0][1].resource_with([change for _, change in pairs])
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
                give_up(self.term, *pair, _UNREAD(error=error))
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
            if self.sent == sent_before:
                moved += 1
            try:
                with around("read back"):
                    state = self.resource.read(client)
            except UpstreamError as error:
                self._leave_all_unknown(_NOT_READ_BACK(error=error))
                return
            self._verify(state, is_last_word=self.sent > max(sent_before, 1))
        self._end_contested()

    def _end_contested(self) -> None:
        """Give up against another program that keeps changing the resource."""
        if self.sent:
            self._leave_all_unknown(_GONE_AGAIN(times=self.sent))
        else:
            self._not_sent(_CONTESTED())

    def _plan(self, state: State) -> State:
        """The state to bring about; settles what need not or must not be sent and keeps the
        rest."""
        after = state
        pairs, self.pairs = self.pairs, []
        for intent, change in pairs:
            if intent.attempts and change.holds(state):
                if intent.must_save and not self.sent:
                    # It is in the upstream's memory, but not in its file.
                    self.pairs.append((intent, change))
                else:
                    self._verified([((intent, change), "")], state)
            elif reason := _too_late(intent):
                self._failed(intent, change, error=reason)
            else:
                after = self._next(intent, change, state, after)
        if after == state and not any(intent.must_save for intent, _ in self.pairs):
            self._verify(state)
        return after

    def _next(self, intent: Intent, change: Change, state: State, after: State) -> State:
        """The planned state with one change more; a change that cannot be made is settled."""
        try:
            planned = change.next(after)
        except ChangeRefused as refusal:
            discarded = change.partly(state) if self.sent and intent.attempts else ""
            if discarded:
                # Sent a moment ago and here but for these: an older upstream knows fewer fields.
                self._verified([((intent, change), discarded)], state)
            else:
                self._failed(intent, change, refusal=refusal)
            return after
        self.pairs.append((intent, change))
        return planned

    def _failed(
        self,
        intent: Intent,
        change: Change,
        *,
        error: str = "",
        refusal: ChangeRefused | None = None,
    ) -> None:
        outcome = Intent.State.COMPENSATED if intent.attempts else Intent.State.FAILED
        settle(self.term, intent, change, outcome, error=error, refusal=refusal)

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
            self._leave_all_unknown(_UPSTREAM_FAILED(error=error), must_save=True)
        except Unintelligible as error:
            self._leave_all_unknown(str(error))
        except Refused as error:
            self._refused(client, error)
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
        held, gone = list[tuple[Pair, str]](), list[Pair]()
        for pair in self.pairs:
            discarded = pair[1].partly(state)
            if pair[1].holds(state) or (is_last_word and discarded):
                held.append((pair, discarded))
            else:
                gone.append(pair)
        self._verified(held, state)
        self.pairs = gone

    def _verified(self, held: list[tuple[Pair, str]], state: State) -> None:
        """Settle those with what the upstream discarded of each: one commit for all."""
        if not held:
            return
        rows = []
        for (intent, change), discarded in held:
            intent.discarded = discarded
            note = _DISCARDED(fields=discarded) if discarded else ""
            rows.append((intent, change, change.shown(state), note))
        settle_verified(self.term, rows, timezone.now())

    def _not_sent(self, error: str) -> None:
        for intent, change in self.pairs:
            self._take_back_mark(intent)
            give_up(self.term, intent, change, _NOT_SENT(reason=error))

    @staticmethod
    def _take_back_mark(intent: Intent) -> None:
        intent.attempts -= 1  # this time certainly nothing went out
        intent.save(update_fields=["attempts"])

    def _refused(self, client: ManagementClient, error: Refused) -> None:
        """A refusal of several at once names none of them: each that is not there is tried
        alone."""
        if len(self.pairs) > 1:
            with suppress(UpstreamError):
                self._verify(self.resource.read(client))
            for pair in self.pairs:
                Delivery(self.upstream, self.term, [pair]).run()
        else:
            message, code = _REFUSED(error=error), _code_of(error)
            refusal = ChangeRefused(message, "", code) if code else None
            settle(self.term, *self.pairs[0], Intent.State.FAILED, error=message, refusal=refusal)

    def _after_silence(self, client: ManagementClient, error: str, took: float) -> None:
        """No response: what is there afterwards was done; what is not may still come."""
        self._wait(took)
        try:
            self._verify(self.resource.read(client))
        except UpstreamError as second:
            error = _AND_THEN(error=error, reason=second)
        self._leave_all_unknown(_SILENCE(error=error))

    def _leave_all_unknown(self, error: str, *, must_save: bool = False) -> None:
        for intent, _change in self.pairs:
            leave_unknown(self.term, intent, error, must_save=must_save)


def give_up(term: Term, intent: Intent, change: Change, error: str) -> None:
    """Failed if nothing was ever sent, else unknown."""
    if intent.attempts:
        leave_unknown(term, intent, error, must_save=intent.must_save)
    else:
        settle(term, intent, change, Intent.State.FAILED, error=error)


def _code_of(error: Refused) -> str:
    """What the caller can do about it, not the upstream's operator; empty if that is nothing."""
    if isinstance(error, NotFound):
        return "RESOURCE_NOT_FOUND"
    return "UPSTREAM_REFUSED" if error.is_of_request else ""


def _too_late(intent: Intent) -> str:
    """Why it may not be sent (any more); empty if it may."""
    if intent.requested_at < timezone.now() - EXPIRY:
        return _TOO_LATE()
    later = Intent.objects.filter(
        upstream_id=intent.upstream_id,
        resource=intent.resource,
        subject=intent.subject,
        pk__gt=intent.pk,
    )
    if intent.attempts and (
        newer := later.filter(state=Intent.State.VERIFIED).order_by("pk").first()
    ):
        return _OVERTAKEN(number=newer.pk)
    return ""
