"""Everything that changes an upstream goes through here: durable, one at a time per upstream,
verified.

    submit     a row, committed before anything is sent ............... requested
    carry_out  in-process lock, then the lease `write:<upstream>`; its holder takes turns:
               the oldest intent and those that can share its write
               fresh read; what cannot be made from it ................ failed, compensated
               recorded as about to be sent ........................... applied
               one request, the smallest that does it
               wait until the upstream's reload has certainly passed, read back, repeat what
               is gone; read back and found ........................... verified
               no response, no read-back, or gone again and again ..... unknown

    requested --> applied --> verified
        |            |  '---> unknown --(rest, then read again)--> requested
        |            '(holder died: the next one)----------------> requested
        '--> failed           compensated: was or may have been sent, is not there, and is
                              not sent any more

Invariants
* The upstream has no versions and loses one of two quick writes by itself (contract 6.5). So one
  write per upstream at a time, of all processes, and none before the reload of the one before has
  passed.
* A state is recorded only by the lease's holder, in a transaction that proves its term. `applied`
  is recorded before the request leaves, so whatever may have an effect upstream has a row that
  shows it.
* No database transaction is open during a request to the upstream.
* Our half of a change (an owner, a key's row) is written in the transaction that settles it, or
  undone there.
* An intent settles as `verified` only on what was read back, after the reload. Sending again is
  harmless by the making of `Change`, so a crash anywhere is healed by reading and, if it is not
  there, sending again; not after `EXPIRY`, when no user expects it any more, nor after a newer
  change of the same subject.

Who waits: threads of one process wait for its lock, processes for the lease. The one that gets it
carries out the oldest first, of any user, until its own is done. Younger ones of the list whose
turn it is join in, but none is overtaken more than twice. The queue is bounded: beyond
`LONGEST_QUEUE` nothing is accepted.

The database's clock decides about the lease, ours only how long to wait. What cannot be had: the
upstream knows no tokens, so a holder frozen between recording and sending may still send once after
its term; the next one's reading back and `reconcile` find what that did.
"""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection, transaction
from django.utils.translation import gettext, override

from management_proxy.models import Upstream
from monitoring.advisory_locks import CHANGE_QUEUE
from monitoring.audit import trail
from monitoring.failpoints import around, failpoint
from monitoring.leases import LeaseLost, acquire, heartbeat, release
from providers.errors import ChangeRefused, QueueFull
from providers.funnel.changes import Change, store_change
from providers.funnel.turns import take_turn
from providers.models import Intent

LONGEST_QUEUE = 256
DEFAULT_WAIT_SECONDS = 20.0
# How often a process checks whether the lease is free, and a thread whether its change is settled
# by another process.
_POLL_SECONDS = 0.05
_THREAD_POLL_SECONDS = 0.3
_local_locks: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)

Actor = AbstractBaseUser | AnonymousUser | None


def submit(
    upstream: Upstream,
    change: Change,
    actor: Actor = None,
    reason: str = "",
    *,
    actor_name: str = "",
) -> Intent:
    """Record what is to be done, for `carry_out` once the caller's transaction is committed. Raises
    QueueFull, or ChangeRefused if the upstream was removed."""
    (intent,) = submit_all(upstream, [change], actor, reason, actor_name=actor_name)
    return intent


def submit_all(
    upstream: Upstream,
    changes: Sequence[Change],
    actor: Actor = None,
    reason: str = "",
    *,
    actor_name: str = "",
) -> list[Intent]:
    """The same for many changes, in their order; all or none. Raises what `submit` raises."""
    user = actor if isinstance(actor, AbstractBaseUser) else None
    name = user.get_username() if user else actor_name
    fields = {"reason": reason[:300], "actor_id": user.pk if user else None}
    intents = [Intent(upstream=upstream, actor_name=name[:150], **fields) for _ in changes]
    for intent, change in zip(intents, changes, strict=True):
        store_change(intent, change)
    with transaction.atomic():
        entries = trail.begin_all(
            actor,
            [(change.kind, change.title) for change in changes],
            upstream=upstream.name,
            detail={"reason": reason},
            actor_name=actor_name,
        )
        for intent, entry in zip(intents, entries, strict=True):
            intent.audit_entry = entry.pk
        _take_places(upstream, len(intents))
        Intent.objects.bulk_create(intents)
    return intents


def hold_places(upstream: Upstream) -> None:
    """Keep the upstream's queue closed until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "/* providers.funnel.writes.place */ SELECT pg_advisory_xact_lock(%s, %s)",
            [CHANGE_QUEUE, upstream.pk],
        )


def _take_places(upstream: Upstream, number: int) -> None:
    """Make ids follow the order in which rows become visible, until the transaction ends. Raises
    QueueFull, ChangeRefused."""
    hold_places(upstream)
    if not Upstream.objects.filter(pk=upstream.pk).exists():
        raise ChangeRefused(
            gettext("%(upstream)s was removed") % {"upstream": upstream.name},
            code="RESOURCE_NOT_FOUND",
        )
    waiting = Intent.objects.filter(upstream=upstream, state__in=Intent.UNSETTLED).count()
    if waiting + number > LONGEST_QUEUE:
        raise QueueFull(
            gettext("%(count)s changes wait for %(upstream)s already; try again in a minute")
            % {"count": LONGEST_QUEUE, "upstream": upstream.name},
            code="QUEUE_FULL",
        )


def carry_out(intent: Intent, wait_seconds: float = DEFAULT_WAIT_SECONDS) -> Intent:
    """See it through, together with what waits before it; comes back settled, `unknown`, or still
    waiting after the time given.

    Whatever is still waiting is carried out by the next one who comes, at the latest by the
    scheduled `reconcile`.
    """
    deadline = time.monotonic() + wait_seconds
    lock = _local_locks[intent.upstream_id]
    while intent.is_waiting and time.monotonic() < deadline:
        if lock.acquire(timeout=_THREAD_POLL_SECONDS):
            try:
                _serve_until_done(intent)
            finally:
                lock.release()
        intent.refresh_from_db()
    return intent


def perform(
    upstream: Upstream,
    change: Change,
    actor: Actor = None,
    reason: str = "",
    *,
    wait_seconds: float = DEFAULT_WAIT_SECONDS,
) -> Intent:
    """`submit` and `carry_out`. Raises QueueFull."""
    return carry_out(submit(upstream, change, actor, reason), wait_seconds)


def ahead_of(intent: Intent) -> int:
    """How many changes will be carried out before a waiting one."""
    return Intent.objects.filter(
        upstream_id=intent.upstream_id,
        state__in=(Intent.State.REQUESTED, Intent.State.APPLIED),
        pk__lt=intent.pk,
    ).count()


def finish_waiting(upstream: Upstream, wait_seconds: float = DEFAULT_WAIT_SECONDS) -> bool:
    """Carry out whatever waits or was interrupted; False if another process held the lease all the
    time."""
    deadline = time.monotonic() + wait_seconds
    while True:
        with _local_locks[upstream.pk]:
            if _serve(upstream, lambda: False):
                return True
        if time.monotonic() >= deadline:
            return False


def _serve_until_done(intent: Intent) -> None:
    intent.refresh_from_db()

    def is_done() -> bool:
        intent.refresh_from_db(fields=["state"])
        return not intent.is_waiting

    if intent.is_waiting:
        _serve(intent.upstream, is_done)


def _serve(upstream: Upstream, is_done: Callable[[], bool]) -> bool:
    """Take turns under the lease until `is_done` or nothing waits; False, after a moment, if
    another process holds it."""
    term = acquire(upstream.write_lease, settings.WRITE_LEASE_TTL_SECONDS)
    if term is None:
        time.sleep(random.uniform(0.4, 1.0) * _POLL_SECONDS)  # noqa: S311
        return False
    try:
        failpoint("write lease taken")
        # What is recorded of a change has readers of every language (monitoring/texts).
        with heartbeat(term), override(settings.LANGUAGE_CODE):
            while take_turn(upstream, term) and not is_done():
                pass
    except LeaseLost:
        return False
    finally:
        with around("write lease release"):
            release(term)
    return True
